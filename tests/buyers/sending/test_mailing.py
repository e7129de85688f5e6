"""Receipts by e-mail against a real mail server: each once, again after faults, never after a refusal."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.buyers.sending.scene import BASE, EMAIL, NOON, SECOND, Scene
from tests.letters.peer import Peer, serving

KEY = "8710000100000001.0.1"


async def send(scene: Scene, peer: Peer) -> int:
    """Sends everything that is due at this moment; how many attempts that took."""
    mailer = scene.mailer(peer)
    steps = 0
    while await mailer.step():
        steps += 1
    return steps


async def test_a_receipt_arrives(scene: Scene) -> None:
    await scene.queued(EMAIL)
    async with serving(Peer()) as peer:
        with capture_logs() as logs:
            assert await send(scene, peer) == 1
            assert await send(scene, peer) == 0
    (letter,) = peer.messages
    assert peer.recipients == [EMAIL]
    assert letter["To"] == EMAIL
    assert letter["Message-ID"] == f"<receipt.{KEY}.{int(NOON.timestamp())}@gateway.test>"
    assert "Romashka" in letter["Subject"]
    text = letter.get_body(("plain",))
    assert text is not None
    assert "123.45" in text.get_content()
    assert f"{BASE}/check?t=" in text.get_content()
    (message,) = await scene.messages()
    assert (message.state, message.attempts, message.sent_at) == ("sent", 1, NOON)
    assert await scene.attempts() == [("sent", 250)]
    assert [line["contact"] for line in logs if line["event"] == "buyer_message.sent"] == ["i***@example.com"]
    assert EMAIL not in str(logs)
    assert scene.counted("email", "sent") == 1


async def test_it_is_tried_again_after_a_pause_under_the_same_name(scene: Scene) -> None:
    await scene.queued(EMAIL)
    async with serving(Peer()) as peer:
        peer.data = "451 4.3.0 busy"
        assert await send(scene, peer) == 1
        (message,) = await scene.messages()
        assert (message.state, message.attempts) == ("queued", 1)
        assert message.next_attempt_at == NOON + timedelta(seconds=30)
        peer.data = None
        scene.clock.at += timedelta(seconds=30) - SECOND
        assert await send(scene, peer) == 0
        scene.clock.at += SECOND
        assert await send(scene, peer) == 1
    assert len(peer.messages) == 1
    assert await scene.attempts() == [("deferred", 451), ("sent", 250)]


async def test_a_cut_connection_doubles_under_one_message_id_at_most(scene: Scene) -> None:
    await scene.queued(EMAIL)
    async with serving(Peer()) as peer:
        peer.cut_data = True
        await send(scene, peer)
        peer.cut_data = False
        scene.clock.at += timedelta(hours=1)
        await send(scene, peer)
    assert [state for _, _, state in await scene.states()] == ["sent"]
    assert {str(letter["Message-ID"]) for letter in peer.messages} == {
        f"<receipt.{KEY}.{int(NOON.timestamp())}@gateway.test>"
    }


@pytest.mark.parametrize("stage", ["recipient", "content"])
async def test_a_refusal_for_good_ends_it_and_buries_no_address(scene: Scene, stage: str) -> None:
    await scene.queued(EMAIL)
    async with serving(Peer()) as peer:
        if stage == "recipient":
            peer.rcpt[EMAIL] = f"550 5.1.1 <{EMAIL}> no such user"
        else:
            peer.data = "552 5.3.4 too big"
        with capture_logs() as logs:
            await send(scene, peer)
        scene.clock.at += timedelta(days=2)
        assert await send(scene, peer) == 0
    (message,) = await scene.messages()
    assert (message.state, message.attempts, message.next_attempt_at) == ("refused", 1, None)
    assert await scene.fetch("SELECT * FROM dead_addresses") == []
    assert await scene.fetch("SELECT * FROM alerts") == []
    assert EMAIL not in str(logs)
    assert EMAIL not in message.reply
    ((reply,),) = await scene.fetch("SELECT reply FROM buyer_attempts")
    assert EMAIL not in reply


async def test_it_is_given_up(scene: Scene) -> None:
    await scene.queued(EMAIL)
    async with serving(Peer()) as peer:
        peer.data = "451 later"
        for _ in range(5):
            await send(scene, peer)
            scene.clock.at += timedelta(hours=1)
    (message,) = await scene.messages()
    assert (message.state, message.attempts) == ("failed", 3)
    assert [outcome for outcome, _ in await scene.attempts()] == ["deferred", "deferred", "given_up"]


async def test_receipts_follow_at_once_when_the_server_is_back(scene: Scene) -> None:
    await scene.queued(EMAIL, EMAIL)
    peer = Peer()
    async with serving(peer):
        port = peer.port
    mailer = scene.mailer(peer)
    assert await mailer.step()
    assert await mailer.step()
    assert not await mailer.step()
    await scene.execute("UPDATE buyer_messages SET next_attempt_at = $1 WHERE fd = 1", scene.clock.at)
    async with serving(peer, port=port):
        assert await mailer.step()
        assert await mailer.step()
    assert [state for _, _, state in await scene.states()] == ["sent", "sent"]


async def test_several_senders_send_each_once(scene: Scene) -> None:
    await scene.queued(*[f"buyer{number}@example.com" for number in range(40)])
    async with serving(Peer()) as peer:
        await asyncio.gather(*(send(scene, peer) for _ in range(4)))
    assert sorted(peer.recipients) == sorted(f"buyer{number}@example.com" for number in range(40))


async def test_a_hostile_seller_breaks_no_header(scene: Scene) -> None:
    await scene.queued(EMAIL, t1048=b"x\r\nBcc: all@example.com\r\n\r\n<script>")
    async with serving(Peer()) as peer:
        await send(scene, peer)
    (letter,) = peer.messages
    assert letter["Bcc"] is None
    assert peer.recipients == [EMAIL]


async def test_a_document_that_is_gone_ends_it(scene: Scene) -> None:
    await scene.queued(EMAIL)
    await scene.execute("DELETE FROM documents")
    async with serving(Peer()) as peer:
        await send(scene, peer)
    assert (await scene.states(), peer.messages) == ([(1, "email", "failed")], [])
