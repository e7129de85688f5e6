"""docs/fns-openapi.json is what the code says, is OpenAPI 3.1, and live answers obey it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from ofd_gateway.ffd import parse_json
from ofd_gateway.fns_emulator import openapi_document

from .sending import copied, emulator, lives, wire

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "fns-openapi.json"


def test_the_file_is_what_the_code_says() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import generate_fns_openapi
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    assert FILE.read_text(encoding="utf-8") == generate_fns_openapi.text(), "run `make docs`"


def test_it_is_openapi_3_1() -> None:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_a_broken_contract_would_be_noticed() -> None:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    del document["paths"]["/v1/documents"]["post"]["responses"]
    document["paths"]["/v1/summary"]["get"]["parameters"][0]["in"] = "somewhere"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) != []


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with a value by a schema of the contract."""
    whole = {**schema, "components": openapi_document()["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def schema_of(path: str, method: str, status: str, media_type: str = "application/json") -> dict[str, Any]:
    return openapi_document()["paths"][path][method]["responses"][status]["content"][media_type]["schema"]


def request_schema() -> dict[str, Any]:
    return openapi_document()["paths"]["/v1/documents"]["post"]["requestBody"]["content"]["application/json"]["schema"]


async def test_live_answers_obey_the_contract() -> None:
    one, two = lives(registers=2)
    spoilt = copied(one[2])
    del spoilt["document"]["receipt"]["totalSum"]
    script = (
        f'[[rule]]\nmatch = {{fn = "{two[0]["fn"]}", fd = 2}}\nanswer = {{status = "postponed"}}\n'
        f'[[rule]]\nmatch = {{fn = "{two[0]["fn"]}"}}\nanswer = {{status = "soft_quarantine", code = 5}}\n'
    )
    async with emulator(script) as sender:
        request = wire([*one[:2], spoilt, *two[:4]])
        told = await sender.post(request)
        answers = {
            ("/v1/documents", "post"): told,
            ("/v1/documents", "get"): await sender.client.get("v1/documents"),
            ("/v1/summary", "get"): await sender.client.get("v1/summary"),
            ("/v1/script", "get"): await sender.client.get("v1/script"),
            ("/v1/script", "put"): await sender.client.put("v1/script", content=script.encode()),
            ("/v1/openapi.json", "get"): await sender.client.get("v1/openapi.json"),
        }
    listed = {(path, method) for path, methods in openapi_document()["paths"].items() for method in methods}
    assert answers.keys() == listed
    assert faults(parse_json(request), request_schema()) == []
    assert {one["status"] for one in told.json()["answers"]} == {
        "accepted",
        "refused",
        "soft_quarantine",
        "postponed",
    }
    for (path, method), response in answers.items():
        assert response.status_code == 200
        assert faults(response.json(), schema_of(path, method, "200")) == [], path
    assert answers["/v1/openapi.json", "get"].json() == json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("content", "status", "listed"),
    [(b"[]", 400, "4XX"), (b'{"documents": [{}]}', 400, "4XX"), (wire(lives()[0][:1]), 503, "503")],
)
async def test_problems_obey_the_contract(content: bytes, status: int, listed: str) -> None:
    script = '[[rule]]\nfault = {http_status = 503, retry_after = "1s"}'
    async with emulator(script) as sender:
        response = await sender.post(content)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert faults(response.json(), schema_of("/v1/documents", "post", listed, "application/problem+json")) == []


async def test_what_the_contract_forbids_is_refused_and_what_it_allows_is_read() -> None:
    life = lives()[0]
    changes: list[dict[str, Any]] = [
        {}, {"fn": "1" * 14}, {"fn": "1" * 15 + "\n"}, {"fd": 0}, {"fd": 1.5}, {"generation": -1}, {"ffd": "2"},
        {"kind": ""}, {"document": 5}, {"document": None}, {"note": "more"},
    ]  # fmt: skip
    async with emulator() as sender:
        for change in changes:
            request = wire([copied(life[0]) | change])
            response = await sender.post(request)
            is_allowed = faults(json.loads(request), request_schema()) == []
            assert (response.status_code == 200) == is_allowed, change
