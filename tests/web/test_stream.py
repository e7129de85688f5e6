"""The stream of documents over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from ofd_gateway.storage import DatabaseUnavailable, Feed
from tests.intake.running import until
from tests.messages import DEBUG_FN
from tests.storage.arrivals import NOW, arrival, ledger, opened
from tests.web.running_api import running_api


async def test_a_stream_begins_now_and_gives_each_document_once(dsn: str) -> None:
    async with running_api(dsn) as api, opened(dsn) as elsewhere:
        await api.commit(1)
        async with api.stream() as events:
            await events.begun()
            await api.commit(2, 3)
            await elsewhere.commit([arrival(fd=4)], ledger(), NOW)
            await elsewhere.commit([arrival(fd=4)], ledger(), NOW)
            await api.commit(5)
            assert await events.fds(4) == [2, 3, 4, 5]


async def test_an_event_is_what_one_document_is(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.commit(1)
        async with api.stream("?cursor=beginning") as events:
            told = await events.next()
        assert told == await api.get(f"/v1/documents/{told['fn']}/1")


async def test_a_reader_that_comes_back_goes_on_after_its_last_event(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.commit(1, 2, 3)
        await api.commit(4)
        had: list[int] = []
        last = "beginning"
        for _ in range(4):
            async with api.stream(f"?cursor={last}") as events:
                had += await events.fds(1)
                last = events.last_id
        await api.commit(5)
        async with api.stream("?cursor=beginning", **{"last-event-id": last}) as events:
            had += await events.fds(1)
        assert had == [1, 2, 3, 4, 5]


async def test_a_stream_of_one_fn_is_quiet_about_the_others_and_keeps_its_place(dsn: str) -> None:
    async with running_api(dsn, keep_alive_s=0.02) as api:
        await api.commit(1)
        await api.commit(7, fn=DEBUG_FN)
        async with api.stream(f"?cursor=beginning&fn={DEBUG_FN}") as events:
            assert await events.fds(1) == [7]
            at = events.last_id
            await api.commit(2)
            while events.last_id == at:
                await events.begun()
            last = events.last_id
        assert "~" not in last, "all that was committed by then is behind it"
        async with api.stream(f"?cursor={last}") as events:
            await events.begun()
            await api.commit(3)
            assert await events.fds(1) in ([2], [3])


async def test_a_long_backlog_comes_page_by_page(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.commit(*range(1, 451))
        async with api.stream("?cursor=beginning") as events:
            assert await events.fds(450) == list(range(1, 451))


async def test_streams_are_bounded_and_make_room_when_they_end(dsn: str) -> None:
    async with running_api(dsn, max_streams=1) as api:
        async with api.stream() as events:
            await events.begun()
            problem = await api.get("/v1/stream", 429)
            assert "web.max_streams" in problem["detail"]
        await until(lambda: api.arrivals._streaming == 0)
        async with api.stream() as events:
            await events.begun()


async def test_a_gateway_that_stops_ends_its_streams(dsn: str) -> None:
    async with running_api(dsn) as api, api.stream() as events:
        await events.begun()
        api.arrivals.close()
        with pytest.raises(EOFError):
            await events.next()


async def test_a_stream_without_a_database_ends_so_that_its_reader_comes_back(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: Feed, *_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("the server is gone")

    async with running_api(dsn) as api:
        with capture_logs() as logs:
            async with api.stream() as events:
                await events.begun()
                with monkeypatch.context() as patch:
                    patch.setattr(Feed, "page", lost)
                    await api.commit(1)
                    with pytest.raises(EOFError):
                        await events.next()
        assert [line["event"] for line in logs if line["event"].startswith("stream.")] == ["stream.cut"]
        async with api.stream(f"?cursor={events.last_id}") as events:
            assert await events.fds(1) == [1]


async def test_a_database_that_does_not_answer_is_a_503(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ofd_gateway.web import arrivals as module

    async def lost(self: Feed) -> None:
        raise DatabaseUnavailable("the server is gone")

    monkeypatch.setattr(module, "_PRIMED_WITHIN_S", 0.1)
    monkeypatch.setattr(Feed, "horizon", lost)
    async with running_api(dsn) as api:
        with capture_logs() as logs:
            assert (await api.get("/v1/stream", 503))["detail"] == "the database does not answer"
        assert [line["event"] for line in logs] == ["api.stalled"]


async def test_readers_that_leave_at_any_moment_lose_nothing(dsn: str) -> None:
    """Documents are committed by two processes while a reader reads a few events, leaves and comes back."""
    async with running_api(dsn) as api, opened(dsn) as elsewhere:

        async def write(store: Any, fn: str) -> None:
            for fd in range(1, 41):
                await store.commit([arrival(fn, fd)], ledger(), NOW)

        writing = [
            asyncio.create_task(write(api.store, "8710000100000001")),
            asyncio.create_task(write(elsewhere, "8710000100000002")),
        ]
        had: list[tuple[str, int]] = []
        last = "beginning"
        while len(had) < 80:
            async with api.stream(f"?cursor={last}") as events:
                for _ in range(min(7, 80 - len(had))):
                    told = await events.next()
                    had.append((told["fn"], told["fd"]))
                last = events.last_id
        await asyncio.gather(*writing)
        assert sorted(had) == [(fn, fd) for fn in ("8710000100000001", "8710000100000002") for fd in range(1, 41)]
        for fn in ("8710000100000001", "8710000100000002"):
            assert [fd for name, fd in had if name == fn] == list(range(1, 41))


async def test_a_client_that_vanishes_is_forgotten(dsn: str) -> None:
    async with running_api(dsn) as api:
        async with (
            httpx.AsyncClient(base_url=api.client.base_url) as client,
            client.stream("GET", "/v1/stream") as response,
        ):
            assert response.status_code == 200
            assert api.arrivals._streaming == 1
        await until(lambda: api.arrivals._streaming == 0 and api.arrivals._awaited == 0)
