"""The OpenAPI document: valid, checked in as it is, and naming all there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from openapi_spec_validator import validate

from ofd_gateway.faults import KEYS
from ofd_gateway.ffd import to_json_bytes
from ofd_gateway.web.openapi import openapi_document
from tests.web.running_api import running_api

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_is_valid() -> None:
    document = json.loads(to_json_bytes(openapi_document()))
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_the_file_is_up_to_date() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import document_api
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    assert document_api.PAGE.read_text(encoding="utf-8") == document_api.page(), "run `make docs`"


async def test_it_is_served(dsn: str) -> None:
    async with running_api(dsn) as api:
        assert await api.get("/v1/openapi.json") == json.loads(to_json_bytes(openapi_document()))


async def test_it_names_every_route_and_no_other(dsn: str) -> None:
    async with running_api(dsn) as api:
        app = api.client  # the routes are asked of the server: an address that it does not know is a 404
        for path, operations in openapi_document()["paths"].items():
            plain = path.replace("{fn}", "8710000100000001").replace("{fd}", "1").replace("{id}", "1")
            for method in ("get", "post", "delete", "put"):
                if path == "/v1/stream" and method == "get":
                    continue
                answer = await app.request(method.upper(), plain)
                known = answer.status_code != 405 and "no such address" not in answer.text
                assert known is (method in operations), (method, path, answer.text)


def test_a_rule_in_the_document_has_every_key() -> None:
    assert set(openapi_document()["components"]["schemas"]["FaultRule"]["properties"]) == set(KEYS)
