"""What the service manager is told: ready, alive, stopping (the sd_notify protocol of systemd).

A datagram of lines `NAME=value` goes to the UNIX socket that `NOTIFY_SOCKET` names; `@` at its beginning stands for the
zero byte of an abstract name. `WATCHDOG_USEC` is the longest time without `WATCHDOG=1`, in microseconds, for the
process `WATCHDOG_PID`. Without these variables nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["ServiceManager"]

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """Who started this service, if it wants to hear of it. What cannot be sent is logged and changes nothing."""

    def __init__(self, address: str | None, *, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] | None = None) -> ServiceManager:
        """The manager that the environment names; the variables are taken out, so that no child speaks for us."""
        environment = os.environ if environment is None else environment
        address, watchdog_us, watchdog_pid = (environment.pop(name, "") for name in _VARIABLES)
        is_ours = watchdog_pid in {"", str(os.getpid())}
        is_time = watchdog_us.isascii() and watchdog_us.isdigit() and len(watchdog_us) < 20 and int(watchdog_us) > 0
        return cls(address or None, watchdog_s=int(watchdog_us) / _MICROSECONDS if is_ours and is_time else None)

    def ready(self, status: str) -> None:
        """The service serves; `status` is for people."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """The service has begun to stop."""
        self._tell("STOPPING=1", "STATUS=остановка / stopping")

    async def keep_alive(self) -> None:
        """Says that the event loop runs, twice in each watchdog interval, until it is cancelled."""
        if self._address is None or self._watchdog_s is None:
            return
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)

    def _tell(self, *lines: str) -> None:
        address = self._address
        if address is None:
            return
        where = "\0" + address[1:] if address.startswith("@") else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), where)
        except OSError as error:
            structlog.get_logger().warning("service_manager.unreachable", address=address, reason=str(error))
