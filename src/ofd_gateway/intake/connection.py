"""One register's connection: socket bytes to the protocol room, decisions back to the socket."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal, assert_never, cast

import structlog

from ofd_gateway.faults import Ending, Honest
from ofd_gateway.intake.notes import note_decision, rejected_row, unreadable_row
from ofd_gateway.intake.patience import Patience
from ofd_gateway.intake.peers import descriptor_of, host_of, name_of, reset
from ofd_gateway.intake.proxies import ProxyPreface
from ofd_gateway.intake.reading import Unreadable
from ofd_gateway.ledger import Arrival
from ofd_gateway.protocol import (
    ConfirmationReceived,
    Connection,
    MessageReceived,
    Need,
    PeerClosed,
    ProtocolError,
    ProxyError,
    Role,
    ServiceAnswered,
    ServiceRequested,
    confirmation_body,
)

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.crypto import Signs
    from ofd_gateway.intake.proxies import TrustedBalancers
    from ofd_gateway.intake.server import IntakeServer
    from ofd_gateway.ledger import Decision

__all__ = ["RegisterConnection"]

NOT_RECOGNISED = 11


class RegisterConnection(asyncio.Protocol):
    """Speaks the operator's side on one socket; one message is in flight at a time.

    The socket is not read while a message is in flight and more has already arrived, so back-pressure is TCP's own.
    """

    __slots__ = (
        "_closing",
        "_in_flight",
        "_intake",
        "_last_answer",
        "_log",
        "_patience",
        "_preface",
        "_protocol",
        "_reading_paused",
        "_received_at_s",
        "_transport",
        "_waits_for_turn",
        "_write_paused",
        "connection_id",
        "fn",
        "peer",
    )

    def __init__(self, intake: IntakeServer, connection_id: str) -> None:
        self._intake = intake
        self._protocol = Connection(Role.OPERATOR, max_body_bytes=intake.limits.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._in_flight: MessageReceived | None = None
        self._received_at_s = 0.0
        self._reading_paused = False
        self._write_paused = False
        self._closing = False
        self._last_answer = False
        self._waits_for_turn = False
        self._patience = Patience(intake.loop, self._expired)
        self._log: Any = None
        self._preface: ProxyPreface | None = None
        self.connection_id = connection_id
        self.peer = ""
        self.fn: str | None = None

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection or, when a limit is reached, closes it at once."""
        self._transport = cast("asyncio.Transport", transport)  # a listening TCP server makes no other kind
        self.peer = name_of(self._transport)
        if not self._intake.admit(self):
            self._close()
            return
        if self._intake.balancers is not None:
            self._await_preface(self._intake.balancers)
            return
        self._patience.expect("idle", self._intake.limits.idle_timeout_s)

    def data_received(self, data: bytes) -> None:
        """Feeds the protocol room and acts on what it finds."""
        if self._closing or self._transport is None:
            return
        if self._preface is not None:
            data = self._read_preface(self._preface, data)
            if not data:
                return
        self._protocol.receive(data)
        if self._in_flight is not None or self._write_paused or self._waits_for_turn:
            if not self._reading_paused:
                self._reading_paused = True
                self._transport.pause_reading()
            return
        self._waits_for_turn = self._intake.turns.take(self._take_turn)

    def eof_received(self) -> bool:
        """Keeps the writing half open, because a register may half-close and still read its confirmation."""
        if self._preface is not None and len(self._preface):
            self._refuse_preface(reason="the peer has closed in the middle", field="header", offset=len(self._preface))
        self._protocol.receive_eof()
        if self._in_flight is None:
            self._advance()
        return not self._closing

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection; a document in flight is stored all the same and confirmed when it comes again."""
        self._patience.end()
        self._transport = None
        self._intake.forget(self)
        if exc is not None:
            self._logger().debug("connection.lost", reason=str(exc))

    def pause_writing(self) -> None:
        """The peer does not read its answers: nothing more is read from it until it does."""
        self._write_paused = True
        self._patience.expect("write", self._intake.limits.write_timeout_s)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._write_paused = False
        self._patience.expect("idle", self._intake.limits.idle_timeout_s)
        self._advance()

    # -- outcomes (called by the batcher and the quarantine) --------------------------------------------------------

    def stored(self, decision: Decision, commit_s: float) -> None:
        """Confirms what the transaction has committed."""
        faults, message = self._intake.faults, self._in_flight
        is_taken = (
            faults is not None
            and message is not None
            and message.header.expects_answer
            and faults.take(self, decision, commit_s, message.header.version)
        )
        if not is_taken:
            self.answer_honestly(decision, commit_s)

    def answer_honestly(self, decision: Decision, commit_s: float) -> bytes:
        """Ends the message in flight with its confirmation, and gives the bytes sent."""
        message = self._in_flight
        self._in_flight = None
        sent = b""
        if message is not None and self._transport is not None and not self._closing:
            sent = self._answer(message, decision)
        self._note(decision, commit_s, sent=bool(sent))
        self._resume()
        return sent

    def honest_answer(self, decision: Decision, previous: bytes | None) -> Honest | None:
        """The confirmation of the message in flight, unsent; None when there is nobody to send it to."""
        message = self._in_flight
        if message is None or self._transport is None or self._closing:
            return None
        confirmed_at = self._intake.clock.now()
        code, bits, signs = decision.response_code, decision.operator_message, decision.signs
        return Honest(
            wire=self._confirmation(message, code, bits, signs, confirmed_at),
            operator_inn=self._intake.operator_inn,
            fn=message.container.fn,
            fd=message.container.fd,
            message_sign=message.container.message_sign,
            confirmed_at=confirmed_at,
            response_code=code,
            operator_message=bits,
            signs=signs,
            previous=previous,
        )

    def put(self, data: bytes) -> bool:
        """Writes to the peer; False when it has gone."""
        if self._transport is None or self._closing:
            return False
        self._transport.write(data)
        return True

    def note_fault(self, decision: Decision, commit_s: float, *, fault: int, sent: bool) -> None:
        """Counts and logs the stored document before its answer is spoilt on purpose, however long that takes."""
        self._note(decision, commit_s, sent=sent, fault=fault)

    def end_fault(self, ending: Ending) -> None:
        """Ends the message in flight, whose answer was spoilt on purpose."""
        self._in_flight = None
        if self._transport is not None and ending is Ending.RESET:
            reset(self._transport)
            self._closing = True
        elif ending is Ending.CLOSE:
            self._close()
        self._resume()

    def unstored(self, reason: Literal["not_committed", "unknown"]) -> None:
        """Closes without an answer: the register keeps its document."""
        message = self._in_flight
        self._in_flight = None
        self._intake.metrics.messages.labels("unstored").inc()
        fields = {} if message is None else {"fn": message.container.fn, "fd": message.container.fd}
        self._logger().error("message.unstored", committed=reason, **fields)
        self._close()

    def unstorable(self, detail: str) -> None:
        """Puts a message that the database refuses into quarantine and closes without an answer."""
        if self._in_flight is not None:
            self._unreadable(self._in_flight, Unreadable(reason="unstorable", detail=detail, never_answered=True))

    def quarantined(self, unreadable: Unreadable, *, answer: bool) -> None:
        """Ends a message whose body was not accepted: closed without an answer or, if so configured, code 11."""
        message = self._in_flight
        self._in_flight = None
        if not answer or message is None or self._transport is None:
            self._close()
            return
        container = message.container
        signs = self._intake.crypto.sign(
            fn=container.fn,
            fd=container.fd,
            message_sign=container.message_sign,
            response_code=NOT_RECOGNISED,
            operator_message=0,
        )
        self._send(message, NOT_RECOGNISED, 0, signs)
        self._logger().info(
            "message.answered_unread",
            fn=container.fn,
            fd=container.fd,
            code=NOT_RECOGNISED,
            reason=unreadable.reason,
        )
        self._resume()

    @property
    def descriptor(self) -> int:
        """The number of the socket among the open files of the process; -1 when there is none."""
        return descriptor_of(self._transport)

    @property
    def is_busy(self) -> bool:
        """A message is in flight or on its way in."""
        return self._in_flight is not None or self._protocol.message_in_progress

    def stop(self) -> None:
        """Closes at once, unless a document is in flight: then its answer goes out first."""
        if self._in_flight is None:
            self._close()
        else:
            self._last_answer = True

    def abort(self) -> None:
        """Drops the connection and whatever the peer has not read."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    # -- a balancer's header ---------------------------------------------------------------------------------------

    def _await_preface(self, balancers: TrustedBalancers) -> None:
        if not balancers.trusts(host_of(self._transport)):
            self._refuse_preface(reason="not from a trusted network")
            return
        self._preface = ProxyPreface()
        self._patience.expect("message", self._intake.limits.message_timeout_s)

    def _read_preface(self, preface: ProxyPreface, data: bytes) -> bytes:
        """What came behind the header; nothing while it is not whole, or when it is wrong."""
        try:
            found = preface.receive(data)
        except ProxyError as error:
            self._refuse_preface(reason=error.detail, field=error.field, offset=error.offset, rule=error.rule)
            return b""
        if found is None:
            return b""
        header, rest = found
        self._preface = None
        if header.source is not None:
            self.peer, self._log = header.source, None
        self._await_more()
        return rest

    def _refuse_preface(self, **fields: object) -> None:
        self._intake.metrics.connections_refused.labels("proxy").inc()
        self._logger().warning("connection.proxy_refused", **fields)
        self._close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        self._waits_for_turn = False
        if self._transport is not None:  # it may have gone while it waited; the register keeps its document
            self._advance()

    def _advance(self) -> None:
        while not self._closing and not self._write_paused and self._in_flight is None:
            try:
                event = self._protocol.next_event()
            except ProtocolError as error:
                self._rejected(error)
                return
            match event:
                case Need.DATA:
                    self._await_more()
                    return
                case Need.PAUSED:
                    return
                case MessageReceived():
                    self._received(event)
                case ServiceRequested():
                    self._serve(event)
                case PeerClosed():
                    if event.probe:
                        self._logger().debug("connection.probed")
                    self._close()
                    return
                case ConfirmationReceived() | ServiceAnswered():  # pragma: no cover  the other role's events
                    raise AssertionError(event)
                case _:  # pragma: no cover
                    assert_never(event)

    def _await_more(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        limits = self._intake.limits
        if not self._protocol.message_in_progress:
            self._patience.expect("idle", limits.idle_timeout_s)
        elif self._patience.reason != "message":
            self._patience.expect("message", limits.message_timeout_s)

    def _received(self, message: MessageReceived) -> None:
        self._received_at_s = time.monotonic()
        self._in_flight = message
        self._patience.suspend()
        if not self._intake.identify(self, message.container.fn):
            self._in_flight = None
            self._close()
            return
        intake = self._intake
        received_at = intake.clock.now()
        outcome = intake.reader.read(message, received_at=received_at, peer=self.peer, connection_id=self.connection_id)
        if not message.header.known_version:
            self._logger().warning(
                "session.unknown_version", fn=message.header.fn, version=message.header.version.hex()
            )
        if isinstance(outcome, Unreadable):
            self._unreadable(message, outcome)
        elif intake.is_known(message.container.fn):
            intake.batcher.submit(outcome, self)
        else:
            intake.ask_whether_known(self, outcome)

    def admitted(self, arrival: Arrival, *, known: bool) -> None:
        """Goes on with a message once the inventory has said whether its FN is known."""
        if self._in_flight is None:
            return
        if known:
            self._intake.batcher.submit(arrival, self)
        else:
            self._unreadable(
                self._in_flight,
                Unreadable(
                    reason="unknown_fn",
                    detail="neither the FN nor its register is in the inventory, and intake.accept is known",
                    never_answered=True,
                ),
            )

    def _unreadable(self, message: MessageReceived, unreadable: Unreadable) -> None:
        container = message.container
        intake = self._intake
        intake.metrics.messages.labels("unreadable").inc()
        intake.metrics.rejections.labels(unreadable.reason).inc()
        self._logger().warning(
            "message.rejected", fn=container.fn, fd=container.fd, reason=unreadable.reason, detail=unreadable.detail
        )
        answer = intake.answer_unreadable and not unreadable.never_answered and message.header.expects_answer
        now = intake.clock.now()
        intake.quarantine.submit(
            unreadable_row(message, unreadable, received_at=now, peer=self.peer, connection_id=self.connection_id),
            lambda stored: self.quarantined(unreadable, answer=answer and stored),
        )

    def _rejected(self, error: ProtocolError) -> None:
        intake = self._intake
        intake.metrics.messages.labels("rejected").inc()
        intake.metrics.rejections.labels(error.reason).inc()
        fn = error.header.fn if error.header is not None else None
        self._logger().warning(
            "message.rejected",
            fn=fn,
            reason=error.reason,
            field=error.field,
            offset=error.offset,
            rule=error.rule,
            detail=error.detail,
        )
        if fn is None:
            self._close()
            return
        now = intake.clock.now()
        intake.quarantine.submit(
            rejected_row(error, fn, received_at=now, peer=self.peer, connection_id=self.connection_id),
            lambda _: self._close(),
        )

    def _serve(self, event: ServiceRequested) -> None:
        answer = self._protocol.answer_service()
        if self._transport is not None:
            self._transport.write(answer)
        self._intake.metrics.messages.labels("service").inc()
        self._logger().info("service.answered", fn=event.header.fn)

    def _answer(self, message: MessageReceived, decision: Decision) -> bytes:
        if not message.header.expects_answer:
            self._protocol.skip_answer()
            return b""
        return self._send(message, decision.response_code, decision.operator_message, decision.signs)

    def _send(self, message: MessageReceived, code: int, operator_message: int, signs: Signs) -> bytes:
        intake = self._intake
        answer = self._confirmation(message, code, operator_message, signs, intake.clock.now())
        if self._transport is not None:
            self._transport.write(answer)
        intake.metrics.confirmations.labels(str(code)).inc()
        intake.metrics.confirmation_seconds.observe(time.monotonic() - self._received_at_s)
        return answer

    def _confirmation(
        self, message: MessageReceived, code: int, operator_message: int, signs: Signs, confirmed_at: datetime
    ) -> bytes:
        intake = self._intake
        container = message.container
        body = confirmation_body(
            operator_inn=intake.operator_inn,
            operator_sign=signs.operator_sign,
            fn=container.fn,
            fd=container.fd,
            confirmed_at=confirmed_at,
            response_code=code,
            operator_message=operator_message,
        )
        return self._protocol.confirm(intake.crypto.wrap(body=body, fn=container.fn, fd=container.fd, signs=signs))

    def _note(self, decision: Decision, commit_s: float, *, sent: bool, fault: int | None = None) -> None:
        total_s = time.monotonic() - self._received_at_s
        note_decision(
            decision, self._intake.metrics, self._logger(), sent=sent, commit_s=commit_s, total_s=total_s, fault=fault
        )

    def _resume(self) -> None:
        if self._transport is None:
            return
        if self._closing or self._last_answer:
            self._close()
            return
        if not self._write_paused:
            self._patience.expect("idle", self._intake.limits.idle_timeout_s)
        self._advance()

    def _close(self) -> None:
        """Closes as soon as the peer has read what was written, and cuts it off when it does not."""
        self._closing = True
        self._patience.stop()
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self._patience.expect("write", self._intake.limits.write_timeout_s)
        self._transport.close()

    def _expired(self) -> None:
        """Gives the connection up. With answers unread that is what it waited for, and an end would wait as well."""
        is_unread = self._transport is not None and self._transport.get_write_buffer_size() > 0
        reason = "write" if is_unread else self._patience.reason
        level = "debug" if reason == "idle" else "warning"
        getattr(self._logger(), level)(
            "connection.timed_out", waiting_for=reason, buffered_bytes=self._protocol.buffered_bytes, fn=self.fn
        )
        self._intake.metrics.connections_refused.labels(f"{reason}_timeout").inc()
        if is_unread and self._transport is not None:
            self._closing = True
            reset(self._transport)
        else:
            self._close()

    def _logger(self) -> Any:
        if self._log is None:
            self._log = structlog.get_logger().bind(connection_id=self.connection_id, peer=self.peer)
        return self._log
