"""JSON Schemas of what the API says, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from ofd_gateway.alerts import AlertType
from ofd_gateway.faults import CATALOGUE, CONDITIONS, PARAMETERS, Attempt, What
from ofd_gateway.ffd.dictionary import DOCUMENT_CODES

__all__ = ["SCHEMAS", "reference"]

Schema = dict[str, Any]


def reference(name: str) -> Schema:
    """A reference to one of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _whole(description: str = "", **more: Any) -> Schema:
    return {"type": "integer", **({"description": description} if description else {}), **more}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _object(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    closed: Schema = {"additionalProperties": False}
    return {"type": "object", "properties": properties, "required": required, **closed, **more}


def _list(name: str, of: Schema, *, paged: bool) -> Schema:
    properties: dict[str, Schema] = {name: {"type": "array", "items": of}}
    if paged:
        properties["next"] = _or_null(_text("the `cursor` of the next page; null: this was the last one"))
    return _object(properties)


_FN: Final = _text("FN number", pattern="^[0-9]{15,16}$")
_MOMENT: Final = _text("UTC", format="date-time")
_HEX: Final = _text("hexadecimal", pattern="^([0-9a-f]{2})*$")
_KINDS: Final = list(DOCUMENT_CODES.values())

_VIOLATION: Final = _object(
    {
        "rule": _text("id of the check, as in docs/checks.md"),
        "severity": _text(enum=["error", "warning"]),
        "path": _text("the field, as FNS JSON names it"),
        "tag": _or_null(_whole()),
        "offset": _or_null(_whole("of the field in the document's bytes")),
        "found": _text(),
        "expected": _text(),
    }
)
_LINE: Final[dict[str, Schema]] = {
    "fn": _FN,
    "generation": _whole("which life of a debug FN", minimum=0),
    "fd": _whole("FD number", minimum=1),
    "kind": _text("kind of the document", enum=_KINDS),
    "ffd": _text("format", enum=["1.0", "1.05", "1.1", "1.2"]),
    "response_code": _whole("code of the stored confirmation (1022)", minimum=0, maximum=255),
    "operator_message": _whole("bits of 1206", minimum=0, maximum=255),
    "received_at": _MOMENT,
    "issued_at": _or_null(_text("the register's own time (1012), without a zone")),
    "registration_number": _or_null(_text("1037, as sent")),
    "user_inn": _or_null(_text("1018, as sent")),
    "shift": _or_null(_whole()),
    "receipt_number": _or_null(_whole()),
    "total_kopecks": _or_null(_whole()),
    "fiscal_sign": _or_null(_whole("as printed")),
    "session_version": _HEX,
    "message_sign": _HEX,
    "operator_sign": _HEX,
    "peer": _text("address the document came from"),
    "violations": {"type": "array", "items": reference("Violation")},
    "fns": _or_null(
        _text(
            "how it stands with the tax service; null: it does not wait and was never answered",
            enum=["queued", "accepted", "soft_quarantine", "hard_quarantine", "refused", None],
        )
    ),
    "fns_code": _or_null(_whole("code of the tax service's answer")),
}
_DOCUMENT: Final = {
    "type": "object",
    "description": "FNS JSON: one key, the kind; docs/schemas describes what is below it",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": {"type": "object"},
}
_REGISTER: Final = {
    "type": "object",
    "description": "a register as `registers list --json` shows it",
    "properties": {
        "rnm": _or_null(_text("registration number; null: only its FN is known")),
        "customer": _or_null(_text("INN of the owner, if it is a customer")),
        "state": _text(),
        "fn": _or_null(_text()),
        "last_fd": _or_null(_whole()),
        "shift_open": {"type": "boolean"},
        "block": {"type": ["object", "null"], "description": "what stops it next, and when"},
        "open_alerts": {"type": "array", "items": _text()},
    },
    "required": ["rnm", "customer", "state"],
    "additionalProperties": True,
}
_ALERT: Final = _object(
    {
        "id": _whole(),
        "type": _text(enum=[type_.value for type_ in AlertType]),
        "rule": _text(),
        "subject": _text("registration number, FN or INN"),
        "customer": _or_null(_text()),
        "level": _text(),
        "state": _text(enum=["firing", "acked", "silenced", "resolved"]),
        "opened_at": _MOMENT,
        "resolved_at": _or_null(_MOMENT),
        "facts": {"type": "object"},
    }
)
_QUARANTINED: Final = _object(
    {
        "id": _whole(),
        "fn": _text("empty when no header could be read"),
        "fd": _or_null(_whole()),
        "reason": _text("as in docs/protocol.md and docs/server-behaviour.md"),
        "detail": _text(),
        "received_at": _MOMENT,
        "peer": _text(),
        "bytes": _whole("size of the message"),
    }
)
_NUMBER_OR_TEXT: Final = ["integer", "string"]
_RULE: Final[dict[str, Schema]] = {
    "what": _text(
        "; ".join(f"`{what.value}`: {entry.text_en}" for what, entry in CATALOGUE.items()),
        enum=[what.value for what in What],
    ),
    "delay": _text(PARAMETERS["delay"]),
    "pause": _text(PARAMETERS["pause"]),
    "bytes": {"type": _NUMBER_OR_TEXT, "description": PARAMETERS["bytes"]},
    "connection": _text(PARAMETERS["connection"], enum=["keep", "close"]),
    "code": {"type": _NUMBER_OR_TEXT, "description": PARAMETERS["code"]},
    "bits": {"type": _NUMBER_OR_TEXT, "description": PARAMETERS["bits"]},
    "length_change": {"type": _NUMBER_OR_TEXT, "description": PARAMETERS["length_change"]},
    "service_data": _text(PARAMETERS["service_data"]),
    "fn": _text(CONDITIONS["fn"]),
    "rnm": _text(CONDITIONS["rnm"]),
    "kind": _text(CONDITIONS["kind"], enum=[kind for kind in _KINDS if kind != "operatorAck"]),
    "fd": {"type": _NUMBER_OR_TEXT, "description": CONDITIONS["fd"]},
    "version": _text(CONDITIONS["version"]),
    "attempt": _text(CONDITIONS["attempt"], enum=[attempt.value for attempt in Attempt]),
    "first": {"type": _NUMBER_OR_TEXT, "description": CONDITIONS["first"]},
    "every": {"type": _NUMBER_OR_TEXT, "description": CONDITIONS["every"]},
    "probability": {"type": ["number", "string"], "description": CONDITIONS["probability"]},
    "seed": {"type": _NUMBER_OR_TEXT, "description": CONDITIONS["seed"]},
    "times": {"type": _NUMBER_OR_TEXT, "description": CONDITIONS["times"]},
}
_OPTIONAL: Final = tuple(name for name in _RULE if name != "what")

SCHEMAS: Final[dict[str, Schema]] = {
    "Violation": _VIOLATION,
    "DocumentLine": _object(_LINE),
    "Document": _object({**_LINE, "document": _DOCUMENT}),
    "Documents": _list("documents", reference("DocumentLine"), paged=True),
    "Register": _REGISTER,
    "Registers": _list("registers", reference("Register"), paged=True),
    "Alert": _ALERT,
    "Alerts": _list("alerts", reference("Alert"), paged=False),
    "Quarantined": _QUARANTINED,
    "Quarantine": _list("quarantine", reference("Quarantined"), paged=False),
    "FaultRule": _object(_RULE, optional=_OPTIONAL),
    "Fault": _object(
        {
            "id": _whole(),
            **_RULE,
            "source": _text(enum=["settings", "command", "http"]),
            "created_at": _MOMENT,
            "seen": _whole("answers that the conditions let through"),
            "hits": _whole("times it was applied"),
            "last_hit_at": _or_null(_MOMENT),
            "spent": {"type": "boolean", "description": "it can never be applied again"},
        },
        optional=_OPTIONAL,
    ),
    "Faults": _list("faults", reference("Fault"), paged=False),
    "Removed": _object({"removed": _whole("how many there were")}),
    "Problem": _object(
        {"type": _text(), "title": _text(), "status": _whole(), "detail": _text("for whoever wrote the caller")}
    ),
}
"""Every schema by its name."""
