"""The contract between a gateway and the tax service's side: what is sent, what is answered, what our codes mean.

The transport of the real service is not public; this one is ours. docs/fns-openapi.json is made from these records.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

__all__ = [
    "BAD_DATE_EARLY",
    "BAD_DATE_LATE",
    "BAD_FIELD",
    "BAD_SUM",
    "CODE_TEXTS",
    "FOREIGN_ENVELOPE",
    "MAX_DOCUMENTS",
    "OTHER_CONTENT",
    "OTHER_RAW_DATA",
    "STATUSES",
    "UNKNOWN_KIND",
    "Answer",
    "Answers",
    "Batch",
    "Key",
    "Problem",
    "Received",
    "ReceivedPage",
    "SentDocument",
    "Status",
    "Verdict",
]

Status: TypeAlias = Literal["accepted", "soft_quarantine", "hard_quarantine", "refused", "postponed"]
STATUSES: Final = ("accepted", "soft_quarantine", "hard_quarantine", "refused", "postponed")

MAX_DOCUMENTS: Final = 10_000
"""Documents of one request."""

BAD_FIELD: Final = 420
BAD_DATE_EARLY: Final = 502
BAD_DATE_LATE: Final = 503
BAD_SUM: Final = 507
OTHER_CONTENT: Final = 9001
OTHER_RAW_DATA: Final = 9002
FOREIGN_ENVELOPE: Final = 9003
UNKNOWN_KIND: Final = 9004

CODE_TEXTS: Final = {
    0: "принят / accepted",
    BAD_FIELD: "обязательный реквизит отсутствует или неверен / a mandatory field is missing or wrong",
    BAD_DATE_EARLY: "дата раньше 2016-09-01 / the date is before 2016-09-01",
    BAD_DATE_LATE: "дата в будущем / the date is in the future",
    BAD_SUM: "сумма оплат не равна сумме расчёта / the payments do not add up to the total",
    OTHER_CONTENT: "под этим номером есть другой документ / another document has this number",
    OTHER_RAW_DATA: "rawData не соответствует JSON / rawData and the JSON differ",
    FOREIGN_ENVELOPE: "конверт не соответствует документу / the envelope names another document",
    UNKNOWN_KIND: "для документа нет схемы / no schema for such a document",
}
"""Codes below 1000 are those that operators publish of the tax service; those from 9000 on are the emulator's own."""

Key: TypeAlias = tuple[str, int, int]
"""FN, generation and FD number."""

# `(?![\s\S])` is the end of the text in every dialect; `$` also stands before a last line feed in Python's.
_Fn = Annotated[str, Meta(pattern=r"^[0-9]{15,16}(?![\s\S])", description="Number of the FN, 1041")]
_Generation = Annotated[int, Meta(ge=0, le=0x7FFFFFFF, description="Counts the lives of a debug FN, from 0")]
_Fd = Annotated[int, Meta(ge=1, le=0xFFFFFFFF, description="Number of the document, 1040")]
_Ffd = Annotated[Literal["1.0", "1.05", "1.1", "1.2"], Meta(description="Format version, 1209")]
_Kind = Annotated[str, Meta(min_length=1, max_length=64, description="The tax service's name: receipt, openShift …")]
_Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with an offset")]
_Code = Annotated[int, Meta(ge=0, le=0x7FFFFFFF, description="0 for accepted documents")]


class SentDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document, as FNS JSON with `rawData` and `messageFiscalSign`, in an envelope that names it."""

    fn: _Fn
    generation: _Generation
    fd: _Fd
    ffd: _Ffd
    kind: _Kind
    received_at: _Moment
    document: Annotated[
        dict[str, Any],
        Meta(description="One member, named like `kind`; docs/schemas has a JSON Schema for each kind and version"),
    ]

    @property
    def key(self) -> Key:
        """What a document is told from others by."""
        return self.fn, self.generation, self.fd

    @property
    def body(self) -> dict[str, Any]:
        """The inner object of the document; empty when it is none, which the schema refuses."""
        body = self.document.get(self.kind)
        return body if isinstance(body, dict) else {}

    @property
    def sign(self) -> int | None:
        """The message sign (messageFiscalSign), None when it is absent or no number."""
        sign = self.body.get("messageFiscalSign")
        return sign if isinstance(sign, int) and not isinstance(sign, bool) else None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One request: documents of many FNs, those of one FN in the order of their FD numbers."""

    documents: Annotated[list[SentDocument], Meta(min_length=1, max_length=MAX_DOCUMENTS)]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a document. `code` is 0 unless it was refused or put into quarantine; `text` is for people."""

    status: Status
    code: _Code = 0
    text: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one document of the request."""

    fn: _Fn
    generation: _Generation
    fd: _Fd
    status: Status
    code: _Code
    text: str


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """One answer for each document, in the order of the request."""

    answers: list[Answer]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was decided, with its answer. `seq` counts from 1; `rule` names the rule of the script."""

    seq: int
    kept_at: _Moment
    fn: _Fn
    generation: _Generation
    fd: _Fd
    ffd: _Ffd
    kind: _Kind
    received_at: _Moment
    answer: Verdict
    rule: str | None
    document: dict[str, Any]


class ReceivedPage(msgspec.Struct, frozen=True, kw_only=True):
    """What was received, oldest first. `next` is the `after` of the following page, null at the end."""

    documents: list[Received]
    next: int | None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request failed (RFC 9457). `pointer` (RFC 6901) names the place in the request's JSON."""

    title: str
    status: int
    detail: str
    pointer: str | None = None
