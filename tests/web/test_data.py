"""`DELETE /v1/data`, with and without somebody who forgets."""

from __future__ import annotations

from ofd_gateway.storage import DatabaseUnavailable
from tests.web.running_api import running_api


async def test_it_answers_when_everything_is_forgotten(dsn: str) -> None:
    calls: list[str] = []

    async def forget() -> None:
        calls.append("forgotten")

    async with running_api(dsn, forget=forget) as api:
        assert await api.send("DELETE", "/v1/data", status=204) is None
    assert calls == ["forgotten"]


async def test_a_gateway_that_keeps_things_says_so(dsn: str) -> None:
    async with running_api(dsn) as api:
        problem = await api.send("DELETE", "/v1/data", status=403)
    assert "`disposable` is not set" in problem["detail"]


async def test_a_parameter_is_refused_before_anything_is_forgotten(dsn: str) -> None:
    async def forget() -> None:
        raise AssertionError("nothing was to be forgotten")

    async with running_api(dsn, forget=forget) as api:
        await api.send("DELETE", "/v1/data?fn=8710000100000001", status=400)


async def test_a_database_that_is_away_is_told(dsn: str) -> None:
    async def forget() -> None:
        raise DatabaseUnavailable("gone")

    async with running_api(dsn, forget=forget) as api:
        await api.send("DELETE", "/v1/data", status=503)
