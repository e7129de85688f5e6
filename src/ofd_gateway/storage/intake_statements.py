"""SQL of the intake's transaction."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ofd_gateway.storage.watches import WRITE_WATCHES

__all__ = [
    "ADD_QUARANTINED",
    "ADD_STATES",
    "CHANGED_STATES",
    "FIND_STORED",
    "LOCK_ALL",
    "LOCK_STATES",
    "NO_OUTBOXES",
    "QUARANTINE_TEXTS",
    "VIOLATIONS",
    "WRITE_STATES",
    "Outboxes",
    "Statements",
]

LOCK_STATES: Final = """
SELECT fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone, pending_message
FROM fn_states WHERE fn = ANY($1::text[]) ORDER BY fn FOR UPDATE
"""
# The watches that the documents name are locked along, after the FNs: generation -1 marks their rows.
LOCK_ALL: Final = """
WITH f AS MATERIALIZED (
    SELECT fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone,
           pending_message
    FROM fn_states WHERE fn = ANY($1::text[]) ORDER BY fn FOR UPDATE
), w AS MATERIALIZED (
    SELECT subject, customer_inn, state FROM watches WHERE subject = ANY($2::text[]) ORDER BY subject FOR UPDATE
)
SELECT * FROM f
UNION ALL SELECT subject, -1, 0, customer_inn, NULL, NULL, state, false, 0 FROM w
"""
ADD_STATES: Final = """
INSERT INTO fn_states (fn, generation, max_fd, facts)
SELECT fn, 0, 0, ''::bytea FROM unnest($1::text[]) AS missing (fn) ORDER BY fn
ON CONFLICT DO NOTHING
"""
WRITE_STATES: Final = """
UPDATE fn_states SET
    generation = s.generation, max_fd = s.max_fd, registration_number = s.registration_number, user_inn = s.user_inn,
    last_received_at = s.last_received_at, facts = s.facts,
    watched_alone = s.watched_alone, pending_message = s.pending_message
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[],
            $8::boolean[], $9::smallint[], $10::xid[])
    AS s (fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone,
          pending_message, written_by)
WHERE fn_states.fn = s.fn AND fn_states.fn = ANY($1) AND fn_states.xmin = coalesce(s.written_by, fn_states.xmin)
"""
"""Writes states; one with `written_by` only if the transaction of that number has written it last."""
CHANGED_STATES: Final = """
SELECT fn_states.fn FROM unnest($1::text[], $2::xid[]) AS s (fn, written_by)
JOIN fn_states ON fn_states.fn = s.fn WHERE fn_states.xmin <> s.written_by
"""
# The limit keeps the planner from joining: it does not see that each key needs one partition only, and would read all.
FIND_STORED: Final = """
SELECT d.*
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd)
CROSS JOIN LATERAL (
    SELECT fn, generation, fd, container, message_sign, response_code, operator_message, operator_sign, trailer,
           received_at
    FROM documents WHERE fn = k.fn AND generation = k.generation AND fd = k.fd LIMIT 1
) AS d
ORDER BY d.generation
"""
ADD_DOCUMENTS: Final = """
INSERT INTO documents (
    fn, generation, fd, document_code, ffd, container, message_sign, received_at, issued_at_local, session_version,
    peer, connection_id, registration_number, user_inn, shift_number, receipt_number, operation_type, total_kopecks,
    fiscal_sign, response_code, operator_message, operator_sign, trailer, violations)
SELECT r.fn, r.generation, r.fd, r.document_code, r.ffd, r.container, r.message_sign, r.received_at, r.issued_at_local,
    r.session_version, r.peer, r.connection_id, r.registration_number, r.user_inn, r.shift_number, r.receipt_number,
    r.operation_type, r.total_kopecks, r.fiscal_sign, r.response_code, r.operator_message, r.operator_sign, r.trailer,
    r.violations::jsonb
FROM unnest(
    $1::text[], $2::int[], $3::bigint[], $4::smallint[], $5::text[], $6::bytea[], $7::bytea[], $8::timestamptz[],
    $9::timestamp[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::bigint[], $20::smallint[], $21::smallint[], $22::bytea[], $23::bytea[],
    $24::text[])
    AS r (fn, generation, fd, document_code, ffd, container, message_sign, received_at, issued_at_local,
          session_version, peer, connection_id, registration_number, user_inn, shift_number, receipt_number,
          operation_type, total_kopecks, fiscal_sign, response_code, operator_message, operator_sign, trailer,
          violations)
"""
DOCUMENT_COLUMNS: Final = 24
STATE_COLUMNS: Final = 10
WATCH_COLUMNS: Final = 5
VIOLATIONS: Final = 23
"""The place of the violations among the columns of a document."""
QUEUE_FOR_FNS: Final = """
INSERT INTO fns_queue (fn, generation, fd, queued_at)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $8::timestamptz[])
"""
QUEUE_FOR_BUYERS: Final = """
INSERT INTO buyer_queue (fn, generation, fd, queued_at)
SELECT fn, generation, fd, received_at
FROM unnest($1::text[], $2::int[], $3::bigint[], $8::timestamptz[], $25::boolean[])
    AS r (fn, generation, fd, received_at, has_contact)
WHERE has_contact
"""
ADD_QUARANTINED: Final = """
INSERT INTO quarantine (fn, fd, reason, detail, received_at, peer, connection_id, raw)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                     $8::bytea[])
"""


_DEMAND_ALL: Final = """
SELECT pg_current_xact_id()::xid,
    1 / (((SELECT count(*) FROM kept) = $1 AND (SELECT count(*) FROM watched) = $2)::int)
"""


def _after(count: int, statement: str) -> str:
    """The statement with its parameters numbered from beyond `count`."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + count}", statement)


class Outboxes(NamedTuple):
    """What the transaction leaves for the outgoing legs: documents for the tax service, receipts for buyers."""

    fns: bool = False
    buyers: bool = False


NO_OUTBOXES: Final = Outboxes()


class Statements:
    """The statements that write, for the legs that are on."""

    def __init__(self, outboxes: Outboxes) -> None:
        self.columns = DOCUMENT_COLUMNS + outboxes.buyers
        queues = []
        if outboxes.fns:
            queues.append(f"for_fns AS ({QUEUE_FOR_FNS})")
        if outboxes.buyers:
            queues.append(f"for_buyers AS ({QUEUE_FOR_BUYERS})")
        self.add_documents = f"WITH {', '.join(queues)} {ADD_DOCUMENTS}" if queues else ADD_DOCUMENTS
        adding = [*queues, f"added AS ({ADD_DOCUMENTS})"]
        kept = _after(self.columns, WRITE_STATES)
        watched = _after(self.columns + STATE_COLUMNS, WRITE_WATCHES)
        demand = _after(self.columns + STATE_COLUMNS + WATCH_COLUMNS, _DEMAND_ALL)
        self.write_all = (
            f"WITH {', '.join(adding)}, kept AS ({kept} RETURNING 1), watched AS ({watched} RETURNING 1) {demand}"
        )
        """Documents, states and watches in one statement: each way to the server costs as much as a commit does.

        When somebody else has written one of the states or watches since, the division by zero undoes it all.
        """


QUARANTINE_TEXTS: Final = (0, 2, 3, 5, 6)
"""Columns of a quarantine row that are text: fn, reason, detail, peer, connection_id."""
