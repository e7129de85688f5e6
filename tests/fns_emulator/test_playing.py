"""Every scripted answer and fault as a sender meets it on the wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from .sending import Sender, emulator, lives, wire

ACCEPTED = ("accepted", 0)
POSTPONED = ("postponed", 0)


def rule(match: str = "", **actions: str) -> str:
    (kind, action), = actions.items()  # fmt: skip
    return f'[[rule]]\nname = "the rule"\nmatch = {{{match}}}\n{kind} = {{{action}}}\n'


@pytest.mark.parametrize("status", ["refused", "soft_quarantine", "hard_quarantine"])
async def test_documents_get_the_scripted_status(status: str) -> None:
    one, two = lives(registers=2)
    script = rule(f'fn = "{one[0]["fn"]}"', answer=f'status = "{status}", code = 77, text = "так / so"')
    async with emulator(script) as sender:
        answers = await sender.send(*one[:2], *two[:2])
        shown, _ = await sender.page()
    assert [(a["status"], a["code"], a["text"]) for a in answers[:2]] == [(status, 77, "так / so")] * 2
    assert [a["status"] for a in answers[2:]] == ["accepted"] * 2
    assert [one["rule"] for one in shown] == ["the rule", "the rule", None, None]


async def test_a_user_and_a_kind_can_be_chosen() -> None:
    one, two = lives(registers=2)
    inn = two[0]["document"]["fiscalReport"]["userInn"]
    async with emulator(rule(f'inn = "{inn}", kind = "receipt"', answer='status = "refused", code = 1')) as sender:
        told = await sender.statuses(*one[:4], *two[:4])
    assert told == [ACCEPTED] * 6 + [("refused", 1)] * 2


async def test_the_script_can_accept_what_is_wrong() -> None:
    life = lives()[0]
    spoilt = life[0] | {"document": {"fiscalReport": {"messageFiscalSign": 1}}}
    async with emulator(rule(answer='status = "accepted"')) as sender:
        assert await sender.statuses(spoilt) == [ACCEPTED]


async def test_a_postponed_document_holds_the_following_ones_of_its_fn() -> None:
    one, two = lives(registers=2)
    async with emulator(rule("fd = 2", answer="postpone = 2") + rule("fd = 1", answer='status = "accepted"')) as sender:
        first = [*one[:4], *two[:1]]
        assert await sender.statuses(*first) == [ACCEPTED, POSTPONED, POSTPONED, POSTPONED, ACCEPTED]
        assert await sender.statuses(*one[1:4]) == [POSTPONED] * 3
        assert await sender.statuses(*one[1:4]) == [ACCEPTED] * 3
        summary = await sender.summary(fn=one[0]["fn"])
    assert (summary["fns"][0]["postponed"], summary["repeats"], summary["in_order"]) == (6, 0, True)


async def test_passing_over_a_postponed_document_is_a_gap() -> None:
    life = lives()[0]
    async with emulator(rule("fd = 2, first = 1", answer='status = "postponed"')) as sender:
        assert await sender.statuses(*life[:3]) == [ACCEPTED, POSTPONED, POSTPONED]
        assert await sender.statuses(life[2]) == [ACCEPTED]
        assert (await sender.summary())["gaps"] == 1


async def test_a_second_try_can_end_better_where_the_script_says_so() -> None:
    life = lives()[0]
    async with emulator(rule(answer='status = "refused", code = 420')) as sender:
        assert await sender.statuses(life[0]) == [("refused", 420)]
        await sender.replace_script(rule(answer='status = "accepted"'))
        assert await sender.statuses(life[0]) == [("refused", 420)]
        await sender.replace_script(rule(answer='status = "accepted", again = true'))
        assert await sender.statuses(life[0]) == [ACCEPTED]
        await sender.replace_script("")
        assert await sender.statuses(life[0]) == [ACCEPTED]
        summary = await sender.summary()
    assert (summary["documents"], summary["repeats"], summary["in_order"]) == (1, 3, True)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503])
async def test_a_request_fails_with_a_status_and_takes_nothing(status: int) -> None:
    life = lives()[0]
    async with emulator(rule("first = 1", fault=f"http_status = {status}")) as sender:
        response = await sender.post(wire(life[:2]))
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
        assert "retry-after" not in response.headers
        assert await sender.statuses(*life[:2]) == [ACCEPTED] * 2
        summary = await sender.summary()
    assert (summary["repeats"], summary["faults"], summary["refused_requests"]) == (0, 1, 0)


@pytest.mark.parametrize(("duration", "seconds"), [("2s", "2"), ("1500ms", "2"), ("1m", "60")])
async def test_a_busy_endpoint_says_when_to_come_again(duration: str, seconds: str) -> None:
    script = rule(fault=f'http_status = 503, retry_after = "{duration}"')
    async with emulator(script) as sender:
        response = await sender.post(wire(lives()[0][:1]))
    assert (response.status_code, response.headers["retry-after"]) == (503, seconds)


async def test_one_poisonous_document_fails_every_request_with_it() -> None:
    one, two = lives(registers=2)
    script = rule(f'fn = "{one[0]["fn"]}", fd = 2', fault="http_status = 500")
    async with emulator(script) as sender:
        assert (await sender.post(wire([*one[:3], *two[:3]]))).status_code == 500
        assert await sender.statuses(*two[:3], one[0]) == [ACCEPTED] * 4
        assert (await sender.post(wire(one[1:2]))).status_code == 500
        assert await sender.statuses(one[2]) == [ACCEPTED]


@pytest.mark.parametrize(("stage", "taken"), [("before_reading", 0), ("after_reading", 0), ("after_processing", 2)])
async def test_a_connection_is_cut_without_a_byte(stage: str, taken: int) -> None:
    life = lives()[0]
    async with emulator(rule("first = 1", fault=f'drop = "{stage}"')) as sender:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)):
            await sender.post(wire(life[:2]))
        assert (await sender.summary())["documents"] == taken
        assert await sender.statuses(*life[:2]) == [ACCEPTED] * 2
        summary = await sender.summary()
    assert (summary["documents"], summary["repeats"], summary["faults"]) == (2, taken, 1)


async def spoiled(body: str) -> tuple[httpx.Response, dict[str, Any]]:
    """The answer to three documents, and what the emulator made of them."""
    life = lives()[0]
    async with emulator(rule("first = 1", fault=f'body = "{body}"')) as sender:
        response = await sender.post(wire(life[:3]))
        summary = await sender.summary()
        assert await sender.statuses(*life[:3]) == [ACCEPTED] * 3
    assert (response.status_code, summary["documents"]) == (200, 3)
    return response, summary


async def numbers(body: str) -> list[int]:
    response, _ = await spoiled(body)
    return [one["fd"] for one in response.json()["answers"]]


async def test_the_body_is_no_json() -> None:
    response, _ = await spoiled("not_json")
    assert response.headers["content-type"].startswith("text/html")
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_the_body_has_another_shape() -> None:
    response, _ = await spoiled("wrong_shape")
    assert response.json() == {"answers": {"status": "accepted"}}


async def test_an_answer_has_a_status_nobody_knows() -> None:
    response, _ = await spoiled("unknown_status")
    assert [one["status"] for one in response.json()["answers"]] == ["lost"] * 3


async def test_an_answer_is_missing() -> None:
    assert await numbers("fewer_answers") == [1, 2]


async def test_answers_come_twice() -> None:
    assert await numbers("doubled_answers") == [1, 1, 2, 2, 3, 3]


async def test_answers_come_in_another_order() -> None:
    assert await numbers("reversed") == [3, 2, 1]


async def test_an_answer_is_about_a_document_nobody_sent() -> None:
    response, _ = await spoiled("unknown_documents")
    answers = response.json()["answers"]
    assert [one["fd"] for one in answers] == [1, 2, 3, 1]
    assert answers[3]["fn"] == "0000000000000000"


async def test_the_body_ends_before_it_should() -> None:
    life = lives()[0]
    async with emulator(rule("first = 1", fault='body = "truncated"')) as sender:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await sender.post(wire(life[:3]))
        summary = await sender.summary()
        assert await sender.statuses(*life[:3]) == [ACCEPTED] * 3
    assert summary["documents"] == 3


async def test_an_answer_is_late_and_the_documents_are_taken_before() -> None:
    life = lives()[0]
    async with emulator(rule("first = 1", fault='delay = "30s"')) as sender:
        with pytest.raises(httpx.ReadTimeout):
            await sender.client.post(
                "v1/documents", content=wire(life[:2]), headers={"content-type": "application/json"}, timeout=0.3
            )
        assert await sender.statuses(*life[:2]) == [ACCEPTED] * 2
        summary = await sender.summary()
    assert (summary["documents"], summary["repeats"]) == (2, 2)


async def test_a_short_delay_ends_with_the_answer() -> None:
    life = lives()[0]
    async with emulator(rule(fault='delay = "20ms"')) as sender:
        assert await sender.statuses(*life[:2]) == [ACCEPTED] * 2


async def until(sender: Sender, **wanted: int) -> None:
    async with asyncio.timeout(20):
        while not wanted.items() <= (await sender.summary()).items():
            await asyncio.sleep(0.01)


async def test_two_requests_with_one_fn_at_a_time_are_an_overlap() -> None:
    one, two = lives(registers=2)
    async with emulator(rule(f'fn = "{one[0]["fn"]}", first = 1', fault='delay = "500ms"')) as sender:
        slow = asyncio.create_task(sender.statuses(*one[:2]))
        await until(sender, documents=2)
        assert await sender.statuses(*two[:2]) == [ACCEPTED] * 2
        assert (await sender.summary())["overlaps"] == 0
        assert await sender.statuses(*one[2:4]) == [ACCEPTED] * 2
        assert (await sender.summary())["overlaps"] == 1
        assert await slow == [ACCEPTED] * 2
        assert not (await sender.summary(fn=one[0]["fn"]))["fns"][0]["in_order"]


async def test_a_sender_that_went_away_is_no_overlap() -> None:
    life = lives()[0]
    with capture_logs() as logged:
        async with emulator(rule("first = 1", fault='delay = "30s"')) as sender:
            with pytest.raises(httpx.ReadTimeout):
                await sender.client.post(
                    "v1/documents", content=wire(life[:2]), headers={"content-type": "application/json"}, timeout=0.3
                )
            async with asyncio.timeout(20):
                while not any(one["event"] == "fns_emulator.sender_gone" for one in logged):
                    await asyncio.sleep(0.01)
            await sender.send(*life[:2])
            assert (await sender.summary())["overlaps"] == 0


async def test_a_sender_that_goes_away_in_the_middle_of_its_request_changes_nothing() -> None:
    life = lives()[0]
    with capture_logs() as logged:
        async with emulator() as sender:
            reader, writer = await asyncio.open_connection(sender.client.base_url.host, sender.client.base_url.port)
            head = b"POST /v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            writer.write(head + b"Content-Length: 900\r\n\r\n" + wire(life[:1])[:500])
            await writer.drain()
            writer.close()
            async with asyncio.timeout(20):
                while not any(one["event"] == "fns_emulator.sender_gone" for one in logged):
                    await asyncio.sleep(0.01)
            assert await reader.read() == b""
            assert (await sender.summary())["documents"] == 0


async def test_rules_look_at_the_time() -> None:
    life = lives()[0]
    async with emulator(rule('after = "10s", before = "20s"', fault="http_status = 503")) as sender:
        for seconds, status in ((0, 200), (10, 503), (10, 200)):
            sender.clock.forward(seconds)
            assert (await sender.post(wire(life[:1]))).status_code == status


async def test_the_script_is_shown_and_replaced_and_a_wrong_one_changes_nothing() -> None:
    async with emulator(rule(answer='status = "refused", code = 420')) as sender:
        before = (await sender.client.get("v1/script")).json()
        wrong = await sender.client.put("v1/script", content=b'[[rule]]\nmatch = {fd = "x"}\nfault = {delay = "1s"}')
        assert (await sender.client.get("v1/script")).json() == before
        replaced = await sender.client.put("v1/script", content=b"seed = 7")
        after = (await sender.client.get("v1/script")).json()
    assert before["rule"][0]["answer"]["code"] == 420
    assert (wrong.status_code, "no range like" in wrong.json()["detail"]) == (400, True)
    assert replaced.json() == after == {"seed": 7, "rule": []}


async def test_what_is_played_is_logged() -> None:
    with capture_logs() as logged:
        async with emulator(rule("first = 1", fault='http_status = 503, retry_after = "2s"')) as sender:
            await sender.post(wire(lives()[0][:1]))
    (played,) = [one for one in logged if one["event"] == "fns_emulator.fault_played"]
    assert (played["rule"], played["http_status"], played["retry_after"], played["taken"]) == (
        "the rule",
        503,
        "2s",
        False,
    )
