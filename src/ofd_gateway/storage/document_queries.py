"""How stored documents are found, each with how it stands with the tax service (ФНС). SQL only."""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "ARE_MANY_QUEUED",
    "COLUMNS",
    "GET",
    "LIST_ALL",
    "LIST_LATEST",
    "PAGE",
    "FnsFilter",
    "standing",
    "with_standing",
]

FnsFilter = Literal["queued", "accepted", "soft_quarantine", "hard_quarantine", "refused"]
"""How a document stands; while it waits again, its former answer does not count."""

COLUMNS: Final = """
SELECT fn, generation, fd, document_code, ffd, response_code, operator_message, received_at, issued_at_local,
       registration_number, user_inn, shift_number, receipt_number, total_kopecks, fiscal_sign, peer, session_version,
       message_sign, operator_sign, trailer, violations::text AS violations, container
FROM documents
"""
"""Documents alone, without how they stand."""
_COLUMNS: Final = """
d.fn, d.generation, d.fd, document_code, ffd, response_code, operator_message, d.received_at, issued_at_local,
registration_number, user_inn, shift_number, receipt_number, total_kopecks, fiscal_sign, peer, session_version,
message_sign, operator_sign, trailer, violations::text AS violations, container
"""
_FNS_COLUMNS: Final = """
CASE WHEN q.fn IS NULL THEN a.status ELSE 'queued' END AS fns, CASE WHEN q.fn IS NULL THEN a.code END AS fns_code,
coalesce(CASE WHEN q.fn IS NULL THEN a.text ELSE q.last_error END, '') AS fns_text,
CASE WHEN q.fn IS NULL THEN a.decided_at END AS fns_at,
CASE WHEN q.fn IS NULL THEN a.attempts ELSE q.attempts END AS fns_attempts
"""
# The limits keep the planner from joining: each document needs one row of one partition.
_FNS: Final = """
LEFT JOIN LATERAL (
    SELECT status, code, text, decided_at, attempts FROM fns_answers
    WHERE fn = d.fn AND generation = d.generation AND fd = d.fd LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT fn, last_error, attempts FROM fns_queue WHERE fn = d.fn AND generation = d.generation AND fd = d.fd LIMIT 1
) AS q ON true
"""
_THEIR_DOCUMENTS: Final = """
CROSS JOIN LATERAL (SELECT * FROM documents WHERE fn = w.fn AND generation = w.generation AND fd = w.fd LIMIT 1) AS d
"""
_FILTERS: Final = """
($1::text IS NULL OR d.fn = $1) AND ($2::smallint[] IS NULL OR document_code = ANY($2))
AND ($3::timestamptz IS NULL OR d.received_at >= $3)
"""
_IN_ORDER: Final = "ORDER BY d.received_at, d.fn, d.generation, d.fd"
_LATEST_FIRST: Final = "ORDER BY d.received_at DESC, d.fn DESC, d.generation DESC, d.fd DESC"

LIST_ALL: Final = f"SELECT {_COLUMNS}, {_FNS_COLUMNS} FROM documents AS d {_FNS} WHERE {_FILTERS} {_IN_ORDER}"  # noqa: S608  constants
LIST_LATEST: Final = f"""
SELECT d.*, {_FNS_COLUMNS} FROM (
    SELECT {_COLUMNS} FROM documents AS d WHERE {_FILTERS} {_LATEST_FIRST} LIMIT $4
) AS d {_FNS} {_LATEST_FIRST}
"""  # noqa: S608  constants
GET: Final = f"""
SELECT d.*, {_FNS_COLUMNS} FROM (
    SELECT {_COLUMNS} FROM documents AS d WHERE fn = $1 AND fd = $2 AND ($3::int IS NULL OR generation = $3)
    ORDER BY generation DESC LIMIT 1
) AS d {_FNS}
"""  # noqa: S608  constants

PAGE: Final = f"""
SELECT d.*, {_FNS_COLUMNS} FROM (
    SELECT {_COLUMNS} FROM documents AS d
    WHERE ($1::text IS NULL OR fn = $1) AND ($2::smallint[] IS NULL OR document_code = ANY($2))
      AND received_at >= $3 AND (received_at, fn, generation, fd) > ($3, $4, $5, $6)
    ORDER BY received_at, fn, generation, fd LIMIT $7
) AS d {_FNS} {_IN_ORDER}
"""  # noqa: S608  constants

ARE_MANY_QUEUED: Final = "SELECT count(*) > 10000 FROM (SELECT FROM fns_queue LIMIT 10001) AS first_ones"
_QUEUED: Final = f"""
SELECT {_COLUMNS}, {_FNS_COLUMNS} FROM fns_queue AS w {_THEIR_DOCUMENTS} {_FNS}
WHERE $4::text = 'queued' AND ($1::text IS NULL OR w.fn = $1) AND {_FILTERS}
"""  # noqa: S608  constants
# The planner takes a CASE to be true for every other row, where it would take a comparison to be true for next to none.
_MANY_QUEUED: Final = f"""
SELECT {_COLUMNS}, {_FNS_COLUMNS} FROM documents AS d {_FNS}
WHERE CASE WHEN q.fn IS NOT NULL AND $4::text = 'queued' THEN true ELSE false END AND {_FILTERS}
"""  # noqa: S608  constants
_ACCEPTED: Final = f"""
SELECT {_COLUMNS}, {_FNS_COLUMNS} FROM documents AS d {_FNS}
WHERE CASE WHEN a.status = $4::text AND q.fn IS NULL THEN true ELSE false END AND {_FILTERS}
"""  # noqa: S608  constants


def with_standing(query: str, order: str) -> str:
    """Documents of `query`, a SELECT with the columns of `COLUMNS`, each with how it stands, in that order."""
    return f"SELECT d.*, {_FNS_COLUMNS} FROM ({query}) AS d {_FNS} ORDER BY {order}"  # noqa: S608  constants


def standing(fns: FnsFilter, *, is_many: bool) -> tuple[str, str]:
    """The queries for documents that stand so: the latest ($5 of them, the last one first), and all in order.

    Few are found from the side of the queue or of the answers, many (`is_many` queued, or accepted) from that of the
    documents.
    """
    if fns == "queued":
        query = _MANY_QUEUED if is_many else _QUEUED
    elif fns == "accepted":
        query = _ACCEPTED
    else:
        latest, in_order = _LATEST_FIRST.replace("d.", "w."), _IN_ORDER.replace("d.", "w.")
        return f"{_not_accepted(latest)} {latest} LIMIT $5", f"{_not_accepted(in_order)} {in_order}"
    return f"{query} {_LATEST_FIRST} LIMIT $5", f"{query} {_IN_ORDER}"


def _not_accepted(order: str) -> str:
    """The order inside is that outside, so that no more documents are fetched than are asked for."""
    return f"""
SELECT {_COLUMNS}, {_FNS_COLUMNS} FROM (
    SELECT fn, generation, fd, received_at FROM fns_answers AS w
    WHERE status = $4::text AND status <> 'accepted' AND ($1::text IS NULL OR fn = $1)
      AND ($3::timestamptz IS NULL OR received_at >= $3)
    {order}
) AS w {_THEIR_DOCUMENTS} {_FNS}
WHERE CASE WHEN q.fn IS NULL THEN true ELSE false END AND {_FILTERS}
"""  # noqa: S608  constants
