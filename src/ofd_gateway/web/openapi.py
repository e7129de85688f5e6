"""The OpenAPI 3.1 document of the API, made of plain data."""

from __future__ import annotations

from typing import Any, Final

from ofd_gateway import __version__
from ofd_gateway.alerts import AlertType
from ofd_gateway.ffd.dictionary import DOCUMENT_CODES
from ofd_gateway.web.api_documents import LONGEST_WAIT_S
from ofd_gateway.web.asking import MOST
from ofd_gateway.web.schemas import SCHEMAS, reference

__all__ = ["openapi_document"]

Schema = dict[str, Any]

_DESCRIPTION: Final = (
    "What registers have sent, and faults on demand, for test suites and for operators. Bodies are UTF-8; sums are "
    "kopecks; times are UTC. Errors are RFC 9457 problem details. docs/http-api.md is the guide."
)
_NEXT: Final = "`next` of the page before"


def openapi_document() -> Schema:
    """The whole document; the same every time."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ofd-gateway",
            "version": __version__,
            "summary": "HTTP API of an OFD endpoint for cash registers",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": name} for name in ("documents", "registers", "faults", "data", "api")],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "responses": {"Problem": _problem("The request cannot be served")},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`web.token`; not needed on loopback"}
            },
        },
    }


def _paths() -> Schema:
    one = [
        _in_path("fn", "FN number", {"type": "string", "pattern": "^[0-9]{15,16}$"}),
        _in_path("fd", "FD number", {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}),
        _query("generation", "which life of a debug FN; the latest by default", {"type": "integer", "minimum": 0}),
    ]
    wait = {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 0}
    return {
        "/v1/documents": {
            "get": _operation(
                "listDocuments",
                "documents",
                "Documents in the order of arrival",
                "Documents",
                [_fn(), _kind(), _since("arrived since"), _limit(), _cursor(_NEXT)],
            )
        },
        "/v1/documents/{fn}/{fd}": {
            "get": _operation(
                "getDocument",
                "documents",
                "One document as FNS JSON; with `wait`, as soon as any process has committed it",
                "Document",
                [*one, _query("wait", "seconds to wait for it", wait)],
            )
        },
        "/v1/documents/{fn}/{fd}/raw": {
            "get": {
                "operationId": "getContainer",
                "tags": ["documents"],
                "summary": "The container as received",
                "parameters": one,
                "responses": {
                    "200": {"description": "The bytes", "content": {"application/octet-stream": {}}},
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
        "/v1/stream": {"get": _stream()},
        "/v1/quarantine": {
            "get": _operation(
                "listQuarantine",
                "documents",
                "Messages that were not accepted: the latest, in the order of arrival",
                "Quarantine",
                [_fn(), _since("arrived since"), _limit()],
            )
        },
        "/v1/registers": {
            "get": _operation(
                "listRegisters",
                "registers",
                "Registers, how they are, and what stops them next",
                "Registers",
                [
                    _query("customer", "INN of the owner", {"type": "string"}),
                    _limit(),
                    _cursor(_NEXT),
                ],
            )
        },
        "/v1/alerts": {
            "get": _operation(
                "listAlerts",
                "registers",
                "What the rules found: the latest, in the order in which they were opened",
                "Alerts",
                [
                    _query("open", "without those that are resolved", {"type": "boolean", "default": False}),
                    _query("customer", "INN", {"type": "string"}),
                    _query("rule", "name of the rule", {"type": "string"}),
                    _query("type", "type", {"type": "string", "enum": [type_.value for type_ in AlertType]}),
                    _query("subject", "registration number, FN or INN", {"type": "string"}),
                    _since("opened since"),
                    _limit(),
                ],
            )
        },
        "/v1/faults": {
            "get": _operation("listFaults", "faults", "Faults in the order in which they are tried", "Faults", []),
            "post": {
                **_operation("addFault", "faults", "Spoil the answers that meet the conditions", "Fault", [], "201"),
                "requestBody": {"required": True, "content": {"application/json": {"schema": reference("FaultRule")}}},
            },
            "delete": _operation("clearFaults", "faults", "Take all faults away", "Removed", []),
        },
        "/v1/faults/{id}": {
            "delete": {
                "operationId": "removeFault",
                "tags": ["faults"],
                "summary": "Take one fault away",
                "parameters": [_in_path("id", "number of the fault", {"type": "integer", "minimum": 0})],
                "responses": {
                    "204": {"description": "It is gone"},
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
        "/v1/data": {
            "delete": {
                "operationId": "forgetData",
                "tags": ["data"],
                "summary": "Forget everything: documents, registers, customers, alerts, faults; only if `disposable`",
                "responses": {
                    "204": {"description": "It is gone; connections of registers are closed"},
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
        "/v1/openapi.json": {
            "get": {
                "operationId": "getOpenapi",
                "tags": ["api"],
                "summary": "This document",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    "default": {"$ref": "#/components/responses/Problem"},
                },
            }
        },
    }


def _stream() -> Schema:
    header = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "id of the last event that was had; goes before `cursor`",
        "schema": {"type": "string"},
    }
    return {
        "operationId": "streamDocuments",
        "tags": ["documents"],
        "summary": "Every document as it is committed, without gaps and without doubles",
        "description": "Server-Sent Events named `document`; `data` is what getDocument answers, `id` a cursor.",
        "parameters": [
            _fn(),
            _cursor("id of an event, or `beginning`; without one only what is committed from now on"),
            header,
        ],
        "responses": {
            "200": {"description": "The stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _operation(id_: str, tag: str, summary: str, schema: str, parameters: list[Schema], code: str = "200") -> Schema:
    return {
        "operationId": id_,
        "tags": [tag],
        "summary": summary,
        **({"parameters": parameters} if parameters else {}),
        "responses": {
            code: {"description": summary, "content": {"application/json": {"schema": reference(schema)}}},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _problem(description: str) -> Schema:
    return {"description": description, "content": {"application/problem+json": {"schema": reference("Problem")}}}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _fn() -> Schema:
    return _query("fn", "only this FN", {"type": "string", "pattern": "^[0-9]{15,16}$"})


def _kind() -> Schema:
    return _query("kind", "only this kind", {"type": "string", "enum": list(DOCUMENT_CODES.values())})


def _since(description: str) -> Schema:
    return _query("since", f"{description}: 2026-01-31T12:00:00Z, or 24h back from now", {"type": "string"})


def _limit() -> Schema:
    return _query("limit", "size of a page", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 100})


def _cursor(description: str) -> Schema:
    return _query("cursor", description, {"type": "string"})
