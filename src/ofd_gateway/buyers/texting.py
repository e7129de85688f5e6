"""The shell that sends messages to phones: a session with the centre, a window of messages in hand, reports."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from ofd_gateway.buyers.contact import mask_contact, mask_in
from ofd_gateway.buyers.model import document_of
from ofd_gateway.buyers.outcome import Fate, PartAnswer, SmsOutcome, after_answers, orphan_fate
from ofd_gateway.buyers.reports import ReportDesk, ReportStore
from ofd_gateway.buyers.smpp.pdu import PduError
from ofd_gateway.buyers.smpp.session import BindRefused, NotSubmitted, OutcomeUnknown, SmscUnreachable
from ofd_gateway.buyers.submission import submission
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from ofd_gateway.buyers.loop import Pace
    from ofd_gateway.buyers.model import Key, OutgoingMessage
    from ofd_gateway.buyers.smpp.pdu import Message
    from ofd_gateway.buyers.smpp.session import OnMessage, SubmitAnswer
    from ofd_gateway.buyers.sms_text import EncodedSms
    from ofd_gateway.buyers.submission import SmsParameters
    from ofd_gateway.buyers.writer import ReceiptWriter
    from ofd_gateway.metrics import Metrics

__all__ = ["Session", "SmsOutbox", "SmsSender", "Texter"]

_GRACE_S: Final = 2.0
"""How long messages in hand may still take when the texter stops."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_ORPHANS_EVERY_S: Final = 2.0
_REPORTS_KEPT: Final = timedelta(days=3)


class Session(Protocol):
    """A session with the centre."""

    @property
    def lost(self) -> asyncio.Future[str]:
        """Done once nothing more can be submitted."""
        ...

    async def submit(self, message: Message) -> SubmitAnswer:
        """Hands one part over; raises PduError, NotSubmitted, OutcomeUnknown."""
        ...

    async def close(self) -> None:
        """Takes leave."""
        ...


class SmsSender(Protocol):
    """One process among those that send."""

    @property
    def is_alive(self) -> bool:
        """Whether others still see it."""
        ...

    async def claim(self, limit: int, now: datetime) -> list[OutgoingMessage]:
        """Messages that are due and ours from now on."""
        ...

    async def record(
        self, message: OutgoingMessage, fate: Fate, answers: Sequence[PartAnswer], now: datetime
    ) -> str | None:
        """Notes what became of an attempt."""
        ...

    async def adopt_orphans(self, decide: Callable[[int], Fate], now: datetime) -> list[tuple[Key, Fate, str]]:
        """Settles what others have left behind."""
        ...


class SmsOutbox(ReportStore, Protocol):
    """Where messages wait for the centre; the database."""

    def sender(self) -> AbstractAsyncContextManager[SmsSender]:
        """One process among those that send, for the length of an `async with`."""
        ...

    async def next_attempt_at(self) -> datetime | None:
        """When the next message is due."""
        ...

    async def forget_reports(self, before: datetime) -> None:
        """Drops reports about nothing of ours."""
        ...


class Texter:
    """Sends the messages of one process; any number of processes share the outbox.

    `connect` opens a session whose messages go to the function it is given. `draw` spreads the pauses.
    """

    def __init__(
        self,
        outbox: SmsOutbox,
        connect: Callable[[OnMessage], Awaitable[Session]],
        writer: ReceiptWriter,
        pace: Pace,
        metrics: Metrics,
        parameters: SmsParameters,
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self._writer = writer
        self._pace = pace
        self._metrics = metrics
        self._parameters = parameters
        self._draw = draw
        self._reports = ReportDesk(outbox, pace, metrics)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._unreachable = False
        self._misconfigured = False
        self._throttle_s = 0.0
        self._not_before = 0.0
        self._next_part_at = 0.0
        self._orphans_at = 0.0
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Sends until the pace stops; what is in hand is finished when the centre is quick enough."""
        pause_s = _FIRST_PAUSE_S
        while not self._pace.stopping:
            try:
                async with self._outbox.sender() as sender:
                    pause_s = await self._serve(sender, pause_s)
            except OfdGatewayError as error:
                self._pace.stall(error)
                pause_s = _FIRST_PAUSE_S
            await self._rest(pause_s)

    async def _rest(self, seconds: float) -> None:
        """Sleeps through all that wakes but the end: news for buyers does not bring the centre back."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._pace.stopping and loop.time() < until:
            await self._pace.sleep(until - loop.time())

    async def _serve(self, sender: SmsSender, pause_s: float) -> float:
        """One session; the pause before the next one."""
        await self._adopt(sender)
        try:
            session = await self._connect(self._reports.hear)
        except SmscUnreachable as error:
            if not self._unreachable:
                self._unreachable = True
                level = "error" if isinstance(error, BindRefused) else "warning"
                getattr(self._log, level)("sms.unreachable", reason=str(error))
            return min(pause_s * 2, _LONGEST_PAUSE_S)
        self._unreachable = False
        self._log.info("sms.connected")
        try:
            while not self._pace.stopping and not session.lost.done() and sender.is_alive:
                if not await self._fill(sender, session):
                    await self._wait(session)
        finally:
            try:
                await self._finish(session)
            finally:
                reason = session.lost.result() if session.lost.done() else "stopping"
                await session.close()
                self._log.info("sms.disconnected", reason=reason)
        return _FIRST_PAUSE_S

    async def _fill(self, sender: SmsSender, session: Session) -> bool:
        """Takes messages in hand up to the window; False when there is nothing to do by now."""
        loop = asyncio.get_running_loop()
        await self._adopt(sender)
        room = self._parameters.window - len(self._in_hand)
        if room <= 0 or loop.time() < self._not_before:
            return False
        messages = await sender.claim(room, self._pace.clock.now())
        self._pace.goes_on()
        for message in messages:
            task = asyncio.create_task(self._send(sender, session, message))
            self._in_hand.add(task)
            task.add_done_callback(self._done)
        return bool(messages)

    async def _wait(self, session: Session) -> None:
        """Until something may have changed: a message in hand ended, the next is due, the session is lost."""
        now_s = asyncio.get_running_loop().time()
        seconds = min(1.0, max(self._not_before - now_s, 0.0) or 1.0)
        if len(self._in_hand) < self._parameters.window and now_s >= self._not_before:
            moment = await self._outbox.next_attempt_at()
            if moment is not None:
                seconds = min(max((moment - self._pace.clock.now()).total_seconds(), 0.01), seconds)
        waking = asyncio.create_task(self._pace.sleep(seconds))
        moments: set[asyncio.Future[Any]] = {waking, session.lost, *self._in_hand}
        await asyncio.wait(moments, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()

    async def _finish(self, session: Session) -> None:
        """Waits for what is in hand: for all of it when the session is lost, for a moment when we stop."""
        left = list(self._in_hand)
        if not left:
            return
        try:
            await asyncio.wait(left, timeout=None if session.lost.done() else _GRACE_S)
        finally:
            for task in left:
                task.cancel()
        await asyncio.wait(left)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OfdGatewayError):
            self._pace.stall(error)
        elif error is not None:
            self._log.error("sms.failed", exc_info=error)

    async def _send(self, sender: SmsSender, session: Session, message: OutgoingMessage) -> None:
        try:
            if message.container is None:
                raise ValueError("the document is gone")  # noqa: TRY301  what cannot be written ends in one place
            encoded = self._writer.sms(document_of(message.container, message.ffd), message.key)
        except Exception as error:  # noqa: BLE001  what cannot be written today cannot be written tomorrow
            answers: list[PartAnswer] = []
            fate = Fate(outcome=SmsOutcome.GIVEN_UP, reply=f"unwritable: {error!r}", ours=True)
        else:
            answers = await self._submit(session, message, encoded)
            fate = after_answers(
                answers,
                attempts=message.attempts + 1,
                retry=self._parameters.retry,
                resend_unknown=self._parameters.resend_unknown,
                draw=self._draw(),
            )
        self._slow_down(fate)
        state = await sender.record(message, fate, answers, self._pace.clock.now())
        self._report(message, fate, state)

    async def _submit(self, session: Session, message: OutgoingMessage, encoded: EncodedSms) -> list[PartAnswer]:
        answers: list[PartAnswer] = []
        for number, text in enumerate(encoded.parts, 1):
            if number in message.accepted:
                continue
            await self._take_turn()
            answers.append(
                await self._submit_part(session, submission(message.contact, encoded, text, self._parameters), number)
            )
            if answers[-1].status != 0:
                break
        return answers

    async def _submit_part(self, session: Session, pdu: Message, number: int) -> PartAnswer:
        try:
            answer = await session.submit(pdu)
        except NotSubmitted as error:
            return PartAnswer(part=number, written=False, detail=str(error))
        except OutcomeUnknown as error:
            return PartAnswer(part=number, detail=str(error))
        except PduError as error:
            return PartAnswer(part=number, status=_INVALID_LENGTH, detail=str(error))
        return PartAnswer(part=number, status=answer.status, message_id=answer.message_id)

    async def _take_turn(self) -> None:
        """Parts follow each other no faster than the centre allows."""
        loop = asyncio.get_running_loop()
        at = max(self._next_part_at, loop.time())
        self._next_part_at = at + 1 / self._parameters.rate
        if at > loop.time():
            await asyncio.sleep(at - loop.time())

    def _slow_down(self, fate: Fate) -> None:
        if fate.outcome is SmsOutcome.THROTTLED:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._not_before:
                self._throttle_s = min(max(self._throttle_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                self._not_before = loop.time() + self._throttle_s
                self._log.warning("sms.throttled", code=fate.code, reply=fate.reply, pause_s=self._throttle_s)
        elif fate.outcome is SmsOutcome.SENT:
            self._throttle_s = 0.0

    async def _adopt(self, sender: SmsSender) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._orphans_at:
            return
        self._orphans_at = loop.time() + _ORPHANS_EVERY_S
        now = self._pace.clock.now()

        def decide(attempts: int) -> Fate:
            return orphan_fate(
                attempts=attempts,
                retry=self._parameters.retry,
                resend_unknown=self._parameters.resend_unknown,
                draw=self._draw(),
            )

        for key, fate, state in await sender.adopt_orphans(decide, now):
            self._metrics.buyer_messages.labels("sms", fate.outcome.value).inc()
            self._log.warning("buyer_message.unknown", **_named(key), channel="sms", reply=fate.reply, state=state)
        await self._outbox.forget_reports(now - _REPORTS_KEPT)

    def _report(self, message: OutgoingMessage, fate: Fate, state: str | None) -> None:
        self._metrics.buyer_messages.labels("sms", fate.outcome.value).inc()
        log = self._log.bind(**_named(message.key), channel="sms", contact=mask_contact(message.contact), state=state)
        if fate.outcome is SmsOutcome.SENT:
            self._misconfigured = False
            log.info("buyer_message.sent")
            return
        log = log.bind(code=fate.code, reply=mask_in(fate.reply, message.contact), attempts=message.attempts + 1)
        match fate.outcome:
            case SmsOutcome.THROTTLED | SmsOutcome.NOT_SENT:
                log.debug("buyer_message.put_back")
            case SmsOutcome.DEFERRED:
                first = fate.ours and not self._misconfigured
                self._misconfigured = self._misconfigured or fate.ours
                getattr(log, "error" if first else "warning")("buyer_message.deferred")
            case SmsOutcome.UNKNOWN:
                log.warning("buyer_message.unknown")
            case SmsOutcome.REFUSED:
                log.warning("buyer_message.refused")
            case _:
                log.error("buyer_message.given_up")


_INVALID_LENGTH: Final = 0x01


def _named(key: Key) -> dict[str, str | int]:
    return {"fn": key[0], "generation": key[1], "fd": key[2]}
