"""Documents over a real socket: answers, repeats, conflicts, order, and requests that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from ofd_gateway.simulator import Ffd

from .sending import Envelope, copied, emulator, lives, wire

ACCEPTED = ("accepted", 0)


def signed_otherwise(document: Envelope) -> Envelope:
    """The same number with another message sign."""
    other = copied(document)
    other["document"][other["kind"]]["messageFiscalSign"] ^= 1
    return other


async def test_whole_lives_are_accepted_in_batches_of_many_fns() -> None:
    # The simulator deals the same drives to each format: each is a life of its own here.
    formats = enumerate(lives(ffd, registers=2) for ffd in Ffd)
    mixed = [[one | {"generation": number} for one in life] for number, both in formats for life in both]
    async with emulator() as sender:
        for start in range(0, 40, 5):
            batch = [one for life in mixed for one in life[start : start + 5]]
            assert not batch or set(await sender.statuses(*batch)) == {ACCEPTED}
        summary = await sender.summary()
    count = sum(map(len, mixed))
    assert (summary["documents"], summary["in_order"], summary["by_status"]) == (count, True, {"accepted": count})
    assert {(one["first_fd"], one["repeats"], one["conflicts"]) for one in summary["fns"]} == {(1, 0, 0)}


async def test_a_repeat_gets_the_same_answer_and_is_counted() -> None:
    life = lives()[0]
    spoilt = copied(life[2])
    del spoilt["document"]["receipt"]["totalSum"]
    async with emulator() as sender:
        first = await sender.send(life[0], life[1], spoilt)
        assert await sender.send(spoilt, life[0], life[1]) == [first[2], first[0], first[1]]
        summary = await sender.summary()
    assert [one["status"] for one in first] == ["accepted", "accepted", "refused"]
    assert (summary["documents"], summary["repeats"], summary["in_order"]) == (3, 3, True)
    assert summary["fns"][0]["by_status"] == {"accepted": 4, "refused": 2}


async def test_a_document_twice_in_one_request_is_one_document() -> None:
    first = lives()[0][0]
    async with emulator() as sender:
        assert await sender.statuses(first, first) == [ACCEPTED, ACCEPTED]
        assert (await sender.summary())["repeats"] == 1
        assert len((await sender.page())[0]) == 1


async def test_other_content_under_a_number_is_refused_and_the_first_stays() -> None:
    first = lives()[0][0]
    async with emulator() as sender:
        assert await sender.statuses(first, signed_otherwise(first), first) == [ACCEPTED, ("refused", 9001), ACCEPTED]
        summary = await sender.summary()
    assert (summary["conflicts"], summary["repeats"], summary["in_order"]) == (1, 1, False)


async def test_another_generation_is_another_document() -> None:
    first = lives()[0][0]
    wiped = signed_otherwise(first)
    async with emulator('[[rule]]\nanswer = {status = "accepted"}') as sender:
        assert await sender.statuses(first, wiped | {"generation": 1}) == [ACCEPTED, ACCEPTED]
        assert [one["generation"] for one in (await sender.summary())["fns"]] == [0, 1]


async def test_breaches_of_the_order_are_counted_and_logged() -> None:
    life = lives()[0]
    with capture_logs() as logged:
        async with emulator() as sender:
            await sender.send(life[0])
            await sender.send(life[3])
            await sender.send(life[2])
            await sender.send(life[4])
            line = (await sender.summary(fn=life[0]["fn"]))["fns"][0]
    assert (line["gaps"], line["out_of_order"], line["first_fd"], line["last_fd"]) == (1, 1, 1, 5)
    breaches = [one for one in logged if one["event"] == "fns_emulator.order_broken"]
    assert [(one["what"], one["fd"], one["expected"]) for one in breaches] == [("gap", 4, 2), ("out_of_order", 3, 5)]


async def test_a_queue_that_begins_in_the_middle_is_in_order() -> None:
    life = lives()[0]
    async with emulator() as sender:
        await sender.send(*life[4:7])
        assert (await sender.summary())["in_order"]


async def test_received_documents_are_shown_in_pages() -> None:
    one, two = lives(registers=2)
    async with emulator() as sender:
        await sender.send(*one[:5], *two[:3])
        first, after = await sender.page(limit=2)
        rest, end = await sender.page(after=after)
        assert [shown["seq"] for shown in first + rest] == list(range(1, 9))
        assert end is None
        theirs, _ = await sender.page(fn=two[0]["fn"])
    assert [shown["fd"] for shown in theirs] == [1, 2, 3]
    assert first[0]["document"] == copied(one[0])["document"]
    assert first[0]["answer"] == {"status": "accepted", "code": 0, "text": "принят / accepted"}


async def test_only_the_last_documents_are_held_in_memory() -> None:
    life = lives()[0]
    async with emulator(ring=3, remember=2) as sender:
        await sender.send(*life[:10])
        shown, _ = await sender.page()
        assert [one["fd"] for one in shown] == [8, 9, 10]
        await sender.send(life[9])
        assert (await sender.summary())["repeats"] == 1


async def test_a_token_is_demanded_where_there_is_one() -> None:
    life = lives()[0]
    async with emulator(token="right") as sender:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic right"}):
            response = await sender.post(wire(life[:1]), **headers)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
        assert (await sender.post(wire(life[:1]), authorization="Bearer right")).status_code == 200
        for method, path in (
            ("GET", "v1/summary"),
            ("GET", "v1/documents"),
            ("PUT", "v1/script"),
            ("GET", "v1/script"),
        ):
            assert (await sender.client.request(method, path)).status_code == 401


async def test_the_base_address_may_have_a_path() -> None:
    async with emulator(prefix="/fns/test") as sender:
        assert str(sender.client.base_url).endswith("/fns/test/")
        assert await sender.statuses(lives()[0][0]) == [ACCEPTED]
        elsewhere = sender.client.base_url.copy_with(path="/v1/summary")
        assert (await sender.client.get(elsewhere)).status_code == 404


def changed(**members: Any) -> bytes:
    """A request whose second document differs."""
    life = lives()[0]
    return wire([life[0], copied(life[1]) | members])


@pytest.mark.parametrize(
    ("content", "pointer", "detail"),
    [
        (b"", None, "truncated"),
        (b"{", None, "truncated"),
        (b'{"documents": nope}', None, "(byte 18)"),
        (b"\xff", None, "byte 0"),
        (b'{"documents": [{"fn": "\xff"}]}', None, ""),
        (b"[]", None, "Expected `object`, got `array`"),
        (b"{}", None, "missing required field `documents`"),
        (b'{"documents": []}', "/documents", "length >= 1"),
        (b'{"documents": 5}', "/documents", "Expected `array`"),
        (b'{"documents": [5]}', "/documents/0", "Expected `object`"),
        (b'{"documents": [' + b"[" * 100_000, "/documents/0", "Expected `object`"),
        (b'{"documents": [{"document": ' + b'{"a":' * 100_000, None, "nested too deep"),
        (changed(fn="99990000070000"), "/documents/1/fn", "matching regex"),
        (changed(fn="999900000700000\n"), "/documents/1/fn", "matching regex"),
        (changed(fn=9999000007000000), "/documents/1/fn", "Expected `str`"),
        (changed(fd=0), "/documents/1/fd", ">= 1"),
        (changed(fd=1 << 32), "/documents/1/fd", "<= 4294967295"),
        (changed(generation=-1), "/documents/1/generation", ">= 0"),
        (changed(ffd="1.3"), "/documents/1/ffd", "Invalid enum value"),
        (changed(kind=""), "/documents/1/kind", "length >= 1"),
        (changed(received_at="today"), "/documents/1/received_at", "Invalid RFC3339"),
        (changed(received_at="2026-03-02T06:30:00"), "/documents/1/received_at", "timezone"),
        (changed(document=[]), "/documents/1/document", "Expected `object`"),
    ],
)
async def test_what_cannot_be_read_is_told_with_its_place(content: bytes, pointer: str | None, detail: str) -> None:
    with capture_logs() as logged:
        async with emulator() as sender:
            response = await sender.post(content)
            assert await sender.statuses(lives()[0][0]) == [ACCEPTED]
            assert (await sender.summary())["refused_requests"] == 1
    told = response.json()
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert told.get("pointer") == pointer
    assert detail in told["detail"]
    refused = [one for one in logged if one["event"] == "fns_emulator.request_refused"]
    assert [(one["log_level"], one["detail"]) for one in refused] == [("warning", told["detail"])]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": ""}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"authorization": "Bearer whatever"}, 200),
    ],
)
async def test_headers_are_looked_at(headers: dict[str, str], status: int) -> None:
    async with emulator() as sender:
        response = await sender.post(wire(lives()[0][:1]), **headers)
    assert response.status_code == status


async def test_a_body_beyond_the_limit_is_refused_whether_declared_or_not() -> None:
    async def pieces() -> Any:
        for _ in range(99):
            yield b" " * 1000

    async with emulator(max_body_bytes=50_000) as sender:
        declared = await sender.post(b" " * 50_001)
        undeclared = await sender.client.post(
            "v1/documents", content=pieces(), headers={"content-type": "application/json"}
        )
        assert [declared.status_code, undeclared.status_code] == [413, 413]
        assert (await sender.post(b" " * 50_000)).status_code == 400
        assert await sender.statuses(lives()[0][0]) == [ACCEPTED]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("v1/documents?limit=0", "limit=0: a number from 1 to 1000"),
        ("v1/documents?limit=1001", "limit=1001"),
        ("v1/documents?after=-1", "after=-1"),
        ("v1/documents?after=" + "9" * 100, "after=999"),
        ("v1/documents?after=²", "after="),
        ("v1/summary?limit=all", "limit=all"),
    ],
)
async def test_numbers_of_a_query_are_bounded(path: str, detail: str) -> None:
    async with emulator() as sender:
        response = await sender.client.get(path)
    assert response.status_code == 400
    assert detail in response.json()["detail"]


async def test_a_connection_serves_many_requests() -> None:
    life = lives()[0]
    with capture_logs() as logged:
        async with emulator() as sender:
            for document in life:
                await sender.send(document)
            await sender.post(b"{")
            await sender.send(life[0])
    assert len({one["peer"] for one in logged if "peer" in one}) == 1


async def test_other_addresses_and_methods_are_problems_too() -> None:
    async with emulator() as sender:
        nowhere = await sender.client.get("v1/nothing")
        other = await sender.client.delete("v1/summary")
    assert (nowhere.status_code, nowhere.json()["status"]) == (404, 404)
    assert (other.status_code, set(other.headers["allow"].split(", ")), other.json()["status"]) == (
        405,
        {"GET", "HEAD"},
        405,
    )


async def test_one_line_tells_of_a_request_and_one_of_each_refusal() -> None:
    life = lives()[0]
    spoilt = copied(life[2])
    spoilt["document"]["receipt"]["buyerPhoneOrAddress"] = "secret@example.org"
    with capture_logs() as logged:
        async with emulator() as sender:
            await sender.send(life[0], life[1], spoilt)
    (batch,) = [one for one in logged if one["event"] == "fns_emulator.batch_answered"]
    (refused,) = [one for one in logged if one["event"] == "fns_emulator.document_refused"]
    assert (batch["accepted"], batch["refused"], batch["repeats"]) == (2, 1, 0)
    assert (refused["fd"], refused["code"], refused["kind"]) == (3, 9002, "receipt")
    assert "secret" not in json.dumps(logged, default=str)
