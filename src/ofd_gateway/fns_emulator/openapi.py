"""The contract as an OpenAPI 3.1 document, made from the records that read and write it."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from ofd_gateway import __version__
from ofd_gateway.fns_emulator.contract import CODE_TEXTS, Answers, Batch, Problem, ReceivedPage
from ofd_gateway.fns_emulator.order import Summary
from ofd_gateway.fns_emulator.problems import PROBLEM_TYPE
from ofd_gateway.fns_emulator.script import Script

__all__ = ["openapi_document"]

_JSON: Final = "application/json"
_DESCRIPTION: Final = """\
A gateway sends every stored document as FNS JSON, in the order of its FD numbers within an FN, and gets a verdict on \
each. The transport of the real service is not public; this contract is the project's own. An operator with the real \
one replaces the gateway's transport.

Documents may be sent again at any time: one with the same `fn`, `generation`, `fd` and `messageFiscalSign` gets the \
same answer. `postponed` asks for this document and the following ones of its FN later; they are answered `postponed` \
too. 429 and 503 ask for everything later, after Retry-After seconds.
"""
_ADDED: Final = "Only the emulator has this; a real service need not."


def openapi_document() -> dict[str, Any]:
    """The whole document, the same at every call of one version."""
    schemas, components = msgspec.json.schema_components(
        (Batch, Answers, Problem, ReceivedPage, Summary, Script), ref_template="#/components/schemas/{name}"
    )
    batch, answers, problem, page, summary, script = schemas
    problems = {
        "4XX": _answer("The request is refused whole; nothing was taken", problem, PROBLEM_TYPE),
        "5XX": _answer("A failure, perhaps of the script; the documents are sent again", problem, PROBLEM_TYPE),
    }
    busy = {**problems["5XX"], "description": "The whole endpoint is busy", "headers": _RETRY_AFTER}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ofd-gateway: documents to the tax service",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The base address may have a path of its own (--prefix)"}],
        "security": [{}, {"token": []}],
        "paths": {
            "/v1/documents": {
                "post": {
                    "operationId": "sendDocuments",
                    "summary": "Hands over documents and gets a verdict on each",
                    "description": f"Codes:\n\n{_codes()}",
                    "requestBody": {"required": True, "content": {_JSON: {"schema": batch}}},
                    "responses": {
                        "200": _answer("One answer for each document, in the order of the request", answers),
                        "429": busy,
                        "503": busy,
                        **problems,
                    },
                },
                "get": {
                    "operationId": "listDocuments",
                    "summary": "What was decided, oldest first",
                    "description": _ADDED,
                    "parameters": [
                        _parameter("fn", {"type": "string"}, "Only this FN"),
                        _parameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Page"),
                        _parameter("after", {"type": "integer", "minimum": 0, "default": 0}, "`next` of the last page"),
                    ],
                    "responses": {"200": _answer("One page", page), **problems},
                },
            },
            "/v1/summary": {
                "get": {
                    "operationId": "getSummary",
                    "summary": "Counts, and whether each FN's documents came in order",
                    "description": _ADDED,
                    "parameters": [
                        _parameter("fn", {"type": "string"}, "Only this FN; the sums stay those of all"),
                        _parameter("limit", {"type": "integer", "minimum": 0}, "Only the FNs that spoke last"),
                    ],
                    "responses": {"200": _answer("The counts", summary), **problems},
                }
            },
            "/v1/script": {
                "get": {
                    "operationId": "getScript",
                    "summary": "The script that is played",
                    "description": _ADDED,
                    "responses": {"200": _answer("The script", script), **problems},
                },
                "put": {
                    "operationId": "replaceScript",
                    "summary": "Plays another script from now on; an empty one plays nothing",
                    "description": _ADDED,
                    "requestBody": {
                        "required": True,
                        "content": {"application/toml": {"schema": {"type": "string"}}},
                    },
                    "responses": {"200": _answer("The script", script), **problems},
                },
            },
            "/v1/openapi.json": {
                "get": {
                    "operationId": "getContract",
                    "summary": "This document",
                    "description": _ADDED,
                    "responses": {"200": _answer("OpenAPI 3.1", {"type": "object"}), **problems},
                }
            },
        },
        "components": {
            "schemas": {name: _component(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 0}},
}


def _component(schema: dict[str, Any]) -> dict[str, Any]:
    """As it is written into JSON, with the docstring as a description."""
    plain: dict[str, Any] = msgspec.to_builtins(schema)
    return {**plain, "description": inspect.cleandoc(plain["description"])}


def _answer(description: str, schema: dict[str, Any], media_type: str = _JSON) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _codes() -> str:
    return "\n".join(f"* {code}: {text}" for code, text in CODE_TEXTS.items())
