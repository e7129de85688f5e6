"""The recorder: what passed through the proxy to packets and messages, at its own pace."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

import structlog

from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.piece import Piece, Sender
from ofd_gateway.captures.splitter import Splitter
from ofd_gateway.captures.synthesis import TcpScript
from ofd_gateway.proxy.tap import Closed, Ended, Event, Missed, Opened, Reset, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ofd_gateway.captures.splitter import Cut
    from ofd_gateway.proxy.outputs import Output

__all__ = ["Recorder"]


class Recorder:
    """Gives packets and messages of events to outputs.

    An output that fails is logged (`proxy.record_failed`) and given up; the others go on.
    """

    def __init__(self, outputs: Iterable[Output]) -> None:
        self.failed_outputs = 0
        self._outputs = list(outputs)
        self._connections: dict[int, _Recording] = {}
        self._log = structlog.get_logger()

    def take(self, event: Event) -> None:
        """One more event; those of a connection whose `Opened` never came are passed over."""
        if isinstance(event, Opened):
            self._connections[event.connection] = recording = _Recording(event)
            self._each(methodcaller("frames", list(recording.script.opened()), event.at))
            return
        if isinstance(event, Closed):
            self._connections.pop(event.connection, None)
            return
        known = self._connections.get(event.connection)
        if known is None:
            return
        try:
            frames, pieces = known.take(event)
            opened = [open_piece(piece) for piece in pieces]
        except Exception:  # noqa: BLE001  one message must not end the recording of all others
            self._log.exception("proxy.reading_failed", connection=event.connection)
            return
        self._each(methodcaller("frames", frames, event.at))
        for one in opened:
            self._each(methodcaller("piece", one))

    def flush(self) -> None:
        """Nothing waits at the moment: what was written should be seen by others."""
        self._each(methodcaller("flush"))

    def close(self) -> None:
        """Nothing follows."""
        self._each(methodcaller("close"))

    def _each(self, work: Callable[[Output], None]) -> None:
        for output in list(self._outputs):
            try:
                work(output)
            except OSError as error:
                self._outputs.remove(output)
                self.failed_outputs += 1
                reason = error.strerror or str(error)
                self._log.error("proxy.record_failed", file=output.name, reason=reason)


class _Recording:
    """One connection: its packets, and the messages of both its directions."""

    def __init__(self, opened: Opened) -> None:
        self.script = TcpScript(register=opened.register, operator=opened.operator)
        self._number = opened.connection
        self._ends = {Sender.REGISTER: str(opened.register), Sender.OPERATOR: str(opened.operator)}
        self._splitters: dict[Sender, Splitter[datetime]] = {sender: Splitter() for sender in Sender}

    def take(self, event: Sent | Missed | Ended | Reset) -> tuple[list[bytes], list[Piece]]:
        """The packets of an event, and the messages that are complete with it."""
        script, sender = self.script, event.sender
        splitter = self._splitters[sender]
        match event:
            case Sent():
                return list(script.sent(sender, event.data)), self._pieces(sender, splitter.feed(event.data, event.at))
            case Missed():
                script.missed(sender, event.size)
                return [], self._pieces(sender, splitter.skip(event.size, event.at))
            case Ended():
                return list(script.ended(sender)), self._pieces(sender, splitter.finish())
            case Reset():
                left = [piece for one in Sender for piece in self._pieces(one, self._splitters[one].finish())]
                return list(script.reset(sender)), left

    def _pieces(self, sender: Sender, cuts: Iterable[Cut[datetime]]) -> list[Piece]:
        return [
            Piece(
                connection=self._number,
                sender=sender,
                sort=cut.sort,
                raw=cut.raw,
                at=cut.moment,
                source=self._ends[sender],
                destination=self._ends[sender.other],
                missing_bytes=cut.missing_bytes,
            )
            for cut in cuts
        ]
