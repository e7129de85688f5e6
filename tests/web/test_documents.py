"""Documents over HTTP: lists, single ones, waiting for one."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from ofd_gateway.ffd import decode, to_fns_json
from ofd_gateway.protocol import parse_container
from ofd_gateway.storage import DatabaseUnavailable, Feed
from tests.intake.running import until
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body
from tests.storage.arrivals import NOW, arrival, ledger, opened, quarantine_row
from tests.web.running_api import running_api


async def test_a_document_is_fns_json_with_all_that_is_known_of_it(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.commit(1)
        found = await api.get(f"/v1/documents/{PLAIN_FN}/1")
        document = found.pop("document")
        raw = container(PLAIN_FN, 1)
        parsed = parse_container(raw)
        honest = to_fns_json(decode(parsed.body), message_sign=parsed.message_sign)
        assert document == json.loads(json.dumps(honest))
        assert document["receipt"]["fiscalDriveNumber"] == PLAIN_FN
        assert {name: found[name] for name in ("fn", "generation", "fd", "kind", "ffd", "response_code")} == {
            "fn": PLAIN_FN,
            "generation": 0,
            "fd": 1,
            "kind": "receipt",
            "ffd": "1.05",
            "response_code": 0,
        }
        assert (found["received_at"], found["total_kopecks"]) == (NOW.isoformat(), 12345)
        answer = await api.client.get(f"/v1/documents/{PLAIN_FN}/1/raw")
        assert (answer.content, answer.headers["content-type"]) == (raw, "application/octet-stream")


async def test_violations_are_told(dsn: str) -> None:
    from ofd_gateway.ffd.checks import CheckPolicy, check

    async with running_api(dsn) as api:
        one = arrival(fd=1)
        violations = check(one.document, now=NOW, policy=CheckPolicy())
        await api.commit(1, violations=violations)
        found = await api.get(f"/v1/documents/{PLAIN_FN}/1")
        assert found["response_code"] == 14
        assert [told["rule"] for told in found["violations"]][: len(violations)] == [one.rule for one in violations]


async def test_what_the_tax_service_answered_is_told_everywhere(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.commit(1, 2, 3)
        async with api.database.reading() as connection:
            await connection.execute(
                "INSERT INTO fns_queue (fn, generation, fd, queued_at) VALUES ($1, 0, 2, $2)", PLAIN_FN, NOW
            )
            await connection.execute(
                "INSERT INTO fns_answers (fn, generation, fd, code, attempts, status, text, received_at, "
                "first_sent_at, decided_at) "
                "SELECT $1, 0, fd, 420, 1, 'refused', 'нет', $2, $2, $2 FROM unnest('{1,2}'::int[]) AS fd",
                PLAIN_FN,
                NOW,
            )
        expected = [("refused", 420), ("queued", None), (None, None)]
        single = [await api.get(f"/v1/documents/{PLAIN_FN}/{fd}") for fd in (1, 2, 3)]
        listed = (await api.get("/v1/documents"))["documents"]
        async with api.stream("?cursor=beginning") as events:
            streamed = [await events.next() for _ in range(3)]
        for lines in (single, listed, streamed):
            assert [(line["fns"], line["fns_code"]) for line in lines] == expected


async def test_generations_are_told_apart(dsn: str) -> None:
    async with running_api(dsn) as api:
        for sign in (b"first1", b"again1"):
            await api.commit(1, fn=DEBUG_FN, code=1, sign=sign, body=document_body(DEBUG_FN, 1, code=1))
        path = f"/v1/documents/{DEBUG_FN}/1"
        signs = [(await api.get(path + query))["message_sign"][4:] for query in ("", "?generation=0", "?generation=1")]
        assert signs == [b"again1".hex(), b"first1".hex(), b"again1".hex()]
        await api.get(f"{path}?generation=2", 404)
        assert (await api.client.get(f"{path}/raw?generation=0")).content[-8:-2] == b"first1"


async def test_a_list_goes_on_where_the_page_before_ended(dsn: str) -> None:
    async with running_api(dsn) as api:
        for fd in range(1, 8):
            await api.commit(fd, received_at=NOW + timedelta(seconds=fd // 3))
        had, query = [], "?limit=3"
        while True:
            page = await api.get(f"/v1/documents{query}")
            had.append([line["fd"] for line in page["documents"]])
            if page["next"] is None:
                break
            query = f"?limit=3&cursor={page['next']}"
        assert had == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize(
    ("query", "fds"),
    [
        ("", [1, 2, 3, 4]),
        (f"?fn={PLAIN_FN}", [1, 2, 3]),
        ("?kind=openShift", [2]),
        ("?kind=receipt&fn=" + DEBUG_FN, [4]),
        ("?since=2026-01-31T12:00:02Z", [2, 3, 4]),
        ("?since=2026-01-31T15:00:03%2B03:00", [3, 4]),
        ("?since=2026-01-31T12:00:04", [4]),
        ("?since=24h", [1, 2, 3, 4]),
        ("?limit=2", [1, 2]),
    ],
)
async def test_lists_are_filtered(dsn: str, query: str, fds: list[int]) -> None:
    async with running_api(dsn) as api:
        for fd, code in ((1, 3), (2, 2), (3, 3)):
            body = document_body(PLAIN_FN, fd, code=code)
            await api.commit(fd, code=code, body=body, received_at=NOW + timedelta(seconds=fd))
        await api.commit(4, fn=DEBUG_FN, received_at=NOW + timedelta(seconds=4))
        assert [line["fd"] for line in (await api.get(f"/v1/documents{query}"))["documents"]] == fds


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/documents?fn=12", "fn: '12' is no FN number"),
        ("/v1/documents?kind=cheque", "kind: 'cheque' is none of"),
        ("/v1/documents?limit=0", "limit: '0' is no whole number from 1 to 1000"),
        ("/v1/documents?limit=1001", "limit: '1001' is no whole number"),
        ("/v1/documents?since=yesterday", "since: 'yesterday' is neither"),
        ("/v1/documents?cursor=abc", "cursor: it is not one that this list gave out"),
        ("/v1/documents?cursor=%ff", "cursor: it is not one"),
        ("/v1/documents?fn=1&fn=2", "fn: it is given twice"),
        ("/v1/documents?page=2", "page: there is no such parameter"),
        (f"/v1/documents/{PLAIN_FN}/x", "fd: 'x' is no FD number"),
        (f"/v1/documents/{PLAIN_FN}/99999999999", "fd: '99999999999' is no FD number"),
        ("/v1/documents/12/1", "fn: '12' is no FN number"),
        (f"/v1/documents/{PLAIN_FN}/1?wait=61", "wait: '61' is no whole number from 0 to 60"),
        (f"/v1/documents/{PLAIN_FN}/1?generation=-1", "generation: '-1' is no whole number"),
        ("/v1/quarantine?since=1", "since: '1' is neither"),
        ("/v1/alerts?open=perhaps", "open: 'perhaps' is none of"),
        ("/v1/alerts?rule=none", "rule: 'none' is none of"),
        ("/v1/registers?cursor=!", "cursor: it is not one"),
        ("/v1/registers?customer=%00", "customer: it holds a NUL"),
        ("/v1/stream?cursor=abc", "is no cursor of this stream"),
        ("/v1/stream?cursor=7.1", "the cursor is of another database"),
        ("/v1/stream?fn=1", "fn: '1' is no FN number"),
    ],
)
async def test_wrong_parameters_are_named(dsn: str, path: str, detail: str) -> None:
    async with running_api(dsn) as api:
        problem = await api.get(path, 400)
        assert detail in problem["detail"]
        assert (problem["status"], problem["title"], problem["type"]) == (400, "Bad Request", "about:blank")


async def test_what_is_not_there_is_a_problem(dsn: str) -> None:
    async with running_api(dsn) as api:
        assert "FD 7" in (await api.get(f"/v1/documents/{PLAIN_FN}/7", 404))["detail"]
        await api.get(f"/v1/documents/{PLAIN_FN}/7/raw", 404)
        nowhere = await api.client.get("/v1/nowhere")
        assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")
        wrong = await api.client.post("/v1/documents")
        assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
        assert (await api.client.get("/healthz")).text == "alive\n"


async def test_a_document_is_given_as_soon_as_another_process_has_committed_it(dsn: str) -> None:
    async with running_api(dsn) as api, opened(dsn) as elsewhere:
        waiting = asyncio.create_task(api.get(f"/v1/documents/{PLAIN_FN}/2?wait=60"))
        await until(lambda: bool(api.arrivals._waiters))
        await elsewhere.commit([arrival(fd=1)], ledger(), NOW)
        assert not waiting.done()
        await elsewhere.commit([arrival(fd=2)], ledger(), NOW)
        assert (await waiting)["fd"] == 2
        assert (api.arrivals._waiters, api.arrivals._awaited) == ({}, 0)


async def test_what_is_there_already_is_not_waited_for(dsn: str) -> None:
    async with running_api(dsn, max_waiters=0) as api:
        await api.commit(1)
        assert (await api.get(f"/v1/documents/{PLAIN_FN}/1?wait=60"))["fd"] == 1
        assert "wait already" in (await api.get(f"/v1/documents/{PLAIN_FN}/2?wait=60", 429))["detail"]


async def test_the_waiting_ends(dsn: str) -> None:
    async with running_api(dsn) as api:
        assert "waited 1 s" in (await api.get(f"/v1/documents/{PLAIN_FN}/1?wait=1", 404))["detail"]


async def test_waiting_for_a_generation_passes_over_the_others(dsn: str) -> None:
    async with running_api(dsn) as api:
        body = document_body(DEBUG_FN, 1, code=1)
        waiting = asyncio.create_task(api.get(f"/v1/documents/{DEBUG_FN}/1?wait=60&generation=1"))
        await until(lambda: bool(api.arrivals._waiters))
        for sign in (b"first1", b"again1"):
            assert not waiting.done()
            await api.commit(1, fn=DEBUG_FN, code=1, sign=sign, body=body)
        assert (await waiting)["generation"] == 1


async def test_many_wait_with_one_task(dsn: str) -> None:
    async with running_api(dsn, max_waiters=100) as api:
        asked = [asyncio.create_task(api.get(f"/v1/documents/{PLAIN_FN}/{fd}?wait=60")) for fd in (1, 2, 3) * 10]
        await until(lambda: sum(map(len, api.arrivals._waiters.values())) == 30)
        await api.commit(1, 2, 3)
        assert sorted(found["fd"] for found in await asyncio.gather(*asked)) == sorted((1, 2, 3) * 10)


async def test_nobody_waits_nothing_is_asked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = Feed.horizon

    async def counted(self: Feed) -> Any:
        looks.append(1)
        return await real(self)

    monkeypatch.setattr(Feed, "horizon", counted)
    async with running_api(dsn) as api:
        await api.commit(1)
        assert looks == []
        await api.get(f"/v1/documents/{PLAIN_FN}/2?wait=1", 404)
        assert looks
        await until(lambda: api.arrivals._horizon is None)


async def test_a_gateway_that_stops_sends_waiters_away(dsn: str) -> None:
    async with running_api(dsn) as api:
        waiting = asyncio.create_task(api.get(f"/v1/documents/{PLAIN_FN}/1?wait=60", 503))
        await until(lambda: bool(api.arrivals._waiters))
        api.arrivals.close()
        assert (await waiting)["detail"] == "the gateway stops"


async def test_without_the_database_the_answer_is_503_and_then_it_goes_on(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: object, *_: object, **__: object) -> None:
        raise DatabaseUnavailable("the server is gone")

    async with running_api(dsn) as api:
        await api.commit(1)
        waiting = asyncio.create_task(api.get(f"/v1/documents/{PLAIN_FN}/2?wait=60"))
        await until(lambda: bool(api.arrivals._waiters))
        with monkeypatch.context() as patch:
            patch.setattr(type(api.store), "page", lost)
            patch.setattr(Feed, "horizon", lost)
            problem = await api.get("/v1/documents", 503)
            assert problem["detail"] == "the database does not answer"
            await api.commit(2)
        assert (await waiting)["fd"] == 2


async def test_quarantine_is_listed(dsn: str) -> None:
    async with running_api(dsn) as api:
        await api.store.quarantine([quarantine_row(), quarantine_row("", fd=None)])
        found = (await api.get("/v1/quarantine"))["quarantine"]
        assert [(one["fn"], one["fd"], one["reason"], one["bytes"]) for one in found] == [
            (PLAIN_FN, 7, "container_crc", 6),
            ("", None, "container_crc", 6),
        ]
        assert len((await api.get(f"/v1/quarantine?fn={PLAIN_FN}"))["quarantine"]) == 1


async def test_registers_and_alerts_are_listed_as_the_commands_do(dsn: str) -> None:
    async with running_api(dsn) as api:
        for number, fn in enumerate((PLAIN_FN, "8710000100000002", "8710000100000003")):
            body = document_body(fn, 1).replace(b"0000000000024136", b"%016d" % (number + 5))
            await api.commit(1, fn=fn, body=body)
        first = await api.get("/v1/registers?limit=2")
        second = await api.get(f"/v1/registers?limit=2&cursor={first['next']}")
        assert [one["rnm"] for one in first["registers"]] == [f"{5:016d}", f"{6:016d}"]
        assert [one["rnm"] for one in second["registers"]] == [f"{7:016d}"]
        assert second["next"] is None
        assert (await api.get("/v1/registers?customer=7704211201"))["registers"] == []
        await api.commit(1, sign=b"other!", body=document_body(PLAIN_FN, 1, total_kopecks=1))
        [alert] = (await api.get("/v1/alerts?rule=fd_conflict"))["alerts"]
        assert (alert["rule"], alert["type"], alert["state"]) == ("fd_conflict", "operator", "firing")
        assert (await api.get("/v1/alerts?open=true&type=service"))["alerts"] == []
