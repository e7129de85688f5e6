"""Live equals replay: the same history gives the same alerts, however often anybody looks and whatever restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.alerts import (
    ConflictSeen,
    ConflictSettled,
    DocumentAccepted,
    DownTime,
    FnDetached,
    FnsQueueMoved,
    FnsRefused,
    Parameters,
    RegisterConfigured,
    RegisterRemoved,
    ServicePaid,
    State,
    Transition,
    WorkingCalendar,
    decode_state,
    encode_state,
    engine,
    register_state,
    step,
)
from ofd_gateway.alerts.parameters import FnFillingParameters
from tests.alerts.scene import FN, MOSCOW, OTHER_FN, START, days, hours, make_document, minutes, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ofd_gateway.alerts import Event, StepResult

fns = st.sampled_from([FN, FN, FN, OTHER_FN])
fds = st.integers(1, 40)
spans = st.one_of(
    st.sampled_from([timedelta(), minutes(10), hours(12), hours(24), hours(48), days(4), days(14)]),
    st.integers(0, 60 * 24 * 20).map(minutes),
    st.integers(0, 90).map(minutes),
)


@st.composite
def documents(draw: st.DrawFn) -> Callable[[datetime], Event]:
    code = draw(st.sampled_from([3, 3, 3, 3, 31, 2, 5, 5, 21, 1, 11, 6]))
    fn, fd = draw(fns), draw(fds)
    shift = draw(st.integers(1, 3))
    response_code = draw(st.sampled_from([0, 0, 0, 14]))
    generation = draw(st.sampled_from([0, 0, 0, 0, 1]))
    lag = draw(st.sampled_from([timedelta(), timedelta(), hours(5), days(6), days(-400), days(400)]))
    tags: dict[int, int | bytes] = {}
    for tag, values in ((1050, (0, 1)), (1051, (0, 1)), (1052, (0, 1)), (1053, (0, 1)), (1002, (0, 0, 1))):
        if draw(st.integers(0, 5)) == 0:
            tags[tag] = draw(st.sampled_from(values))
    if draw(st.booleans()):
        tags[1213] = draw(st.sampled_from([0, 2, 20, 44, 60, 400]))
    if draw(st.booleans()):
        tags[1097] = draw(st.integers(0, 4))
    dated_ago = draw(st.none() | st.integers(0, 30))
    if draw(st.integers(0, 3)) == 0:
        tags[1116] = draw(fds)

    def make(at: datetime) -> Event:
        local = (at - lag).astimezone(MOSCOW).replace(tzinfo=None)
        if dated_ago is not None:
            tags[1098] = seconds_of(local.date() - days(dated_ago))
        document = make_document(code, fd, local, fn=fn, shift=shift, tags=tags)
        return DocumentAccepted(
            at=at, fn=fn, fd=fd, document=document, generation=generation, response_code=response_code
        )

    return make


@st.composite
def events(draw: st.DrawFn) -> Callable[[datetime], Event | None]:
    what = draw(st.integers(0, 9))
    fn, fd = draw(fns), draw(fds)
    number = draw(st.integers(0, 60))
    code = draw(st.sampled_from(["507", "420"]))
    flag = draw(st.booleans())
    calendar = draw(st.sampled_from([None, WorkingCalendar(week=((0, 1440),) * 5 + (None, None))]))
    zone = draw(st.sampled_from([None, "Asia/Omsk", "Europe/Berlin"]))
    makers: dict[int, Callable[[datetime], Event | None]] = {
        0: lambda at: ServicePaid(at=at, paid_until=at + days(number - 5) if number else None),
        1: lambda at: RegisterConfigured(at=at, timezone=zone, calendar=calendar, watch_unsold=flag),
        2: lambda at: RegisterRemoved(at=at) if number < 10 else None,
        3: lambda at: FnsRefused(at=at, fn=fn, fd=fd, code=code),
        4: lambda at: FnsQueueMoved(
            at=at, queued=number, oldest_queued_at=at - hours(number) if number else None, accepted=flag
        ),
        5: lambda at: ConflictSeen(at=at, fn=fn, fd=fd),
        6: lambda at: ConflictSettled(at=at, fn=fn, fd=fd),
        7: lambda at: FnDetached(at=at, fn=fn) if number < 10 else None,
    }
    return makers.get(what, lambda at: None)


@st.composite
def sales(draw: st.DrawFn) -> list[tuple[timedelta, Callable[[datetime], Event | None]]]:
    """Ordinary work: receipts one after the other, which take the engine's short way."""
    first = draw(st.integers(1, 20))
    gap = draw(st.sampled_from([minutes(1), hours(1), hours(24)]))

    def make(fd: int) -> Callable[[datetime], Event]:
        def at_moment(at: datetime) -> Event:
            local = at.astimezone(MOSCOW).replace(tzinfo=None)
            return DocumentAccepted(at=at, fn=FN, fd=fd, document=make_document(3, fd, local, shift=1))

        return at_moment

    return [(gap, make(fd)) for fd in range(first, first + draw(st.integers(1, 12)))]


single = st.tuples(spans, documents() | events()).map(lambda happening: [happening])
histories = st.lists(single | sales(), min_size=1, max_size=14).map(lambda parts: list(chain.from_iterable(parts)))
thresholds = Parameters(
    fn_filling=FnFillingParameters(capacity=20),
    down_times=(DownTime(START + hours(20), START + hours(31)), DownTime(START + days(9), START + days(10))),
)


@dataclass(slots=True)
class Run:
    """One way through a history."""

    state: State
    changes: list[Transition]

    def take(self, result: StepResult) -> None:
        assert result.failures == ()
        self.state = result.state
        self.changes.extend(result.changes)


def undisturbed(history: list[tuple[timedelta, Callable[[datetime], Event | None]]]) -> tuple[Run, datetime]:
    run, now = Run(register_state(), []), START
    for span, make in history:
        now += span
        run.take(step(run.state, make(now), now, thresholds))
    now += days(60)
    run.take(step(run.state, None, now, thresholds))
    return run, now


@given(history=histories, data=st.data())
@settings(max_examples=150, deadline=None)
def test_looking_at_any_moment_and_restarting_changes_nothing(
    history: list[tuple[timedelta, Callable[[datetime], Event | None]]], data: st.DataObject
) -> None:
    expected, _ = undisturbed(history)
    run, now = Run(register_state(), []), START
    for span, make in [*history, (days(60), lambda at: None)]:
        before = now
        now += span
        for share in sorted(data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.99, 1.0]), max_size=2))):
            run.state = decode_state(encode_state(run.state))
            run.take(step(run.state, None, before + span * share, thresholds))
        run.take(step(run.state, make(now), now, thresholds))
    assert run.changes == expected.changes
    assert run.state.open == expected.state.open


@given(history=histories)
@settings(max_examples=80, deadline=None)
def test_a_sleeper_that_wakes_exactly_when_due_changes_nothing(
    history: list[tuple[timedelta, Callable[[datetime], Event | None]]],
) -> None:
    expected, _ = undisturbed(history)
    run, now = Run(register_state(), []), START
    for span, make in [*history, (days(60), lambda at: None)]:
        now += span
        while run.state.next_check_at is not None and run.state.next_check_at < now:
            due = run.state.next_check_at
            run.take(step(run.state, None, due, thresholds))
            assert run.state.next_check_at is None or run.state.next_check_at > due
        run.take(step(run.state, make(now), now, thresholds))
    assert run.changes == expected.changes


@given(history=histories)
@settings(max_examples=100, deadline=None)
def test_the_short_way_of_ordinary_receipts_skips_nothing(
    history: list[tuple[timedelta, Callable[[datetime], Event | None]]],
) -> None:
    expected, _ = undisturbed(history)
    run, now = Run(register_state(), []), START
    for span, make in [*history, (days(60), lambda at: None)]:
        now += span
        run.take(engine._Walk(run.state, thresholds).through(make(now), now))
    assert run.changes == expected.changes
    assert run.state.facts == expected.state.facts


@given(history=histories, jumps=st.lists(st.integers(-72, 72).map(hours), max_size=14))
@settings(max_examples=150, deadline=None)
def test_whatever_the_clock_does_nothing_is_told_twice_and_levels_only_rise(
    history: list[tuple[timedelta, Callable[[datetime], Event | None]]], jumps: list[timedelta]
) -> None:
    run, now = Run(register_state(), []), START
    for number, (span, make) in enumerate(history):
        now += span + (jumps[number] if number < len(jumps) else timedelta())
        run.take(step(run.state, make(now), now, thresholds))
    told: set[tuple[str, str, str, str]] = set()
    heaviest: dict[tuple[str, str], float] = {}
    open_now: set[tuple[str, str]] = set()
    for change in run.changes:
        episode = (change.rule, change.episode)
        if change.kind.value == "resolved":
            open_now.remove(episode)
            continue
        identity = (change.rule, change.subject.id, change.episode, change.level.name)
        assert identity not in told
        told.add(identity)
        assert (change.kind.value == "raised") == (episode in open_now)
        assert change.level.weight > heaviest.get(episode, float("-inf"))
        heaviest[episode] = change.level.weight
        open_now.add(episode)
    assert open_now == {(alert.rule, alert.episode) for alert in run.state.open}
