"""A virtual register (касса): sends its drive's queue, oldest document first, until each one is confirmed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.protocol import SESSION_HEADER_BYTES
from ofd_gateway.simulator.dice import Dice
from ofd_gateway.simulator.link import AnswerBroken, AnswerOverdue, Link, LinkLost
from ofd_gateway.simulator.record import ConfirmedDocument, Recorder
from ofd_gateway.simulator.route import Route
from ofd_gateway.simulator.verify import Confirmed, Expectation, Mismatch, Rule, verify

if TYPE_CHECKING:
    from ofd_gateway.clock import Clock
    from ofd_gateway.simulator.fn_document import QueuedDocument
    from ofd_gateway.simulator.habit import Habit
    from ofd_gateway.simulator.tally import Tally
    from ofd_gateway.simulator.till import Till


class RegisterStuck(OfdGatewayError):
    """The operator's answers to one document were refused time after time; the queue of this drive stands still."""


class QueueHeld(OfdGatewayError):
    """The oldest document cannot be read and was refused as expected; the queue of this drive stands still for good."""


class CutOff(OfdGatewayError):
    """The register's network is down; nothing can be sent until it comes back."""


UNREADABLE_ATTEMPTS = 3
CODE_UNREADABLE = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the operator listens, and how patient a register is with it."""

    host: str
    port: int
    others: tuple[tuple[str, int], ...] = ()
    """Further addresses (host, port), each tried when the one before does not answer."""
    connect_timeout_s: float = 10.0
    """For each address."""
    answer_timeout_s: float = 300.0
    """How long the protocol lets a register wait."""
    reconnect_min_s: float = 0.1
    reconnect_max_s: float = 3.0
    refused_answers_limit: int = 3
    """Answers to one document that the drive refuses before the register gives up."""
    operator_inn: str | None = None
    response_codes: frozenset[int] | None = frozenset((0,))
    clock_tolerance: timedelta = timedelta(minutes=5)
    unreadable: Literal["close", "code11"] = "close"
    """What is expected for a document that cannot be read: no byte and a closed connection, or code 11."""


class Register:
    """One register: a till with its drive, a habit, a connection when it needs one.

    A lost link, an overdue or a refused answer leaves the document
    in the queue; it is sent again, the same bytes, after a pause that doubles up to `reconnect_max_s`, and to the next
    address of the operator when there are several. At most one message is under way. While `online` is not set the
    register has no network.
    """

    def __init__(
        self,
        till: Till,
        *,
        endpoint: Endpoint,
        habit: Habit,
        tally: Tally,
        clock: Clock,
        connecting: asyncio.Semaphore,
        online: asyncio.Event,
        recorder: Recorder | None = None,
        lose_probability: float = 0.0,
    ) -> None:
        self.till = till
        self._endpoint = endpoint
        self._habit = habit
        self._tally = tally
        self._clock = clock
        self._connecting = connecting
        self._online = online
        self._recorder = recorder
        self._lose_probability = lose_probability
        self._dice = Dice("register", till.fn.number)
        self._version = habit.session_version(till.fn.ffd)
        self._link: Link | None = None
        self._route = Route(
            ((endpoint.host, endpoint.port), *endpoint.others), timeout_s=endpoint.connect_timeout_s, tally=tally
        )
        self._pause_s = endpoint.reconnect_min_s
        self._previous: Confirmed | None = None

    async def send_oldest(self, *, due_at_s: float | None = None) -> None:
        """Sends the oldest document until it is confirmed; nothing when the queue is empty.

        `due_at_s` (monotonic) is when the document should have gone; the latency counts from there, so that a
        stalled operator cannot hide behind documents that were never sent in time. Raises RegisterStuck when the
        drive refuses the answers time after time, QueueHeld when nobody can read the document, CutOff without network.
        """
        if (document := self.till.fn.oldest) is None:
            return
        if document.fd in self.till.broken and self._endpoint.unreadable == "close":
            await self._offer_unreadable(document)
        await self._deliver(document, due_at_s)

    async def send_newest(self) -> Confirmed | None:
        """Sends the newest document before the older ones, as a faulty transport program does.

        The operator's answer is checked like any other, and lost: a drive takes no confirmation but that of its oldest
        document (26h, reason 3). None when there is nothing to send or no usable answer came.
        """
        if (document := self.till.fn.newest) is None:
            return None
        try:
            confirmed, _ = await self._ask(await self._usable_link(document), document, None)
        except (LinkLost, OSError, TimeoutError):
            self.close()
            return None
        return confirmed

    def close(self) -> None:
        """Closes the connection if there is one."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _deliver(self, document: QueuedDocument, due_at_s: float | None) -> None:
        earlier: Confirmed | None = None
        first_sent_s = due_at_s
        sent_times = refused = 0
        while True:
            if not self._online.is_set():
                raise CutOff("the network is down")
            try:
                link = await self._usable_link(document)
                first_sent_s = time.monotonic() if first_sent_s is None else first_sent_s
                sent_times += 1
                self._tally.resent += sent_times > 1
                confirmed, acceptable = await self._ask(link, document, earlier)
            except (LinkLost, OSError, TimeoutError):
                await self._back_off()
                continue
            if not acceptable or confirmed is None:
                refused += 1
                if refused >= self._endpoint.refused_answers_limit:
                    self.close()
                    raise RegisterStuck(
                        f"FN {self.till.fn.number}: FD {document.fd} was answered wrongly {refused} times"
                    )
                await self._back_off()
                continue
            if earlier is None and self._dice.chance(self._lose_probability):
                earlier = confirmed
                self._tally.lost_on_purpose += 1
                self.close()
                continue
            self._accept(document, confirmed, time.monotonic() - first_sent_s, sent_times)
            return

    async def _offer_unreadable(self, document: QueuedDocument) -> None:
        """Sends a document that nobody can read, and sees to it that each time the connection is closed without a byte.

        Always raises: QueueHeld when that was so, else RegisterStuck.
        """
        closed = 0
        while closed < UNREADABLE_ATTEMPTS:
            if not self._online.is_set():
                raise CutOff("the network is down")
            try:
                link = await self._usable_link(document)
            except (LinkLost, OSError, TimeoutError):
                await self._back_off()
                continue
            try:
                _, answer = await self._exchange(link, document)
                found = f"{len(answer)} bytes: {answer[:64].hex(' ')}"
            except AnswerOverdue:
                found = "no answer, and the connection was kept"
            except AnswerBroken as broken:
                found = f"{len(broken.received)} bytes: {broken.received[:64].hex(' ')}"
            except LinkLost:
                closed += 1
                self._tally.resent += closed > 1
                await self._back_off()
                continue
            self._report((self._mismatch(document, Rule.UNREADABLE, "ответ / answer", found, "closed, no byte"),))
            raise RegisterStuck(f"FN {self.till.fn.number}: FD {document.fd} cannot be read and was answered")
        self._tally.unreadable += 1
        raise QueueHeld(f"FN {self.till.fn.number}: FD {document.fd} cannot be read")

    async def _exchange(self, link: Link, document: QueuedDocument) -> tuple[bytes, bytes]:
        return await link.exchange(
            document.container,
            version=self._version,
            fn=self.till.fn.number,
            crc_mode=self._habit.crc_mode,
            timeout_s=self._endpoint.answer_timeout_s,
            write_bytes=self._habit.write_bytes,
        )

    async def _ask(
        self, link: Link, document: QueuedDocument, earlier: Confirmed | None
    ) -> tuple[Confirmed | None, bool]:
        habit = self._habit
        try:
            request_header, answer = await self._exchange(link, document)
        except AnswerOverdue:
            self._tally.overdue += 1
            raise LinkLost("overdue") from None
        except AnswerBroken as broken:
            self.close()
            self._report(self._broken_answer(broken, document, earlier))
            return None, False
        due = self._expectation(request_header, document, earlier)
        confirmed, mismatches = verify(answer, due, now=self._clock.now())
        self._report_unasked(link, document)
        if habit.single_read and link.pieces > 1:
            pieces = self._mismatch(document, Rule.ONE_SEGMENT, "ответ / answer", f"{link.pieces} pieces", "1")
            mismatches = (*mismatches, pieces)
        self._report(mismatches)
        return confirmed, not any(mismatch.rule.refused_by_fn for mismatch in mismatches)

    def _expectation(self, request_header: bytes, document: QueuedDocument, earlier: Confirmed | None) -> Expectation:
        previous = self._previous
        codes = self._endpoint.response_codes
        return Expectation(
            request_header=request_header,
            fn=self.till.fn.number,
            fd=document.fd,
            bits_1206_allowed=self.till.fn.ffd.keeps_counters,
            response_codes=frozenset((CODE_UNREADABLE,)) if document.fd in self.till.broken else codes,
            operator_inn=self._endpoint.operator_inn or (previous.operator_inn if previous is not None else None),
            clock_tolerance=self._endpoint.clock_tolerance,
            earlier=earlier,
            previous=previous,
        )

    def _broken_answer(
        self, broken: AnswerBroken, document: QueuedDocument, earlier: Confirmed | None
    ) -> tuple[Mismatch, ...]:
        """What is wrong with bytes the protocol refused: field by field when they are all there, else in its words."""
        received = broken.received
        if len(received) >= SESSION_HEADER_BYTES + int.from_bytes(received[24:26], "little"):
            due = self._expectation(broken.request_header, document, earlier)
            _, mismatches = verify(received, due, now=self._clock.now())
            if mismatches:
                return mismatches
        error = broken.error
        found = f"{error.reason}: {error.detail} ({len(received)} bytes: {received[:64].hex(' ')})"
        return (
            Mismatch(
                fn=self.till.fn.number,
                fd=document.fd,
                rule=Rule.EXCHANGE,
                field=error.field,
                offset=error.offset,
                found=found,
                expected=error.rule,
            ),
        )

    def _report_unasked(self, link: Link, document: QueuedDocument) -> None:
        """An answer nobody asked for: a drive ignores it, a developer wants to know."""
        if link.unasked is not None:
            found = f"{len(link.unasked)} bytes: {link.unasked[:64].hex(' ')}"
            self._report((self._mismatch(document, Rule.EXCHANGE, "ответ / answer", found, "one answer a message"),))

    def _mismatch(self, document: QueuedDocument, rule: Rule, field: str, found: str, expected: str) -> Mismatch:
        return Mismatch(
            fn=self.till.fn.number, fd=document.fd, rule=rule, field=field, offset=0, found=found, expected=expected
        )

    def _report(self, mismatches: tuple[Mismatch, ...]) -> None:
        for mismatch in mismatches:
            self._tally.report(mismatch)

    def _accept(self, document: QueuedDocument, confirmed: Confirmed, latency_s: float, sent_times: int) -> None:
        fn, tally = self.till.fn, self._tally
        if self._recorder is not None:
            self._recorder.write(
                ConfirmedDocument(
                    fn=fn.number,
                    fd=document.fd,
                    code=document.code,
                    container=document.container.hex(),
                    response_code=confirmed.response_code,
                    operator_sign=confirmed.operator_sign.hex(),
                    trailer=confirmed.trailer.hex(),
                    confirmed_at=self._clock.now().isoformat(),
                    sent_times=sent_times,
                )
            )
        fn.confirm(confirmed.fd, operator_message=confirmed.operator_message)
        if document.fd in self.till.broken:
            tally.unreadable += 1
        tally.confirmed[document.code] += 1
        tally.response_codes[confirmed.response_code] += 1
        tally.latency.add(latency_s)
        self._previous = confirmed
        self._pause_s = self._endpoint.reconnect_min_s
        limit = self._habit.documents_per_connection
        if self._link is not None and (self._link.unasked is not None or self._link.documents == limit):
            self.close()

    async def _usable_link(self, document: QueuedDocument) -> Link:
        if self._link is not None and self._link.usable:
            return self._link
        if self._link is not None:
            self._report_unasked(self._link, document)
        self.close()
        if self._habit.probes_first:
            (await self._connect()).close()
        self._link = link = await self._connect()
        if self._habit.asks_service_first:
            await self._ask_service(link, document)
        return link

    async def _connect(self) -> Link:
        async with self._connecting:
            return await self._route.connect()

    async def _ask_service(self, link: Link, document: QueuedDocument) -> None:
        try:
            await link.ask_service(
                version=self._version,
                fn=self.till.fn.number,
                crc_mode=self._habit.crc_mode,
                timeout_s=self._endpoint.answer_timeout_s,
            )
        except (AnswerBroken, AnswerOverdue) as error:
            wrong = self._mismatch(document, Rule.EXCHANGE, "служебный режим / service mode", str(error), "a reply")
            self._report((wrong,))
            raise LinkLost("the service message was not answered") from error

    async def _back_off(self) -> None:
        """A pause that doubles, a quarter of it by chance, so that a fleet does not come back in one instant.

        A connection that stood and brought no good answer is followed by one to another address.
        """
        if self._link is not None:
            self._route.turn()
        self.close()
        pause_s = self._pause_s * (1 + self._dice.below(1000) / 4000)
        self._pause_s = min(self._endpoint.reconnect_max_s, self._pause_s * 2)
        await asyncio.sleep(pause_s)
