"""The recorder: a thread that turns what passed through the proxy into packets and messages, at its own pace."""

from __future__ import annotations

import threading
from operator import methodcaller
from typing import TYPE_CHECKING

import structlog

from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.piece import Piece, Sender
from ofd_gateway.captures.splitter import Splitter
from ofd_gateway.captures.synthesis import TcpScript
from ofd_gateway.proxy.tap import Ended, Event, Loss, Missed, Relayed, Reset, Sent, Tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ofd_gateway.captures.splitter import Cut
    from ofd_gateway.proxy.outputs import Output

__all__ = ["Recorder"]


class Recorder:
    """Takes events from a tap and gives packets and messages to outputs.

    An output that fails is logged (`proxy.record_failed`) and given up; the others go on. What the tap had to leave
    out is logged as `proxy.records_dropped`, once for each time the recorder fell behind.
    """

    def __init__(self, tap: Tap, outputs: Iterable[Output]) -> None:
        self.failed_outputs = 0
        self._tap = tap
        self._outputs = list(outputs)
        self._told = Loss()
        self._log = structlog.get_logger()
        self._thread = threading.Thread(target=self._run, name="proxy-recorder", daemon=True)

    def start(self) -> None:
        """Begins to take events."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Closes the tap and waits until everything is written; False when that took longer than `timeout_s`."""
        self._tap.close()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while events := self._tap.take():
            for event in events:
                self._record(event)
            self._tell_loss()
            self._each(methodcaller("flush"))
        self._each(methodcaller("close"))

    def _record(self, event: Event) -> None:
        recording = event.relayed.recording
        if recording is None:
            recording = event.relayed.recording = _Recording(event.relayed)
            opening = list(recording.script.opened())
            self._each(methodcaller("frames", opening, event.at))
        try:
            frames, pieces = recording.take(event)
            opened = [open_piece(piece) for piece in pieces]
        except Exception:  # noqa: BLE001  one message must not end the recording of all others
            self._log.exception("proxy.reading_failed", connection=event.relayed.number)
            return
        self._each(methodcaller("frames", frames, event.at))
        for one in opened:
            self._each(methodcaller("piece", one))

    def _each(self, work: Callable[[Output], None]) -> None:
        for output in list(self._outputs):
            try:
                work(output)
            except OSError as error:
                self._outputs.remove(output)
                self.failed_outputs += 1
                self._log.error("proxy.record_failed", file=output.name, reason=error.strerror or str(error))

    def _tell_loss(self) -> None:
        loss, told = self._tap.loss, self._told
        if loss != told:
            self._told = loss
            self._log.warning(
                "proxy.records_dropped",
                reads=loss.reads - told.reads,
                bytes=loss.size_bytes - told.size_bytes,
                total_bytes=loss.size_bytes,
            )


class _Recording:
    """One connection: its packets, and the messages of both its directions."""

    def __init__(self, relayed: Relayed) -> None:
        self.script = TcpScript(register=relayed.register, operator=relayed.operator)
        self._relayed = relayed
        self._splitters: dict[Sender, Splitter[datetime]] = {sender: Splitter() for sender in Sender}

    def take(self, event: Event) -> tuple[list[bytes], list[Piece]]:
        """The packets of an event, and the messages that are complete with it."""
        script, splitters = self.script, self._splitters
        match event:
            case Sent():
                frames = list(script.sent(event.sender, event.data))
                return frames, self._pieces(event.sender, splitters[event.sender].feed(event.data, event.at))
            case Missed():
                script.missed(event.sender, event.size)
                return [], self._pieces(event.sender, splitters[event.sender].skip(event.size, event.at))
            case Ended():
                frames = list(script.ended(event.sender))
                return frames, self._pieces(event.sender, splitters[event.sender].finish())
            case Reset():
                frames = list(script.reset(event.sender))
                left = [piece for sender in Sender for piece in self._pieces(sender, splitters[sender].finish())]
                return frames, left
        return [], []

    def _pieces(self, sender: Sender, cuts: Iterable[Cut[datetime]]) -> list[Piece]:
        ends = {Sender.REGISTER: str(self._relayed.register), Sender.OPERATOR: str(self._relayed.operator)}
        return [
            Piece(
                connection=self._relayed.number,
                sender=sender,
                sort=cut.sort,
                raw=cut.raw,
                at=cut.moment,
                source=ends[sender],
                destination=ends[sender.other],
                missing_bytes=cut.missing_bytes,
            )
            for cut in cuts
        ]
