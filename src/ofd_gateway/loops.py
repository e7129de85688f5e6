"""The event loop that whatever serves or simulates runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["loop_factory"]


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where that exists; None for the standard one."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - uvloop exists on every platform of the tests
        return None
    return uvloop.Loop
