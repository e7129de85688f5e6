"""The ledger as a table: what becomes of an arrival, given what is held."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import CheckPolicy, Severity, Violation
from ofd_gateway.ledger import Arrival, BatchDecision, FnState, Ledger, StoredDocument, Verdict
from ofd_gateway.protocol import parse_container
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body, tlv

NOW = datetime(2025, 11, 25, 12, tzinfo=UTC)
CRYPTO = EmulatorCrypto(b"k" * 32)


def arrival(
    fn: str = DEBUG_FN,
    fd: int = 1,
    *,
    code: int = 3,
    sign: bytes | None = None,
    body: bytes | None = None,
    violations: tuple[Violation, ...] = (),
) -> Arrival:
    parsed = parse_container(container(fn, fd, code=code, sign=sign, body=body))
    return Arrival(
        container=parsed,
        document=decode(parsed.body),
        violations=violations,
        received_at=NOW,
        peer="127.0.0.1:1",
        connection_id="c-1",
        session_version=b"\x01\x05",
    )


class Books:
    """A ledger with its states and rows in memory, as the database would hold them between transactions."""

    def __init__(self, policy: CheckPolicy | None = None) -> None:
        self.ledger = Ledger(CRYPTO, policy or CheckPolicy())
        self.states: dict[str, FnState] = {}
        self.rows: dict[tuple[str, int], list[StoredDocument]] = {}

    def commit(self, *arrivals: Arrival) -> BatchDecision:
        for one in arrivals:
            self.states.setdefault(one.container.fn, FnState(fn=one.container.fn))
        keys = self.ledger.lookups(arrivals, self.states)
        batch = self.ledger.decide(arrivals, self.states, {key: self.rows.get(key, []) for key in keys}, NOW)
        for row in batch.documents:
            names = StoredDocument.__struct_fields__
            stored = StoredDocument(**{name: getattr(row, name) for name in names})
            self.rows.setdefault((row.fn, row.fd), []).append(stored)
        return batch

    def verdicts(self, *arrivals: Arrival) -> list[str]:
        return [decision.verdict.value for decision in self.commit(*arrivals).decisions]


def test_a_new_document_is_accepted_with_signs_of_its_own() -> None:
    books = Books()
    first, second = books.commit(arrival(fd=1), arrival(fd=2)).decisions
    assert [first.verdict, second.verdict] == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert first.signs != second.signs
    assert books.states[DEBUG_FN].max_fd == 2
    assert books.states[DEBUG_FN].registration_number == "0000000000024136"


def test_ordinary_traffic_needs_no_lookup() -> None:
    books = Books()
    books.commit(arrival(fd=1))
    assert books.ledger.lookups([arrival(fd=2)], books.states) == []
    assert books.ledger.lookups([arrival(fd=1)], books.states) == [(DEBUG_FN, 1)]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two batches"])
def test_a_repeat_gets_the_same_code_and_signs_and_stores_nothing(together: bool) -> None:
    books = Books()
    violation = Violation(
        rule="R-P1", severity=Severity.ERROR, path="receipt", tag=None, offset=None, found="", expected=""
    )
    first = arrival(violations=(violation,))
    again = arrival()
    if together:
        one, two = books.commit(first, again).decisions
    else:
        (one,) = books.commit(first).decisions
        (two,) = books.commit(again).decisions
    assert two.verdict is Verdict.REPEATED
    assert (two.response_code, two.signs) == (14, one.signs)
    assert len(books.rows[DEBUG_FN, 1]) == 1


@pytest.mark.parametrize(
    "other",
    [
        arrival(PLAIN_FN, sign=b"other!"),
        arrival(PLAIN_FN, body=document_body(PLAIN_FN, 1, total_kopecks=1)),
        arrival(PLAIN_FN, code=1, sign=b"other!"),
    ],
    ids=["another sign", "other content under the same sign", "a registration of a production FN"],
)
def test_other_content_under_a_stored_key_is_a_conflict(other: Arrival) -> None:
    books = Books()
    books.commit(arrival(PLAIN_FN))
    batch = books.commit(other)
    (decision,) = batch.decisions
    assert (decision.verdict, decision.response_code) == (Verdict.CONFLICT, 11)
    assert batch.documents == []
    assert batch.states == []
    (row,) = batch.quarantined
    assert (row.reason, row.raw) == ("fd_conflict", other.container.raw)


@pytest.mark.parametrize("code", [1, 11])
def test_a_debug_fn_starts_again_with_its_registration(code: int) -> None:
    books = Books()
    books.commit(arrival(fd=1, code=code), arrival(fd=2), arrival(fd=3))
    assert books.verdicts(arrival(fd=1, code=code, sign=b"again!"), arrival(fd=2, sign=b"again2")) == ["accepted"] * 2
    state = books.states[DEBUG_FN]
    assert (state.generation, state.max_fd) == (1, 2)
    assert [row.generation for row in books.rows[DEBUG_FN, 2]] == [0, 1]


def test_a_debug_fn_that_was_met_in_mid_life_starts_again_as_well() -> None:
    books = Books()
    books.commit(arrival(fd=57))
    books.commit(arrival(fd=1, code=1))
    assert books.states[DEBUG_FN].generation == 1
    assert books.verdicts(arrival(fd=57, sign=b"second")) == ["accepted"]


def test_a_repeat_from_before_the_new_start_is_still_a_repeat() -> None:
    books = Books()
    (old,) = books.commit(arrival(fd=1, code=1)).decisions
    books.commit(arrival(fd=1, code=1, sign=b"again!"))
    (decision,) = books.commit(arrival(fd=1, code=1)).decisions
    assert (decision.verdict, decision.generation, decision.signs) == (Verdict.REPEATED, 0, old.signs)


def test_a_repeat_from_before_the_new_start_is_a_repeat_beyond_the_numbers_of_the_new_life() -> None:
    books = Books()
    registration = arrival(code=1, body=document_body(DEBUG_FN, 1, code=1), sign=b"second")
    assert books.verdicts(arrival(fd=1), arrival(fd=2)) == ["accepted", "accepted"]
    assert books.verdicts(registration) == ["accepted"]
    assert books.verdicts(arrival(fd=2)) == ["repeated"]
    assert books.verdicts(arrival(fd=2, sign=b"others")) == ["accepted"]


def test_a_receipt_as_fd_1_does_not_start_a_debug_fn_again() -> None:
    books = Books()
    books.commit(arrival(fd=1, code=1))
    assert books.verdicts(arrival(fd=1, code=3)) == ["conflict"]


def test_a_gap_is_filled_later() -> None:
    books = Books()
    assert books.verdicts(arrival(PLAIN_FN, 5), arrival(PLAIN_FN, 3), arrival(PLAIN_FN, 4)) == ["accepted"] * 3
    assert books.states[PLAIN_FN].max_fd == 5


@pytest.mark.parametrize(
    ("version", "message"), [(b"\x02", 0), (b"\x03", 0x02), (b"\x04", 0x02)], ids=["1.05", "1.1", "1.2"]
)
def test_a_failed_check_sets_the_bit_where_the_version_has_it(version: bytes, message: int) -> None:
    body = document_body(DEBUG_FN, 1).replace(tlv(1209, b"\x02"), tlv(1209, version))
    violation = Violation(
        rule="R-P1", severity=Severity.ERROR, path="receipt", tag=None, offset=None, found="", expected=""
    )
    (decision,) = Books().commit(arrival(body=body, violations=(violation,))).decisions
    assert (decision.response_code, decision.operator_message) == (14, message)


def test_a_pending_message_goes_with_the_next_confirmation_whose_version_has_it() -> None:
    def one(fd: int, version: bytes, *, sign: bytes | None = None) -> Arrival:
        return arrival(
            fd=fd, sign=sign, body=document_body(DEBUG_FN, fd).replace(tlv(1209, b"\x02"), tlv(1209, version))
        )

    books = Books()
    books.commit(one(1, b"\x04"))
    books.states[DEBUG_FN].pending_message = 0x04
    batch = books.commit(one(2, b"\x02"), one(1, b"\x04", sign=b"other!"), one(3, b"\x04"), one(4, b"\x04"))
    assert [decision.operator_message for decision in batch.decisions] == [0, 0, 0x04, 0]
    assert books.states[DEBUG_FN].pending_message == 0
    (again,) = books.commit(one(3, b"\x04")).decisions
    assert (again.verdict, again.operator_message) == (Verdict.REPEATED, 0x04)


@pytest.mark.parametrize(
    ("code", "extra", "has_contact"),
    [
        (3, {"t1008": b"i@example.com"}, True),
        (41, {"t1008": b"+79991234567"}, True),
        (3, {"t1008": b""}, False),
        (3, {}, False),
        (2, {"t1008": b"i@example.com"}, False),
    ],
)
def test_a_receipt_with_a_contact_is_marked_for_the_buyer(
    code: int, extra: dict[str, bytes], has_contact: bool
) -> None:
    body = document_body(DEBUG_FN, 1, code=code, **extra)
    (row,) = Books().commit(arrival(code=code, body=body)).documents
    assert row.has_buyer_contact is has_contact


def test_a_row_holds_what_is_searched_by() -> None:
    (row,) = Books().commit(arrival(fd=7)).documents
    assert (row.fd, row.ffd, row.user_inn, row.shift_number, row.total_kopecks, row.fiscal_sign) == (
        *(7, "1.05", "7802781104", 1, 12345, 7),
    )
    assert row.issued_at_local == datetime(2025, 11, 24, 16, 0)


def test_what_the_database_cannot_hold_is_left_out_of_the_columns() -> None:
    body = document_body(DEBUG_FN, 1)
    body = body.replace(b"7802781104  ", b"78027811\x0004 ").replace(
        tlv(1020, (12345).to_bytes(3, "little")), tlv(1020, b"\xff" * 8)
    )
    body = body[:2] + (len(body) - 4).to_bytes(2, "little") + body[4:]
    (row,) = Books().commit(arrival(body=body)).documents
    assert (row.user_inn, row.total_kopecks) == (None, None)


def test_violations_of_a_row_are_json_without_nul() -> None:
    violation = Violation(
        rule="R-X1", severity=Severity.WARNING, path="receipt", tag=None, offset=None, found="a\0b", expected=""
    )
    (row,) = Books().commit(arrival(violations=(violation,))).documents
    assert row.violations is not None
    assert b"\\u0000" not in row.violations
    assert msgspec.json.decode(row.violations)[0]["rule"] == "R-X1"
