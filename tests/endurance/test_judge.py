"""The judge of the soak: whatever is lost, doubled, changed or missing is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from endurance.judge import (
    LetterRow,
    StoredRow,
    ToldRow,
    alert_findings,
    digest,
    document_findings,
    letter_findings,
)
from endurance.logs import EXPECTED_ERRORS, LogReader
from endurance.measures import growth_findings

FN = "9999000001000001"
OTHER = "9999000001000002"
CONFIRMED = {(fn, fd): digest(f"{fn} {fd}".encode()) for fn in (FN, OTHER) for fd in (1, 2, 3)}
STORED = [StoredRow(fn, 0, fd, bytes_) for (fn, fd), bytes_ in CONFIRMED.items()]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OPEN = ("fn_filling", "0000000000024136", FN, "80", NOW, NOW, None, "")
OVER = ("fd_gap", FN, f"{FN}:2", "gap", NOW, NOW, NOW + timedelta(seconds=9), "over")
LETTERS = [LetterRow("<1@ofd>", "sent"), LetterRow("<2@ofd>", "sent")]
RECEIVED = {"<1@ofd>": 1, "<2@ofd>": 1}
TOLD = [
    ToldRow("fn_filling", None, (("80", "FIRST"),)),
    ToldRow("shift_too_long", timedelta(seconds=20), (("24h", "FIRST"),)),
]


def test_what_is_as_it_should_be_is_no_finding() -> None:
    assert document_findings(CONFIRMED, STORED) == []


def test_a_document_that_nobody_was_told_of_is_no_finding() -> None:
    assert document_findings(CONFIRMED, [*STORED, StoredRow(FN, 0, 4, b"unanswered")]) == []


def test_a_lost_document_is_found() -> None:
    assert document_findings(CONFIRMED, STORED[:-1]) == [
        f"confirmed and not stored: {(OTHER, 3)}",
        f"missing before a confirmed document: {(OTHER, 3)}",
    ]


def test_a_document_stored_twice_is_found() -> None:
    again = replace(STORED[1], generation=1)
    assert document_findings(CONFIRMED, [*STORED, again]) == [f"stored more than once: {(FN, 2)}"]


def test_a_changed_byte_is_found() -> None:
    changed = replace(STORED[0], digest=digest(b"another byte"))
    assert document_findings(CONFIRMED, [changed, *STORED[1:]]) == [f"stored with other bytes: {(FN, 1)}"]


def test_a_number_missing_before_a_confirmed_one_is_found() -> None:
    confirmed = {key: own for key, own in CONFIRMED.items() if key != (FN, 2)}
    stored = [row for row in STORED if (row.fn, row.fd) != (FN, 2)]
    assert document_findings(confirmed, stored) == [f"missing before a confirmed document: {(FN, 2)}"]


def test_many_findings_are_counted() -> None:
    confirmed = {(FN, fd): b"" for fd in range(1, 101)}
    findings = document_findings(confirmed, [])
    assert "confirmed and not stored: 90 more" in findings
    assert len(findings) == 22


def test_the_alerts_of_a_clean_run_are_no_finding() -> None:
    assert alert_findings([OPEN, OVER], [OVER, OPEN]) == []


def test_a_missing_alert_is_found() -> None:
    assert alert_findings([OPEN, OVER], [OPEN]) == [f"alert lost or different: {OVER}"]


def test_a_doubled_alert_is_found() -> None:
    assert alert_findings([OPEN], [OPEN, OPEN]) == [f"alert too many or different: {OPEN}"]


def test_an_alert_whose_end_was_on_its_way_is_forgiven() -> None:
    assert alert_findings([OPEN], [OPEN, (*OVER[:6], OVER[4], "over")]) == []
    assert len(alert_findings([OPEN], [OPEN, OVER])) == 1


@pytest.mark.parametrize(
    ("place", "value"), [(3, "another"), (4, NOW - timedelta(seconds=1)), (6, NOW + timedelta(seconds=8)), (6, None)]
)
def test_an_alert_of_another_level_or_time_is_found(place: int, value: object) -> None:
    other = (*OVER[:place], value, *OVER[place + 1 :])
    assert len(alert_findings([OVER], [other])) == 2


def letters_judged(
    letters: list[LetterRow] = LETTERS,
    received: dict[str, int] = RECEIVED,
    told: list[ToldRow] = TOLD,
    *,
    crashes: int = 1,
) -> list[str]:
    return letter_findings(letters, received, told, crashes=crashes, in_hand=1, short=timedelta(seconds=5))


def test_letters_that_arrived_once_are_no_finding() -> None:
    assert letters_judged(crashes=0) == []


def test_a_letter_that_was_not_sent_is_found() -> None:
    queued = LetterRow("<2@ofd>", "queued")
    assert letters_judged([LETTERS[0], queued]) == [f"letter not sent: {queued}"]


def test_a_letter_that_never_arrived_is_found() -> None:
    assert letters_judged(received={"<1@ofd>": 1}) == ["letter never arrived: <2@ofd>"]


def test_a_letter_that_nobody_wrote_is_found() -> None:
    assert letters_judged(received={**RECEIVED, "<3@ofd>": 1}) == ["letter that nobody wrote: <3@ofd>"]


def test_one_crash_excuses_one_second_copy() -> None:
    assert letters_judged(received={"<1@ofd>": 2, "<2@ofd>": 1}) == []


def test_more_copies_than_crashes_are_found() -> None:
    assert letters_judged(received={"<1@ofd>": 3, "<2@ofd>": 1}) == [
        "letter in more copies than crashes: <1@ofd>",
        "2 second copies of letters after 1 crashes",
    ]


def test_more_copies_than_letters_in_hand_are_found() -> None:
    assert letters_judged(received={"<1@ofd>": 2, "<2@ofd>": 2}) == ["2 second copies of letters after 1 crashes"]


def test_an_alert_that_nobody_was_told_of_is_found() -> None:
    assert letters_judged(told=[ToldRow("fn_filling", None, ())]) == ["alert nobody was told of: fn_filling"]


def test_an_alert_that_was_over_at_once_need_not_be_told() -> None:
    assert letters_judged(told=[ToldRow("fd_gap", timedelta(seconds=1), ())]) == []


def test_an_alert_told_twice_is_found() -> None:
    twice = ToldRow("fn_filling", None, (("80", "FIRST"), ("80", "FIRST")))
    assert letters_judged(told=[twice]) == ["alert told twice: fn_filling"]


def test_memory_that_stays_is_no_finding() -> None:
    assert growth_findings([100.0, 150.0, 151.0], share=0.05, more_mb=1.0) == []


def test_memory_that_grows_is_found() -> None:
    (finding,) = growth_findings([100.0, 150.0, 160.0], share=0.05, more_mb=1.0)
    assert finding == "memory grew from 150.0 to 160.0 MB over 2 calm rounds, 158.5 allowed"


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").touch()
    (tmp_path / "errors").touch()
    return LogReader(tmp_path / "log", tmp_path / "errors"), tmp_path / "log", tmp_path / "errors"


def test_expected_errors_and_ordinary_lines_are_no_finding(log) -> None:
    reader, lines, _ = log
    lines.write_text(
        '{"level":"info","event":"document.accepted"}\n{"level":"error","event":"worker.died"}\n{"level":"err'
    )
    assert reader.read(expected=EXPECTED_ERRORS) == []


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ('{"level":"error","event":"gateway.crashed"}', "an error: "),
        ('{"level":"warning","event":"x","exception":"Traceback (most recent call last)"}', "a traceback: "),
        ("Fatal Python error", "no record: "),
    ],
)
def test_what_must_not_be_said_is_found(log, line, finding) -> None:
    reader, lines, _ = log
    lines.write_text(f"{line}\n")
    assert reader.read(expected=EXPECTED_ERRORS) == [finding + line]
    assert reader.read(expected=EXPECTED_ERRORS) == []


def test_an_expected_error_is_found_where_none_is_expected(log) -> None:
    reader, lines, _ = log
    lines.write_text('{"level":"error","event":"worker.died"}\n')
    assert len(reader.read(expected=frozenset())) == 1


def test_what_goes_to_standard_error_is_found(log) -> None:
    reader, _, errors = log
    errors.write_text("RuntimeWarning: never awaited\n")
    assert reader.read(expected=EXPECTED_ERRORS) == ["standard error: RuntimeWarning: never awaited"]
