"""What a writing connection remembers of the rows it wrote last, so that it need not read them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.watches import WatchTransaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ofd_gateway.alerts import State
    from ofd_gateway.ledger import FnState
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import RuleBook

__all__ = ["KnownState", "KnownWatch", "Memory", "RememberedWatches", "WatchNotRemembered"]

_CAPACITY: Final = 10_000
_LONGEST_CAUTION: Final = 1024


class KnownState(NamedTuple):
    """The state of an FN, and the number of the transaction that wrote it (the row's `xmin`)."""

    state: FnState
    written_by: int


class KnownWatch(NamedTuple):
    """The state of a watch, its customer's INN, and the number of the transaction that wrote it."""

    state: State
    customer_inn: str | None
    written_by: int


class Memory:
    """States and watches as one connection left them. They may have been changed by others since.

    What is taken out is gone until it is kept again, so a transaction that fails leaves nothing wrong behind. An FN
    that others were found to write as well is not remembered for its next documents, twice as many each time.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._states: dict[str, KnownState] = {}
        self._watches: dict[str, KnownWatch] = {}
        self._cautions: dict[str, tuple[int, int]] = {}

    def take_states(self, fns: Collection[str]) -> dict[str, KnownState] | None:
        """The states of these FNs, None when one is not known."""
        states = self._states
        for fn in fns:
            if fn not in states:
                return None
        return {fn: states.pop(fn) for fn in fns}

    def take_watch(self, key: str) -> KnownWatch | None:
        """The watch under that key, None when it is not known."""
        return self._watches.pop(key, None)

    def keep(
        self, states: Iterable[FnState], watches: Iterable[tuple[str, State, str | None]], written_by: int
    ) -> None:
        """Remembers what that transaction has written and committed."""
        for state in states:
            if self._is_trusted(state.fn):
                self._states.pop(state.fn, None)
                self._states[state.fn] = KnownState(state, written_by)
        for key, watch, customer_inn in watches:
            self._watches.pop(key, None)
            self._watches[key] = KnownWatch(watch, customer_inn, written_by)
        _shorten(self._states, self._capacity)
        _shorten(self._watches, self._capacity)

    def forget(self, fns: Iterable[str], keys: Iterable[str]) -> None:
        """The rows of these FNs and watches were written in some other way."""
        for fn in fns:
            self._states.pop(fn, None)
        for key in keys:
            self._watches.pop(key, None)

    def mistrust(self, fns: Iterable[str]) -> None:
        """Others write these FNs too."""
        for fn in fns:
            _, length = self._cautions.pop(fn, (0, 1))
            self._cautions[fn] = (length, min(2 * length, _LONGEST_CAUTION))
        _shorten(self._cautions, self._capacity)

    def clear(self) -> None:
        """Forgets all states and watches."""
        self._states.clear()
        self._watches.clear()

    def _is_trusted(self, fn: str) -> bool:
        if fn not in self._cautions:
            return True
        left, length = self._cautions[fn]
        if left:
            self._cautions[fn] = (left - 1, length)
        return not left


class WatchNotRemembered(OfdGatewayError):
    """A watch must be read from the database first."""


class RememberedWatches(WatchTransaction):
    """Watches out of the memory: nothing is locked, so they are written only if nobody else has written them since."""

    def __init__(self, connection: Connection, rules: RuleBook, memory: Memory) -> None:
        super().__init__(connection, rules)
        self._memory = memory

    async def lock(self, keys: set[str], *, if_there: set[str] | None = None) -> None:
        """Takes the watches out of the memory; raises WatchNotRemembered."""
        for key in keys | (if_there or set()):
            if key in self:
                continue
            known = self._memory.take_watch(key)
            if known is None:
                raise WatchNotRemembered(key)
            self.hold(key, known.state, known.customer_inn, known.written_by)


def _shorten(remembered: dict[str, KnownState] | dict[str, KnownWatch] | dict[str, tuple[int, int]], size: int) -> None:
    while len(remembered) > size:
        del remembered[next(iter(remembered))]
