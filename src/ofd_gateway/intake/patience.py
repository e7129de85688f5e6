"""How long a connection is waited for, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Patience", "WaitingFor"]

WaitingFor = Literal["idle", "message", "write"]
"""A new message, the rest of one, or that the peer reads its answers."""


class Patience:
    """One deadline at a time. It moves with every message, so the timer stays unless the new deadline is earlier."""

    __slots__ = ("_deadline", "_loop", "_on_expired", "_timer", "reason")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_expired: Callable[[], None]) -> None:
        self._loop = loop
        self._on_expired: Callable[[], None] | None = on_expired
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.reason: WaitingFor = "idle"

    def expect(self, reason: WaitingFor, seconds: float) -> None:
        """From now on the connection has that many seconds for it."""
        self._deadline = self._loop.time() + seconds
        self.reason = reason
        if self._timer is not None:
            if self._timer.when() <= self._deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def suspend(self) -> None:
        """Nothing is expected of the peer until `expect` is called again."""
        self._deadline = 0.0

    def stop(self) -> None:
        """Lets the timer go; `expect` may still be called."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Lets the timer and the listener go, for good."""
        self.stop()
        self._on_expired = None

    def _look(self) -> None:
        self._timer = None
        if self._deadline == 0.0 or self._on_expired is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
            return
        self._on_expired()
