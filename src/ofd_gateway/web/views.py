"""What the API says of documents and quarantined messages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import Response

from ofd_gateway.ffd import to_fns_json, to_json_bytes
from ofd_gateway.ffd.dictionary import document_kind
from ofd_gateway.storage.document_contents import document_in, violations_of

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage import DocumentRecord, QuarantineRecord

__all__ = ["Names", "answer", "document_line", "quarantine_line", "whole_document"]

Names = Literal["2021", "2017"]


def answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """JSON in UTF-8, exact numbers included."""
    return Response(to_json_bytes(value) + b"\n", status.value, media_type="application/json")


def document_line(record: DocumentRecord) -> dict[str, Any]:
    """All but the document itself."""
    return {
        "fn": record.fn,
        "generation": record.generation,
        "fd": record.fd,
        "kind": document_kind(record.document_code),
        "ffd": record.ffd,
        "response_code": record.response_code,
        "operator_message": record.operator_message,
        "received_at": record.received_at.isoformat(),
        "issued_at": _iso(record.issued_at_local),
        "registration_number": record.registration_number,
        "user_inn": record.user_inn,
        "shift": record.shift_number,
        "receipt_number": record.receipt_number,
        "total_kopecks": record.total_kopecks,
        "fiscal_sign": record.fiscal_sign,
        "session_version": record.session_version.hex(),
        "message_sign": record.message_sign.hex(),
        "operator_sign": record.operator_sign.hex(),
        "peer": record.peer,
        "violations": [
            {
                "rule": violation.rule,
                "severity": violation.severity.value,
                "path": violation.path,
                "tag": violation.tag,
                "offset": violation.offset,
                "found": violation.found,
                "expected": violation.expected,
            }
            for violation in violations_of(record)
        ],
        "fns": record.fns,
        "fns_code": record.fns_code,
    }


def whole_document(record: DocumentRecord, names: Names) -> dict[str, Any]:
    """The same, with the document as FNS JSON."""
    return {
        **document_line(record),
        "document": to_fns_json(document_in(record), message_sign=record.message_sign, names=names),
    }


def quarantine_line(record: QuarantineRecord) -> dict[str, Any]:
    """One message that was not accepted, without its bytes."""
    return {
        "id": record.id,
        "fn": record.fn,
        "fd": record.fd,
        "reason": record.reason,
        "detail": record.detail,
        "received_at": record.received_at.isoformat(),
        "peer": record.peer,
        "bytes": len(record.raw),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
