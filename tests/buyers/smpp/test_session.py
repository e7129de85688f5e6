"""A session with a centre that another library plays, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
import smpp34
import trustme

from ofd_gateway.buyers.smpp.pdu import Bind, Message
from ofd_gateway.buyers.smpp.receipt import parse_receipt
from ofd_gateway.buyers.smpp.session import (
    NotSubmitted,
    OutcomeUnknown,
    SmppSession,
    SmscUnreachable,
    SubmitAnswer,
)
from tests.buyers.sending.smsc import Smsc, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BIND = Bind(system_id="gateway", password="secret08")
SMS = Message(source="OFD", destination="79991234567", text=b"hello", registered_delivery=1)


class Centre:
    """What the other library's server heard, and how it answers: an id accepts, a number refuses."""

    def __init__(self) -> None:
        self.port = 0
        self.submitted: list[smpp34.SubmitSmEvent] = []
        self.answers: list[str | int] = []
        self.bound: asyncio.Future[smpp34.Esme] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()

    async def run(self, server: smpp34.Server) -> None:
        while True:
            match await server.next():
                case smpp34.Esme() as esme:
                    if not self.bound.done():
                        self.bound.set_result(esme)
                case smpp34.SubmitSmEvent() as event:
                    self.submitted.append(event)
                    answer = self.answers.pop(0) if self.answers else "id-1"
                    if isinstance(answer, int):
                        event.reject(answer)
                    else:
                        event.accept(message_id=answer)
                case _:
                    self.ended.set()


@contextlib.asynccontextmanager
async def other_library() -> AsyncIterator[Centre]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="CENTRE")
    await server.start()
    centre = Centre()
    centre.port = port
    task = asyncio.create_task(centre.run(server))
    try:
        yield centre
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await server.stop()


async def ignore(_message: Message) -> bool:
    return True


@contextlib.asynccontextmanager
async def session(port: int, on_message=ignore, **options) -> AsyncIterator[SmppSession]:
    opened = await SmppSession.open("127.0.0.1", port, BIND, on_message, **{"timeout_s": 10.0, **options})
    try:
        yield opened
    finally:
        await opened.close()


async def test_another_library_takes_our_messages() -> None:
    async with other_library() as centre, session(centre.port) as ours:
        centre.answers = ["abc", smpp34.ESME_RINVDSTADR, smpp34.ESME_RTHROTTLED]
        answers = [await ours.submit(SMS) for _ in range(3)]
        assert answers == [
            SubmitAnswer(status=0, message_id="abc"),
            SubmitAnswer(status=0x0B, message_id=""),
            SubmitAnswer(status=0x58, message_id=""),
        ]
    (first, *_) = centre.submitted
    assert (first.destination_addr, bytes(first.short_message), first.registered_delivery) == (
        "79991234567",
        b"hello",
        1,
    )
    async with asyncio.timeout(10):
        await centre.ended.wait()


async def test_its_receipts_reach_us_and_ours_reach_it() -> None:
    heard: asyncio.Queue[Message] = asyncio.Queue()

    async def hear(message: Message) -> bool:
        heard.put_nowait(message)
        return True

    async with other_library() as centre, session(centre.port, hear) as ours:
        await ours.submit(SMS)
        esme = await centre.bound
        assert esme.can_receive
        answer = await esme.deliver_sm("OFD", b"id:id-1 stat:DELIVRD err:000", source_addr="79991234567", esm_class=4)
        assert answer.is_success
        async with asyncio.timeout(10):
            receipt = parse_receipt(await heard.get())
    assert receipt is not None
    assert (receipt.message_id, receipt.outcome) == ("id-1", "delivered")


async def test_many_at_once_get_their_own_answers() -> None:
    async with other_library() as centre, session(centre.port) as ours:
        centre.answers = [f"id-{number}" for number in range(50)]
        answers = await asyncio.gather(*(ours.submit(SMS) for _ in range(50)))
    assert sorted(answer.message_id for answer in answers) == sorted(f"id-{number}" for number in range(50))


async def test_nobody_there() -> None:
    async with serving(Smsc()) as smsc:
        port = smsc.port
    with pytest.raises(SmscUnreachable):
        await SmppSession.open("127.0.0.1", port, BIND, ignore, timeout_s=5.0)


async def test_a_name_that_is_none() -> None:
    with pytest.raises(SmscUnreachable):
        await SmppSession.open("x" * 70 + ".example", 2775, BIND, ignore, timeout_s=5.0)


async def test_a_centre_that_says_nothing() -> None:
    async with serving(Smsc()) as smsc:
        smsc.deaf = True
        with pytest.raises(SmscUnreachable, match="no answer to the bind"):
            await SmppSession.open("127.0.0.1", smsc.port, BIND, ignore, timeout_s=0.2)


async def test_a_lost_session_takes_nothing_more() -> None:
    async with serving(Smsc()) as smsc, session(smsc.port) as ours:
        smsc.script = ["cut"]
        with pytest.raises(OutcomeUnknown):
            await ours.submit(SMS)
        assert await ours.lost
        with pytest.raises(NotSubmitted):
            await ours.submit(SMS)


async def test_what_waits_is_told_when_we_leave() -> None:
    async with serving(Smsc()) as smsc:
        smsc.script = ["silent"]
        async with session(smsc.port) as ours:
            waiting = asyncio.create_task(ours.submit(SMS))
            async with asyncio.timeout(10):
                while not smsc.submitted:
                    await asyncio.sleep(0.01)
        with pytest.raises(OutcomeUnknown):
            await waiting


async def test_an_encrypted_session() -> None:
    import ssl

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    async with serving(Smsc(), tls=server_context) as smsc:
        async with session(smsc.port, tls=client_context) as ours:
            assert (await ours.submit(SMS)).message_id == "id-1"
        with pytest.raises(SmscUnreachable):
            await SmppSession.open(
                "127.0.0.1", smsc.port, BIND, ignore, timeout_s=5.0, tls=ssl.create_default_context()
            )
