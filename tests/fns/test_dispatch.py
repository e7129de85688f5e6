"""Lines, answers and settlements, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.dispatch import (
    Answer,
    DispatchParameters,
    Line,
    QueuedDocument,
    Status,
    Trouble,
    backoff,
    pause,
    settle,
)
from tests.fns.scene import MINUTE, NOON, SECOND

PARAMETERS = DispatchParameters(retry_min=2 * SECOND, retry_max=MINUTE, tries=3, late_after=10 * MINUTE)


def document(fd: int, fn: str = "1") -> QueuedDocument:
    return QueuedDocument(fn=fn, generation=0, fd=fd, document_code=3, ffd="1.2", received_at=NOON, container=b"")


def line(*numbers: int, fn: str = "1", **known: object) -> Line:
    return Line(fn=fn, documents=tuple(document(fd, fn) for fd in numbers), **known)  # type: ignore[arg-type]


def answers(**statuses: Status) -> dict[tuple[str, int, int], Answer]:
    return {("1", 0, int(fd[1:])): Answer(status=status) for fd, status in statuses.items()}


@pytest.mark.parametrize(
    ("failures", "draw", "seconds"),
    [(1, 0.0, 2), (2, 0.0, 4), (3, 0.0, 8), (5, 0.0, 32), (6, 0.0, 60), (1000, 0.0, 60), (1, 1.0, 1.6), (6, 0.5, 54)],
)
def test_pauses_double_up_to_the_longest(failures: int, draw: float, seconds: float) -> None:
    assert backoff(failures, PARAMETERS, draw) == timedelta(seconds=seconds)


def test_a_longest_pause_below_the_first_wins() -> None:
    parameters = DispatchParameters(retry_min=MINUTE, retry_max=SECOND)
    assert backoff(1, parameters, 0.0) == SECOND


def test_decisions_and_the_pause_of_a_line() -> None:
    told = answers(d1=Status.ACCEPTED, d2=Status.POSTPONED, d3=Status.REFUSED)
    settled = settle([line(1, 2, 3, failures=2, failing_since=NOON)], told, NOON + SECOND, PARAMETERS, 0.0)
    assert [(one.document.fd, one.answer.status) for one in settled.decisions] == [
        (1, Status.ACCEPTED),
        (3, Status.REFUSED),
    ]
    (paused,) = settled.pauses
    assert (paused.document.fd, paused.failures, paused.trouble) == (2, 1, Trouble("postponed"))
    assert (paused.failing_since, paused.next_attempt_at) == (NOON + SECOND, NOON + 3 * SECOND)


def test_what_the_postponement_says_is_kept() -> None:
    told = {("1", 0, 1): Answer(status=Status.POSTPONED, code=3, text="занято")}
    (paused,) = settle([line(1)], told, NOON, PARAMETERS, 0.0).pauses
    assert str(paused.trouble) == "postponed: 3 занято"


def test_no_answer_is_a_trouble_of_its_own() -> None:
    (paused,) = settle([line(1)], {}, NOON, PARAMETERS, 0.0).pauses
    assert paused.trouble == Trouble("no_answer")


@pytest.mark.parametrize(
    ("failures", "since", "is_told", "is_news"),
    [
        (0, None, False, False),
        (1, NOON, False, False),
        (2, NOON, False, True),
        (2, NOON, True, False),
        (1, NOON - 10 * MINUTE, False, True),
        (1, NOON - 10 * MINUTE + SECOND, False, False),
    ],
)
def test_when_an_owner_is_told(failures: int, since: object, is_told: bool, is_news: bool) -> None:
    one = line(1, failures=failures, failing_since=since, is_told=is_told)
    paused = pause(one, Trouble("timeout"), NOON, PARAMETERS, 0.0)
    assert (paused.is_news, paused.is_told) == (is_news, is_news or is_told)


def test_an_empty_settlement_is_false() -> None:
    assert not settle([], {}, NOON, PARAMETERS, 0.0)


statuses = st.dictionaries(
    st.tuples(st.sampled_from("123"), st.integers(0, 1), st.integers(1, 6)), st.sampled_from(Status), max_size=30
)


@given(
    st.dictionaries(st.sampled_from("12"), st.sets(st.integers(1, 6), min_size=1), max_size=2),
    statuses,
    st.floats(0, 1),
)
def test_each_document_is_decided_on_or_waits(
    wanted: dict[str, set[int]], told: dict[tuple[str, int, int], Status], draw: float
) -> None:
    """Whatever is answered: nothing is decided without a word about it, and a line pauses where the first one waits."""
    lines = [line(*sorted(numbers), fn=fn) for fn, numbers in wanted.items()]
    given_answers = {key: Answer(status=status) for key, status in told.items()}
    settled = settle(lines, given_answers, NOON, PARAMETERS, draw)
    decided = {one.document.key for one in settled.decisions}
    assert decided == {
        one.key for each in lines for one in each.documents if one.key in told and told[one.key] is not Status.POSTPONED
    }
    for each in lines:
        waiting = [one.key for one in each.documents if one.key not in decided]
        assert [one.document.key for one in settled.pauses if one.document.fn == each.fn] == waiting[:1]
