"""The rules of faults on demand, and the counters that all processes share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.faults import Claim, Fault, fires, is_spent, parse_fault, spell_fault

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Sequence

    from ofd_gateway.storage.database import Database

__all__ = ["FaultBook", "FaultRecord", "FaultUnknown", "FaultsOff", "TooManyFaults"]

MOST_FAULTS: Final = 1000

_COLUMNS: Final = "id, rule::text AS rule, source, created_at, seen, hits, last_hit_at"
_LIST: Final = f"SELECT {_COLUMNS} FROM faults ORDER BY id"  # noqa: S608  constants
_ADD: Final = f"""
INSERT INTO faults (rule, source, created_at)
SELECT $1::text::jsonb, $2, $3 WHERE (SELECT count(*) FROM faults) < {MOST_FAULTS}
RETURNING {_COLUMNS}
"""  # noqa: S608  constants
_REMOVE: Final = "DELETE FROM faults WHERE id = $1 RETURNING id"
_CLEAR: Final = "WITH gone AS (DELETE FROM faults RETURNING 1) SELECT count(*) FROM gone"
_SWITCH: Final = "UPDATE fault_switch SET enabled = $1"
_IS_ENABLED: Final = "SELECT enabled FROM fault_switch"
_VERSION: Final = "SELECT version FROM fault_switch"
_SEE: Final = "UPDATE faults SET seen = seen + 1 WHERE id = $1 RETURNING seen, hits"
_HIT: Final = "UPDATE faults SET hits = hits + 1, last_hit_at = $2 WHERE id = $1"


class FaultRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and what came of it. `seen` counts the answers that its conditions let through, `hits` applications.

    `source` is `settings`, `command` or `http`.
    """

    id: int
    fault: Fault
    source: str
    created_at: datetime
    seen: int
    hits: int
    last_hit_at: datetime | None

    @property
    def is_spent(self) -> bool:
        """Whether it can never be applied again."""
        return is_spent(self.fault, seen=self.seen, hits=self.hits)

    def line(self) -> dict[str, Any]:
        """The rule as `faults list --json` and the HTTP API show it."""
        return {
            "id": self.id,
            **spell_fault(self.fault),
            "source": self.source,
            "created_at": self.created_at.isoformat(),
            "seen": self.seen,
            "hits": self.hits,
            "last_hit_at": None if self.last_hit_at is None else self.last_hit_at.isoformat(),
            "spent": self.is_spent,
        }


class FaultsOff(OfdGatewayError):
    """The gateway of this database does not apply faults, so that nobody breaks a register by accident."""

    def __init__(self) -> None:
        super().__init__(
            "неисправности выключены: запустите serve с --faults FILE или faults.enabled = true / "
            "faults are off: start serve with --faults FILE or faults.enabled = true"
        )


class FaultUnknown(OfdGatewayError):
    """There is no fault with this number."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"неисправности {id_} нет / no such fault")


class TooManyFaults(OfdGatewayError):
    """The table of rules is full; some must go first."""

    def __init__(self) -> None:
        super().__init__(f"неисправностей уже {MOST_FAULTS} / there are {MOST_FAULTS} faults already")


class FaultBook:
    """The rules in the database. Whatever a person asks raises `FaultsOff` while the gateway does not apply faults.

    Everything raises `DatabaseUnavailable` when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def switch(self, configured: Iterable[Fault] | None, now: datetime) -> None:
        """What the gateway says when it starts: its configured rules, whose counters begin anew, or None for off.

        Rules that people added stay.
        """
        async with self._database.reading() as connection, connection.transaction():
            await connection.execute(_SWITCH, configured is not None)
            await connection.execute("DELETE FROM faults WHERE source = 'settings'")
            for fault in configured or ():
                await connection.fetchrow(_ADD, _json(fault), "settings", now)

    async def require_on(self) -> None:
        """Raises `FaultsOff` unless the gateway that started last applies faults."""
        async with self._database.reading() as connection:
            if not await connection.fetchval(_IS_ENABLED):
                raise FaultsOff

    async def list(self) -> builtins.list[FaultRecord]:
        """All rules in the order in which they are tried."""
        await self.require_on()
        return await self._all()

    async def add(self, fault: Fault, source: str, now: datetime) -> FaultRecord:
        """A new rule, tried after those that are there. Raises `TooManyFaults`."""
        await self.require_on()
        async with self._database.reading() as connection:
            row = await connection.fetchrow(_ADD, _json(fault), source, now)
        if row is None:
            raise TooManyFaults
        return _record(row)

    async def remove(self, id_: int) -> None:
        """Takes one rule away. Raises `FaultUnknown`."""
        await self.require_on()
        async with self._database.reading() as connection:
            if await connection.fetchval(_REMOVE, id_) is None:
                raise FaultUnknown(id_)

    async def clear(self) -> int:
        """Takes all rules away, those of the settings too, and says how many there were."""
        await self.require_on()
        async with self._database.reading() as connection:
            return int(await connection.fetchval(_CLEAR))

    async def version(self) -> int:
        """A number that grows when rules come or go."""
        async with self._database.reading() as connection:
            return int(await connection.fetchval(_VERSION))

    async def active(self) -> Sequence[tuple[int, Fault]]:
        """Number and rule of those that are not spent, in the order in which they are tried."""
        return [(record.id, record.fault) for record in await self._all() if not record.is_spent]

    async def claim(self, id_: int, fault: Fault, now: datetime) -> Claim:
        """Counts one answer that the conditions let through, and says whether the fault is applied to it.

        Processes that claim at the same time wait for each other, so that `times = 1` is once.
        """
        async with self._database.reading() as connection, connection.transaction():
            row = await connection.fetchrow(_SEE, id_)
            if row is None:
                return Claim(applied=False, spent=True)
            seen, hits = row["seen"], row["hits"]
            applied = fires(fault, seen=seen, hits=hits)
            if applied:
                await connection.execute(_HIT, id_, now)
            return Claim(applied=applied, spent=is_spent(fault, seen=seen, hits=hits + applied))

    async def _all(self) -> builtins.list[FaultRecord]:
        async with self._database.reading() as connection:
            return [_record(row) for row in await connection.fetch(_LIST)]


def _json(fault: Fault) -> str:
    return msgspec.json.encode(spell_fault(fault)).decode()


def _record(row: Any) -> FaultRecord:
    values = dict(row)
    return FaultRecord(fault=parse_fault(msgspec.json.decode(values.pop("rule"))), **values)
