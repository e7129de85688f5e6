"""The examination of one document: its schema, its envelope, its raw data, its date and its sums."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any, Final

from ofd_gateway.ffd import FormatError, decode, to_fns_json
from ofd_gateway.ffd.checks import CheckPolicy, Severity, check
from ofd_gateway.ffd.document import Document
from ofd_gateway.fns_emulator.contract import (
    BAD_DATE_EARLY,
    BAD_DATE_LATE,
    BAD_FIELD,
    BAD_SUM,
    CODE_TEXTS,
    FOREIGN_ENVELOPE,
    OTHER_RAW_DATA,
    UNKNOWN_KIND,
    SentDocument,
    Verdict,
)
from ofd_gateway.fns_emulator.schemas import schema_fault

__all__ = ["ACCEPTED", "examine", "refusal"]

ACCEPTED: Final = Verdict(status="accepted", code=0, text=CODE_TEXTS[0])

_SIGN_BYTES: Final = 8
_LONGEST_DETAIL: Final = 300
"""Names of fields are the sender's and may be of any length."""
_SMALLEST_RAW_BYTES: Final = 4 + _SIGN_BYTES
_POLICY: Final = CheckPolicy(limit=1_000_000)
"""Nothing may push the two rules that count here out of the list."""


def examine(sent: SentDocument, *, now: datetime) -> Verdict:
    """Accepted, or refused for the first of these that fails, with a text that names the field.

    The JSON Schema (420), the envelope against the document (9003), `rawData` against the JSON and its message sign
    (9002), the date (502 before 2016-09-01, 503 more than 24 hours ahead of `now`), payments against the total (507,
    as rule R-S3 judges them in each version). A kind without a schema is refused with 9004.
    """
    try:
        fault = schema_fault(sent.document, kind=sent.kind, ffd=sent.ffd)
    except KeyError:
        return refusal(UNKNOWN_KIND, f"{sent.kind}, ФФД {sent.ffd}")
    if fault is not None:
        return refusal(BAD_FIELD, fault)
    foreign = _foreign_envelope(sent)
    if foreign is not None:
        return refusal(FOREIGN_ENVELOPE, foreign)
    document = _raw_document(sent)
    if isinstance(document, Verdict):
        return document
    return _judge(document, now)


def refusal(code: int, detail: str) -> Verdict:
    """Refused with a code: the code's own sentence and what exactly it is about."""
    return Verdict(status="refused", code=code, text=f"{CODE_TEXTS[code]}: {detail[:_LONGEST_DETAIL]}")


def _foreign_envelope(sent: SentDocument) -> str | None:
    body = sent.body
    for name, wanted in (("fiscalDriveNumber", sent.fn), ("fiscalDocumentNumber", sent.fd)):
        if name in body and body[name] != wanted:
            return f"{sent.kind}.{name}"
    return None


def _raw_document(sent: SentDocument) -> Document | Verdict:
    """The document that `rawData` carries, or why it is not the one of the JSON."""
    name = f"{sent.kind}.rawData"
    try:
        raw = base64.b64decode(sent.body["rawData"], validate=True)
    except (binascii.Error, ValueError):
        return refusal(OTHER_RAW_DATA, f"{name}: не base64 / is no base64")
    if len(raw) < _SMALLEST_RAW_BYTES:
        return refusal(OTHER_RAW_DATA, f"{name}: {len(raw)} bytes, at least {_SMALLEST_RAW_BYTES}")
    plain, sign = raw[:-_SIGN_BYTES], raw[-_SIGN_BYTES:]
    if int.from_bytes(sign, "big") != sent.sign:
        return refusal(OTHER_RAW_DATA, f"{sent.kind}.messageFiscalSign")
    try:
        document = decode(plain, version_hint=sent.ffd)
    except FormatError as error:
        return refusal(OTHER_RAW_DATA, f"{name}: {error.reason} at offset {error.offset} ({error.rule})")
    if document.ffd != sent.ffd:
        return refusal(FOREIGN_ENVELOPE, f"ffd: {document.ffd} in {name}")
    other = _first_difference(to_fns_json(document, message_sign=sign), sent.document, "")
    return document if other is None else refusal(OTHER_RAW_DATA, other)


def _first_difference(carried: Any, written: Any, path: str) -> str | None:
    """The path of the first field that differs. As deep as `carried` at most, whose nesting the decoder limits."""
    if isinstance(carried, dict) and isinstance(written, dict):
        for key in sorted(carried.keys() | written.keys()):
            here = f"{path}.{key}".lstrip(".")
            if key not in carried or key not in written:
                return here
            found = _first_difference(carried[key], written[key], here)
            if found is not None:
                return found
        return None
    if isinstance(carried, list) and isinstance(written, list):
        if len(carried) != len(written):
            return path
        pairs = enumerate(zip(carried, written, strict=True))
        return next((found for i, (a, b) in pairs if (found := _first_difference(a, b, f"{path}[{i}]"))), None)
    is_flat = not isinstance(written, dict | list) and isinstance(carried, str) == isinstance(written, str)
    return None if is_flat and carried == written else path


def _judge(document: Document, now: datetime) -> Verdict:
    for violation in check(document, now=now, policy=_POLICY):
        if violation.severity is not Severity.ERROR:
            continue
        if violation.rule == "R-Q6":
            issued_at = document.issued_at_local
            is_late = issued_at is not None and issued_at > now.replace(tzinfo=None)
            return refusal(BAD_DATE_LATE if is_late else BAD_DATE_EARLY, f"{violation.path}: {violation.found}")
        if violation.rule == "R-S3":
            return refusal(BAD_SUM, f"{violation.path}: {violation.found}")
    return ACCEPTED
