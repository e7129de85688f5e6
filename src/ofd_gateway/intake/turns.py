"""How many messages one turn of the event loop takes, so that a crowd of registers keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]

_MESSAGES: Final = 100


class Turns:
    """Work beyond the bound of a turn waits for the next ones, in the order in which it came.

    Without it ten thousand registers that connect at once are all read, decoded and checked before anything else is
    looked at: answers of the database that lie there already are taken for late, and /healthz is silent for seconds.
    """

    def __init__(self, messages: int = _MESSAGES) -> None:
        self._messages = messages
        self._left = messages
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_turning = False

    def take(self, work: Callable[[], None]) -> bool:
        """Does the work now or, when this turn has had its share, in one of the next: then True."""
        if not self._is_turning:
            self._is_turning = True
            self._loop.call_soon(self._turn)
        if self._left and not self._waiting:
            self._left -= 1
            work()
            return False
        self._waiting.append(work)
        return True

    def _turn(self) -> None:
        self._left = self._messages
        if not self._waiting:
            self._is_turning = False
            return
        self._loop.call_soon(self._turn)
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft()()
