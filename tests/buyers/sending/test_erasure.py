"""Contacts are erased when their time is over or somebody asks, with everything that repeats them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ofd_gateway.buyers.service import BuyerService
from tests.buyers.sending.scene import EMAIL, INN, NOON, PHONE, Scene, until
from tests.buyers.sending.smsc import Smsc, serving
from tests.letters.peer import Peer
from tests.letters.peer import serving as mail_serving

DAY = timedelta(days=1)
TEXTS = """
SELECT count(*) FROM (
    SELECT to_jsonb(m)::text AS row FROM buyer_messages AS m UNION ALL
    SELECT to_jsonb(a)::text FROM buyer_attempts AS a UNION ALL
    SELECT to_jsonb(p)::text FROM sms_parts AS p UNION ALL
    SELECT to_jsonb(r)::text FROM sms_reports AS r UNION ALL
    SELECT to_jsonb(e)::text FROM buyer_erasures AS e UNION ALL
    SELECT to_jsonb(v)::text FROM package_movements AS v
) AS rows WHERE lower(row) LIKE '%' || lower($1) || '%'
"""


async def found(scene: Scene, contact: str) -> int:
    ((count,),) = await scene.fetch(TEXTS, contact.removeprefix("+"))
    return int(count)


async def audit(scene: Scene) -> list[tuple[str, str, int]]:
    return [tuple(row) for row in await scene.fetch("SELECT who, why, messages FROM buyer_erasures ORDER BY id")]


async def test_on_request_and_only_once(scene: Scene) -> None:
    await scene.queued(f"{EMAIL}, {PHONE}", "other@example.com", messages=5)
    async with mail_serving(Peer()) as peer:
        peer.rcpt[EMAIL] = f"550 <{EMAIL}> unknown"
        mailer = scene.mailer(peer)
        while await mailer.step():
            pass
    assert await found(scene, EMAIL) == 1
    assert await scene.erasure.of_contact("I@example.com", scene.clock.at, who="anna") == 1
    assert await found(scene, EMAIL) == 0
    assert await scene.erasure.of_contact(EMAIL, scene.clock.at, who="anna") == 0
    assert await audit(scene) == [("anna", "request", 1)]
    email, sms, other = await scene.messages()
    assert (email.state, email.contact, email.erased_at, email.reply) == ("refused", None, NOON, "")
    assert (sms.contact, other.contact) == (PHONE, "other@example.com")


async def test_what_waits_is_cancelled_and_refunded(scene: Scene) -> None:
    await scene.queued(PHONE, PHONE, "+79991234568", messages=10)
    assert await scene.balance() == 7
    assert await scene.erasure.of_contact(PHONE, scene.clock.at, who="anna") == 2
    assert [state for _, _, state in await scene.states()] == ["erased", "erased", "queued"]
    assert await scene.balance() == 9
    assert (await scene.packages.get(INN)).movements[0].reason.endswith("контакт удалён")
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        await until(scene.all_in("sent"), texting)
    assert smsc.destinations == ["79991234568"]


async def test_what_nobody_has_looked_at_is_cancelled_too(scene: Scene) -> None:
    await scene.receipts(f"{EMAIL}", PHONE, "other@example.com")
    assert await scene.erasure.of_contact(EMAIL, scene.clock.at, who="anna") == 1
    assert await scene.erasure.of_contact(PHONE, scene.clock.at, who="anna") == 1
    await scene.plan()
    assert await scene.states() == [(1, "email", "erased"), (2, "sms", "erased"), (3, "email", "queued")]


async def test_what_is_in_hand_leaves_no_contact(scene: Scene) -> None:
    """Its outcome remains unknown, and it is not sent again."""
    await scene.queued(PHONE, messages=5)
    async with serving(Smsc()) as smsc:
        smsc.script = ["silent"]
        async with scene.texter(smsc, timeout_s=1.0) as texting:
            await until(lambda: len(smsc.submitted) == 1, texting)
            assert await scene.erasure.of_contact(PHONE, scene.clock.at, who="anna") == 1
            await until(scene.all_in("erased"), texting)
            scene.clock.at += DAY
            texting.pace.wake()
    assert len(smsc.submitted) == 1
    assert await found(scene, PHONE) == 0
    assert await scene.balance() == 5


async def test_when_the_time_is_over(scene: Scene) -> None:
    await scene.queued(PHONE, messages=5)
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        await until(scene.all_in("sent"), texting)
    scene.clock.at += 10 * DAY
    await scene.receipts(EMAIL, first_fd=2)
    await scene.plan()
    scene.clock.at += 80 * DAY + timedelta(seconds=1)
    assert await scene.erasure.older_than(scene.clock.at - 90 * DAY, scene.clock.at) == 1
    assert await found(scene, PHONE) == 0
    assert await scene.fetch("SELECT * FROM sms_parts") == []
    assert [message.contact for message in await scene.messages()] == [None, EMAIL]
    assert await scene.states() == [(1, "sms", "sent"), (2, "email", "queued")]
    assert await audit(scene) == [("gateway", "term", 1)]
    assert await scene.erasure.older_than(scene.clock.at, scene.clock.at) == 1
    assert await scene.states() == [(1, "sms", "sent"), (2, "email", "erased")]


async def test_a_report_that_comes_after_the_erasure(scene: Scene) -> None:
    await scene.queued(PHONE)
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        await until(scene.all_in("sent"), texting)
        await scene.erasure.of_contact(PHONE, scene.clock.at, who="anna")
        await smsc.report("id-1", "DELIVRD")
        await until(lambda: smsc.delivered == [0])
    assert await scene.states() == [(1, "sms", "sent")]
    assert await found(scene, PHONE) == 0


async def test_the_gateway_forgets_by_its_own_clock(scene: Scene) -> None:
    import asyncio

    from ofd_gateway.buyers.loop import Pace

    await scene.queued(EMAIL)
    service = BuyerService(
        Pace(scene.clock), scene.planner(), None, None, scene.erasure, parallel=1, keep=timedelta(days=30)
    )
    task = asyncio.create_task(service.run())
    scene.clock.at += 31 * DAY

    async def forgotten() -> bool:
        service.wake()
        return await scene.states() == [(1, "email", "erased")]

    await until(forgotten)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_export_finds_letters_of_either_case(scene: Scene) -> None:
    await scene.queued("I.Ivanov@Example.com", PHONE)
    (message,) = await scene.archive.of_contact("i.ivanov@example.com")
    assert (message.contact, message.fd) == ("I.Ivanov@example.com", 1)
    assert await scene.archive.of_contact("nobody@example.com") == []
