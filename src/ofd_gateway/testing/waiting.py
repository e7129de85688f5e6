"""A call that blocks, awaited in the background of whichever event loop runs: asyncio or trio."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_background"]

_T = TypeVar("_T")


async def in_background(call: Callable[[], _T]) -> _T:
    """What the call returns or raises; the loop goes on meanwhile."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        trio = import_module("trio")
        found: _T = await trio.to_thread.run_sync(call, abandon_on_cancel=True)
        return found
    return await asyncio.to_thread(call)
