"""Faults over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.running_api import running_api

RULE = {"what": "response_code", "code": 14, "fn": "9999*", "times": 2}


async def test_faults_come_and_go(dsn: str) -> None:
    async with running_api(dsn) as api:
        added = await api.send("POST", "/v1/faults", RULE, 201)
        assert {key: added[key] for key in RULE} == RULE
        assert (added["source"], added["hits"], added["spent"]) == ("http", 0, False)
        other = await api.send("POST", "/v1/faults", {"what": "reset"}, 201)
        assert (await api.get("/v1/faults"))["faults"] == [added, other]
        await api.send("DELETE", f"/v1/faults/{added['id']}", status=204)
        assert (await api.get("/v1/faults"))["faults"] == [other]
        assert await api.send("DELETE", "/v1/faults") == {"removed": 1}
        assert (await api.get("/v1/faults"))["faults"] == []
        assert api.changes == [1, 2, 1, 0], "the registers' side hears of each change at once"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/faults", None),
        ("POST", "/v1/faults", RULE),
        ("DELETE", "/v1/faults", None),
        ("DELETE", "/v1/faults/1", None),
    ],
)
async def test_when_faults_are_off_that_is_said(dsn: str, method: str, path: str, body: object) -> None:
    async with running_api(dsn, faults_on=False) as api:
        assert "faults are off" in (await api.send(method, path, body, 403))["detail"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"what": "explode"}, 422, "what: 'explode' is none of"),
        ({"what": "reset", "code": 1}, 422, "code: reset takes no code"),
        ([1], 400, "the body is no JSON object"),
        ("x", 400, "the body is no JSON object"),
    ],
)
async def test_nonsense_is_refused(dsn: str, body: Any, status: int, detail: str) -> None:
    async with running_api(dsn) as api:
        assert detail in (await api.send("POST", "/v1/faults", body, status))["detail"]
        assert (await api.get("/v1/faults"))["faults"] == []


async def test_a_body_says_that_it_is_json_and_is_small(dsn: str) -> None:
    async with running_api(dsn) as api:
        form = await api.client.post("/v1/faults", content=b'{"what": "reset"}', headers={"content-type": "text/plain"})
        assert (form.status_code, form.json()["title"]) == (415, "Unsupported Media Type")
        large = await api.client.post(
            "/v1/faults", content=b" " * 20_000, headers={"content-type": "application/json; charset=utf-8"}
        )
        assert large.status_code == 413
        broken = await api.client.post(
            "/v1/faults", content=b'{"what": "\xff"}', headers={"content-type": "application/json"}
        )
        assert broken.status_code == 400


async def test_a_fault_that_is_not_there_is_said(dsn: str) -> None:
    async with running_api(dsn) as api:
        for number in (7, 2**63):
            assert "fault" in (await api.send("DELETE", f"/v1/faults/{number}", status=404))["detail"]
