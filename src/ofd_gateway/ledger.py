"""What becomes of each arriving document: new, repeated or in conflict. Pure.

The caller holds the locked states of every FN concerned and runs `Ledger.decide` inside its transaction::

    arrivals ──▶ lookups ──▶ (rows already stored) ──▶ decide ──▶ rows to insert, states to write, answers to send

A document is known by `(fn, generation, fd)`. The generation of an FN is 0 and grows only for a debug FN (9999…) that
starts again with a registration report as FD 1.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.checks import SequenceFacts, Violation, advance, check_sequence, response_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ofd_gateway.crypto import CryptoModule, Signs
    from ofd_gateway.ffd import Document
    from ofd_gateway.ffd.checks import CheckPolicy
    from ofd_gateway.protocol import Container

__all__ = [
    "Arrival",
    "BatchDecision",
    "Decision",
    "DocumentKey",
    "DocumentRow",
    "FnState",
    "Ledger",
    "QuarantineRow",
    "StoredDocument",
    "Verdict",
]

DocumentKey = tuple[str, int]
"""FN number and FD number: what a register knows a document by."""

DEBUG_FN_PREFIX: Final = "9999"
REGISTRATION_CODES: Final = frozenset({1, 11})
RECEIPT_CODES: Final = frozenset({3, 31, 4, 41})
BUYER_CONTACT: Final = 1008
NOT_RECOGNISED: Final = 11
FAILED_CHECKS: Final = 14
OPERATOR_MESSAGE_FAILED_CHECKS: Final = 0x02
OPERATOR_MESSAGE_SEE_CABINET: Final = 0x04
VERSIONS_WITH_OPERATOR_MESSAGE: Final = frozenset({"1.1", "1.2"})

_BIGINT_MAX: Final = (1 << 63) - 1
_CONTAINER_HEADER_BYTES: Final = 32
_TRAILER_BYTES: Final = 10


class Verdict(enum.Enum):
    """What the ledger says of an arrival."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    CONFLICT = "conflict"


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One readable message on its way to the database."""

    container: Container
    document: Document
    violations: tuple[Violation, ...]
    received_at: datetime
    peer: str
    connection_id: str
    session_version: bytes

    @property
    def key(self) -> DocumentKey:
        """FN and FD number as the container header names them."""
        return self.container.fn, self.container.fd


class FnState(msgspec.Struct, kw_only=True, gc=False):
    """What is held of one FN: the row that a transaction locks before it inserts.

    `facts` is the JSON of `SequenceFacts`, empty while no document of this generation was accepted. `watched_alone`
    is the business of whoever watches it. `pending_message` are bits of 1206 for its next confirmation.
    """

    fn: str
    generation: int = 0
    max_fd: int = 0
    registration_number: str | None = None
    user_inn: str | None = None
    last_received_at: datetime | None = None
    facts: bytes = b""
    watched_alone: bool = False
    pending_message: int = 0


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document that the database already holds under the key of an arrival."""

    fn: str
    generation: int
    fd: int
    container: bytes
    message_sign: bytes
    response_code: int
    operator_message: int
    operator_sign: bytes
    trailer: bytes
    received_at: datetime


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of `documents`: the container as received, a few columns to search by, and our answer."""

    fn: str
    generation: int
    fd: int
    document_code: int
    ffd: str
    container: bytes
    message_sign: bytes
    received_at: datetime
    issued_at_local: datetime | None
    session_version: bytes
    peer: str
    connection_id: str
    registration_number: str | None
    user_inn: str | None
    shift_number: int | None
    receipt_number: int | None
    operation_type: int | None
    total_kopecks: int | None
    fiscal_sign: int | None
    response_code: int
    operator_message: int
    operator_sign: bytes
    trailer: bytes
    violations: bytes | None
    has_buyer_contact: bool


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message that was not accepted, with the bytes as received."""

    fn: str
    fd: int | None
    reason: str
    detail: str
    received_at: datetime
    peer: str
    connection_id: str
    raw: bytes


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome for one arrival: the answer to send once the transaction has committed."""

    verdict: Verdict
    arrival: Arrival
    generation: int
    response_code: int
    operator_message: int
    signs: Signs
    violations: tuple[Violation, ...] = ()


class BatchDecision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that one transaction writes, and one decision for each arrival in the order of arrival."""

    decisions: list[Decision]
    documents: list[DocumentRow]
    quarantined: list[QuarantineRow]
    states: list[FnState]


class Ledger:
    """Decides on arrivals under one crypto module and one policy of checks."""

    def __init__(self, crypto: CryptoModule, policy: CheckPolicy) -> None:
        self._crypto = crypto
        self._policy = policy

    def lookups(self, arrivals: Iterable[Arrival], states: Mapping[str, FnState]) -> list[DocumentKey]:
        """Keys that may be stored already: only those not beyond the largest FD of their FN.

        Ordinary traffic needs none, because an FN numbers its documents upwards. A debug FN that has started again may
        repeat a document of its earlier life, whose numbers went further.
        """
        keys = set()
        for arrival in arrivals:
            state = states[arrival.container.fn]
            if arrival.container.fd <= state.max_fd or state.generation > 0:
                keys.add(arrival.key)
        return sorted(keys)

    def decide(
        self,
        arrivals: Sequence[Arrival],
        states: dict[str, FnState],
        stored: Mapping[DocumentKey, Sequence[StoredDocument]],
        now: datetime,
    ) -> BatchDecision:
        """The outcome of every arrival, in order; `states` are changed in place.

        `stored` holds what the database has under the keys that `lookups` named. Arrivals of one batch see each
        other: the second of two equal messages is a repeat of the first.
        """
        known = {key: list(rows) for key, rows in stored.items()}
        may_repeat = len({arrival.container.fn for arrival in arrivals}) < len(arrivals)
        batch = BatchDecision(decisions=[], documents=[], quarantined=[], states=[])
        changed: dict[str, FnState] = {}
        for arrival in arrivals:
            state = states[arrival.container.fn]
            decision = self._decide_one(arrival, state, known.get(arrival.key, ()))
            batch.decisions.append(decision)
            if decision.verdict is Verdict.ACCEPTED:
                row = _document_row(decision)
                batch.documents.append(row)
                state.registration_number = row.registration_number or state.registration_number
                state.user_inn = row.user_inn or state.user_inn
                if may_repeat:
                    known.setdefault(arrival.key, []).append(_stored(row))
                changed[state.fn] = state
            elif decision.verdict is Verdict.CONFLICT:
                batch.quarantined.append(_conflict_row(decision))
        batch.states.extend(changed.values())
        return batch

    def _decide_one(self, arrival: Arrival, state: FnState, rows: Sequence[StoredDocument]) -> Decision:
        twin = _twin(arrival, rows)
        if twin is not None:
            return _repeated(arrival, twin)
        if _starts_again(arrival, state):
            state.generation += 1
            state.max_fd = 0
            state.facts = b""
        elif any(row.generation == state.generation for row in rows):
            return self._decided(Verdict.CONFLICT, arrival, state.generation, NOT_RECOGNISED, 0, ())
        return self._accepted(arrival, state)

    def _accepted(self, arrival: Arrival, state: FnState) -> Decision:
        document = arrival.document
        facts = msgspec.json.decode(state.facts, type=SequenceFacts) if state.facts else None
        violations = arrival.violations + check_sequence(document, facts, policy=self._policy)
        state.facts = msgspec.json.encode(advance(facts, document))
        state.max_fd = max(state.max_fd, arrival.container.fd)
        state.last_received_at = arrival.received_at
        code = response_code(violations, self._policy)
        message = _operator_message(code, document.ffd, state)
        return self._decided(Verdict.ACCEPTED, arrival, state.generation, code, message, violations)

    def _decided(
        self,
        verdict: Verdict,
        arrival: Arrival,
        generation: int,
        code: int,
        message: int,
        violations: tuple[Violation, ...],
    ) -> Decision:
        container = arrival.container
        return Decision(
            verdict=verdict,
            arrival=arrival,
            generation=generation,
            response_code=code,
            operator_message=message,
            signs=self._crypto.sign(
                fn=container.fn,
                fd=container.fd,
                message_sign=container.message_sign,
                response_code=code,
                operator_message=message,
            ),
            violations=violations,
        )


def _twin(arrival: Arrival, rows: Sequence[StoredDocument]) -> StoredDocument | None:
    sign, body = arrival.container.message_sign, arrival.container.body
    for row in reversed(rows):
        if row.message_sign == sign and row.container[_CONTAINER_HEADER_BYTES:-_TRAILER_BYTES] == body:
            return row
    return None


def _starts_again(arrival: Arrival, state: FnState) -> bool:
    container = arrival.container
    return (
        container.fd == 1
        and state.max_fd > 0
        and container.fn.startswith(DEBUG_FN_PREFIX)
        and container.document_code in REGISTRATION_CODES
    )


def _repeated(arrival: Arrival, twin: StoredDocument) -> Decision:
    from ofd_gateway.crypto import Signs

    return Decision(
        verdict=Verdict.REPEATED,
        arrival=arrival,
        generation=twin.generation,
        response_code=twin.response_code,
        operator_message=twin.operator_message,
        signs=Signs(operator_sign=twin.operator_sign, trailer=twin.trailer),
    )


def _operator_message(code: int, ffd: str, state: FnState) -> int:
    """Bits of 1206 for this confirmation; those that were pending are told with it."""
    if ffd not in VERSIONS_WITH_OPERATOR_MESSAGE:
        return 0
    pending, state.pending_message = state.pending_message, 0
    return pending | OPERATOR_MESSAGE_FAILED_CHECKS if code == FAILED_CHECKS else pending


def _document_row(decision: Decision) -> DocumentRow:
    arrival, container, document = decision.arrival, decision.arrival.container, decision.arrival.document
    return DocumentRow(
        fn=container.fn,
        generation=decision.generation,
        fd=container.fd,
        document_code=container.document_code,
        ffd=document.ffd,
        container=container.raw,
        message_sign=container.message_sign,
        received_at=arrival.received_at,
        issued_at_local=document.issued_at_local,
        session_version=arrival.session_version,
        peer=arrival.peer,
        connection_id=arrival.connection_id,
        registration_number=_text(document.registration_number),
        user_inn=_text(document.user_inn),
        shift_number=document.shift_number,
        receipt_number=document.receipt_number,
        operation_type=document.operation_type,
        total_kopecks=_bigint(document.total_kopecks),
        fiscal_sign=document.printed_fiscal_sign,
        response_code=decision.response_code,
        operator_message=decision.operator_message,
        operator_sign=decision.signs.operator_sign,
        trailer=decision.signs.trailer,
        violations=_violations_json(decision.violations),
        has_buyer_contact=container.document_code in RECEIPT_CODES and bool(document.root.leaf(BUYER_CONTACT)),
    )


def _stored(row: DocumentRow) -> StoredDocument:
    return StoredDocument(
        fn=row.fn,
        generation=row.generation,
        fd=row.fd,
        container=row.container,
        message_sign=row.message_sign,
        response_code=row.response_code,
        operator_message=row.operator_message,
        operator_sign=row.operator_sign,
        trailer=row.trailer,
        received_at=row.received_at,
    )


def _conflict_row(decision: Decision) -> QuarantineRow:
    arrival, container = decision.arrival, decision.arrival.container
    return QuarantineRow(
        fn=container.fn,
        fd=container.fd,
        reason="fd_conflict",
        detail=f"FD {container.fd} of FN {container.fn} is stored with other content, generation {decision.generation}",
        received_at=arrival.received_at,
        peer=arrival.peer,
        connection_id=arrival.connection_id,
        raw=container.raw,
    )


def _violations_json(violations: tuple[Violation, ...]) -> bytes | None:
    """JSON that PostgreSQL takes: its jsonb holds no NUL, which a hostile text may bring along."""
    if not violations:
        return None
    return msgspec.json.encode(violations).replace(b"\\u0000", b"\\ufffd")


def _text(value: str | None) -> str | None:
    """PostgreSQL text holds no NUL; a value that has one is not a number we could search by."""
    return None if value is None or "\0" in value else value


def _bigint(value: int | None) -> int | None:
    return None if value is None or value > _BIGINT_MAX else value
