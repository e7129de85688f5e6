"""Live equals replay: whatever crashes, whoever looks and how often, the database ends with the same alerts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from struct import pack
from typing import TYPE_CHECKING, Any

import pytest
from endurance.judge import alert_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofd_gateway.alerts import ConflictSeen, DocumentAccepted, Parameters
from ofd_gateway.alerts.incident import IncidentParameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.alerts.parameters import FnFillingParameters
from ofd_gateway.ledger import FnState, StoredDocument, Verdict
from ofd_gateway.storage import Database, DeadlineStore, Directory, StoreFailed, Watching, commit
from ofd_gateway.storage.commit import CommitConnection
from ofd_gateway.storage.observations import Homes, follow
from ofd_gateway.storage.replay import MemoryWatches, news, replay
from tests.alerted import START, document
from tests.storage.arrivals import arrival, ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import asyncpg

    from ofd_gateway.ledger import Arrival, BatchDecision
    from ofd_gateway.storage.alert_records import Finding

FNS = ("8710000100000001", "8710000100000002", "9999078900000001")
REGISTERS = ("0000000000024136", "0000000000024137")
LOST_FOR = timedelta(seconds=7)
PARAMETERS = Parameters(fn_filling=FnFillingParameters(capacity=20))
WRITE = commit._write
STATE_COLUMNS = commit._state_columns
TABLES = "documents, quarantine, fn_states, watches, alerts, alert_changes, letter_groups"


@dataclass(frozen=True)
class Sending:
    """One document. `move`: how its number follows the largest one sent of its FN."""

    fn: str
    register: str | None
    code: int
    move: str
    shift: int
    tags: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Happening:
    """After `wait` these documents come in one batch; before that somebody looks at these shares of the wait."""

    wait: timedelta
    looks: tuple[float, ...]
    batch: tuple[Sending, ...]
    crash: str


SIZES = {1052: 1, 1053: 1, 1097: 4, 1098: 4, 1116: 4, 1213: 2}
tags = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([1052, 1053]), st.integers(0, 1)),
        st.tuples(st.just(1097), st.integers(0, 3)),
        st.tuples(st.just(1098), st.integers(0, 30).map(lambda ago: int((START - timedelta(days=ago)).timestamp()))),
        st.tuples(st.just(1116), st.integers(1, 12)),
        st.tuples(st.just(1213), st.sampled_from([0, 2, 20, 44, 400])),
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(tuple)
sendings = st.builds(
    Sending,
    fn=st.sampled_from([FNS[0], *FNS]),
    register=st.sampled_from([REGISTERS[0], *REGISTERS, None]),
    code=st.sampled_from([3, 3, 3, 2, 5, 21, 1, 6]),
    move=st.sampled_from(["next", "next", "next", "next", "skip", "late", "repeat", "conflict", "restart"]),
    shift=st.integers(1, 2),
    tags=tags,
)
waits = st.one_of(
    st.sampled_from([timedelta(seconds=1), timedelta(minutes=10), timedelta(hours=24), timedelta(days=4)]),
    st.integers(1, 20 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
histories = st.lists(
    st.builds(
        Happening,
        wait=waits,
        looks=st.lists(st.sampled_from([0.3, 0.9, 1.0]), max_size=2, unique=True).map(sorted).map(tuple),
        batch=st.lists(sendings, max_size=3).map(tuple),
        crash=st.sampled_from(["none", "none", "before", "after"]),
    ),
    min_size=1,
    max_size=12,
)


@dataclass
class Registers:
    """What the registers send: numbers go up, and what was sent once can be sent again."""

    largest: dict[str, int] = field(default_factory=dict)
    sent: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)

    def send(self, sending: Sending, at: datetime) -> Arrival:
        known = self.largest.get(sending.fn, 0)
        if sending.move == "repeat" and sending.fn in self.sent:
            fd, code, body = self.sent[sending.fn]
            return arrival(sending.fn, fd, code=code, body=body, received_at=at)
        moves = {"skip": known + 3, "late": max(1, known - 2), "conflict": max(1, known), "restart": 1}
        fd = moves.get(sending.move, known + 1)
        code = 1 if sending.move == "restart" else sending.code
        extra = {f"t{tag}": value.to_bytes(SIZES[tag], "little") for tag, value in sending.tags}
        body = document(sending.fn, fd, code, at, register=sending.register, t1038=pack("<I", sending.shift), **extra)
        self.largest[sending.fn] = fd if sending.move == "restart" else max(fd, known)
        self.sent[sending.fn] = (fd, code, body)
        return arrival(sending.fn, fd, code=code, body=body, received_at=at)


class Undisturbed:
    """The same history without a database: nothing crashes, and nobody looks before the end."""

    def __init__(self) -> None:
        self.watches = MemoryWatches(lambda inn: PARAMETERS)
        self._states: dict[str, FnState] = {}
        self._stored: dict[tuple[str, int], list[StoredDocument]] = {}
        self._homes = Homes()

    async def take(self, batch: list[Arrival]) -> None:
        for one in batch:
            state = self._states.setdefault(one.container.fn, FnState(fn=one.container.fn))
            decided = ledger().decide([one], {state.fn: state}, self._stored, one.received_at)
            await self._observe(decided)

    async def _observe(self, decided: BatchDecision) -> None:
        (decision,) = decided.decisions
        fn, fd = decision.arrival.key
        at = decision.arrival.received_at
        if decision.verdict is Verdict.CONFLICT:
            await follow(self.watches, self._homes, fn, None, ConflictSeen(at=at, fn=fn, fd=fd))
        if decision.verdict is not Verdict.ACCEPTED:
            return
        (row,) = decided.documents
        names = StoredDocument.__struct_fields__
        self._stored.setdefault((fn, fd), []).append(StoredDocument(**{name: getattr(row, name) for name in names}))
        event = DocumentAccepted(
            at=at,
            fn=fn,
            fd=fd,
            document=decision.arrival.document,
            generation=decision.generation,
            response_code=decision.response_code,
        )
        await follow(self.watches, self._homes, fn, row.registration_number, event)


class Crashing(CommitConnection):
    """A connection that is lost when it is told to: `before` COMMIT, or `after` it on the way back."""

    crash = "none"

    async def _commit(self, *arguments: Any) -> BatchDecision:
        with pytest.MonkeyPatch.context() as patch:
            if self.crash == "before":
                patch.setattr(commit, "_write", _written_in_vain)
                patch.setattr(commit, "_state_columns", self._lost_before_sending)
            decided = await super()._commit(*arguments)
        if self.crash == "after":
            assert self._connection is not None
            self._drop(self._connection)
            raise StoreFailed("the answer is lost", committed="unknown")
        return decided

    def _lost_before_sending(self, states: Sequence[FnState], written_by: Sequence[int] | None = None) -> Any:
        if written_by is not None:
            assert self._connection is not None
            self._connection.terminate()
        return STATE_COLUMNS(states, written_by)


async def _written_in_vain(connection: asyncpg.Connection[asyncpg.Record], *arguments: Any) -> Any:
    outcome = await WRITE(connection, *arguments)
    connection.terminate()
    return outcome


@dataclass
class Live:
    """The same history in a database, by two processes that look at deadlines."""

    database: Database
    commits: Crashing
    deadlines: tuple[DeadlineStore, DeadlineStore]

    async def look(self, now: datetime) -> None:
        for _ in range(20):
            looked = await asyncio.gather(*(one.look(now) for one in self.deadlines))
            if not any(one.stepped for one in looked):
                return
        raise AssertionError(f"watches stay due at {now}")

    async def take(self, batch: list[Arrival], crash: str) -> None:
        self.commits.crash = crash
        sending = self.commits.commit(batch, ledger(), batch[-1].received_at)
        if crash == "none":
            await sending
            return
        with pytest.raises(StoreFailed):
            await sending

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(query)]


ALERTS = """
SELECT rule, subject, episode, level, opened_at, raised_at, resolved_at, coalesce(end_reason, '') AS why FROM alerts
ORDER BY rule, subject, episode, opened_at
"""
CHANGES = "SELECT kind, at, rule, subject, episode, level FROM alert_changes ORDER BY at, rule, subject, episode, kind"


def changes_of(findings: Iterable[Finding]) -> list[tuple[Any, ...]]:
    rows = [
        (change.kind.value, change.at, change.rule, change.subject.id, change.episode, change.level.name)
        for change in (finding.change for finding in findings)
    ]
    return sorted(rows, key=lambda row: (row[1], row[2], row[3], row[4], row[0]))


@pytest.mark.timeout(600)  # a counterexample is made small first
@given(history=histories)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_live_equals_replay(dsn: str, history: list[Happening]) -> None:
    database = await Database.connect(dsn)
    directory = Directory(PARAMETERS, NoticeParameters())
    commits = Crashing(dsn, timeout_s=10, watching=Watching(directory, lambda outcome: None))
    store = DeadlineStore(database, directory, IncidentParameters(), lambda outcome: None)
    other = DeadlineStore(database, directory, IncidentParameters(), lambda outcome: None)
    live, pure, registers = Live(database, commits, (store, other)), Undisturbed(), Registers()
    try:
        await live.rows(f"TRUNCATE {TABLES}")
        now = START
        for happening in history:
            for share in happening.looks:
                await live.look(now + happening.wait * share)
            now += happening.wait
            batch = []
            for sending in happening.batch:
                now += timedelta(seconds=20)
                batch.append(registers.send(sending, now))
            if not batch:
                continue
            await live.take(batch, happening.crash)
            if happening.crash == "after":
                await pure.take(batch)
            if happening.crash != "none":
                now = batch[-1].received_at + LOST_FOR * (len(batch) + 1)
                batch = [_again(one, batch[-1].received_at + LOST_FOR * number) for number, one in enumerate(batch, 1)]
                await live.take(batch, "none")
            await pure.take(batch)
        now += timedelta(days=60)
        await live.look(now)
        pure.watches.pass_time(now)
        expected = news(pure.watches.findings)
        assert pure.watches.failures == []
        assert await live.rows(ALERTS) == alert_rows(expected)
        assert await live.rows(CHANGES) == changes_of(expected)
        replayed = await replay(database, directory, since=START, until=now)
        assert alert_rows(replayed.findings) == alert_rows(expected)
        assert changes_of(replayed.findings) == changes_of(expected)
    finally:
        await commits.close()
        await database.close()


def _again(one: Arrival, at: datetime) -> Arrival:
    container = one.container
    sign = container.message_sign[2:]
    return arrival(
        container.fn, container.fd, code=container.document_code, sign=sign, body=container.body, received_at=at
    )
