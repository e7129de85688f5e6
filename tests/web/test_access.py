"""Who may use the API."""

from __future__ import annotations

import pytest

from ofd_gateway.web import is_loopback
from tests.web.running_api import running_api


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


async def test_beyond_this_machine_without_a_token_the_api_is_off(dsn: str) -> None:
    async with running_api(dsn, on_loopback=False) as api:
        for path in ("/v1/documents", "/v1/openapi.json", "/v1/stream"):
            problem = await api.get(path, 403)
            assert "web.token is not set" in problem["detail"]
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await api.client.get(path)).status_code == 200


@pytest.mark.parametrize("on_loopback", [True, False])
async def test_a_token_opens_the_api_and_nothing_else_does(dsn: str, on_loopback: bool) -> None:
    async with running_api(dsn, token="s3cret-жетон", on_loopback=on_loopback) as api:
        for given in (None, "", "Bearer", "Bearer s3cret", "Basic s3cret-жетон", "Bearer  S3CRET-жетон"):
            headers = {} if given is None else {"authorization": given.encode()}
            refused = await api.client.get("/v1/documents", headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="ofd-gateway"')
            assert "s3cret" not in refused.text
        for given in ("Bearer s3cret-жетон", "bearer  s3cret-жетон"):
            assert (await api.client.get("/v1/documents", headers={"authorization": given.encode()})).status_code == 200
        assert (await api.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("[::1", 403),
    ],
)
async def test_without_a_token_a_page_in_a_browser_reaches_nothing_under_another_name(
    dsn: str, host: str, status: int
) -> None:
    async with running_api(dsn) as api:
        await api.get("/v1/documents", status, host=host)
