"""The programs of a soak together, and what can be done to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

from benchmarks.gateway import free_address

from endurance.children import Child, database_children, workers_of
from endurance.links import NoSocket, break_links
from endurance.order import FaultKind
from ofd_gateway.storage import running_dsn

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.letters.peer import Peer

    from endurance.order import SoakOrder

__all__ = ["Scene"]

_WITHOUT_TAX_SERVICE_S: Final = (0.2, 2.0)
_BROKEN_LINKS_S: Final = (2.0, 4.0)
_DATABASE_WAIT_S: Final = 60.0
_POLL_S: Final = 0.1
_LETTERS_IN_HAND: Final = 4


class Scene:
    """Gateway with two workers and its built-in database, tax service's side, mail server.

    `crashes` counts what may have met a letter in hand.
    """

    def __init__(self, order: SoakOrder, home: Path, mail: Peer, dice: Random) -> None:
        self._dice = dice
        self.mail = mail
        self.state_dir = home / "state"
        self.address = free_address()
        self.crashes = 0
        self.letters_in_hand = _LETTERS_IN_HAND
        http, tax_service = free_address(), free_address()
        self.emulator = Child(
            home,
            "fns-emulator",
            ("fns-emulator", f"--listen={tax_service}", f"--keep={home / 'fns.jsonl'}"),
            f"http://{tax_service}/v1/summary",
            {},
        )
        self.gateway = Child(
            home,
            "gateway",
            ("serve", f"--listen={self.address}", f"--http={http}", f"--state-dir={self.state_dir}", "--workers=2"),
            f"http://{http}/readyz",
            _settings(order, f"http://{tax_service}", mail.port),
        )

    @property
    def dsn(self) -> str:
        """The database, by the server's own socket or whatever stands in its place. Raises NoSocket."""
        dsn = running_dsn(self.state_dir)
        if dsn is None:
            raise NoSocket("the database is not there")
        return dsn

    async def start(self) -> None:
        """Everything serves. Raises NotReady."""
        await asyncio.gather(self.emulator.start(), self.gateway.start())

    async def stop(self) -> list[str]:
        """Stops everything; what is wrong with how it ended."""
        codes = {child.name: await child.stop() for child in (self.gateway, self.emulator)}
        findings = [f"{name} ended with code {code}" for name, code in codes.items() if code != 0]
        if await self._is_listening():
            findings.append("somebody listens after the gateway has ended: a worker outlives its supervisor")
        return findings

    async def _is_listening(self) -> bool:
        host, _, port = self.address.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    async def play(self, kind: FaultKind) -> None:
        """Does it. What needs a database waits for one. Raises NotReady when the gateway does not come back."""
        if kind not in (FaultKind.EMULATOR, FaultKind.WORKER):
            self.crashes += 1
        match kind:
            case FaultKind.WORKER:
                self._kill_one(workers_of(self.gateway.pid))
            case FaultKind.GATEWAY:
                await self.gateway.kill()
                await self.gateway.start()
            case FaultKind.POSTMASTER:
                self._kill_one((await self._database())[0])
            case FaultKind.BACKEND:
                self._kill_one((await self._database())[1])
            case FaultKind.EMULATOR:
                await self.emulator.kill()
                await asyncio.sleep(self._dice.uniform(*_WITHOUT_TAX_SERVICE_S))
                await self.emulator.start()
            case FaultKind.RELOAD:
                self.gateway.send_signal(signal.SIGHUP)
            case FaultKind.LINKS:
                await self._database()
                with contextlib.suppress(NoSocket):
                    await break_links(self.dsn, self._dice, self._dice.uniform(*_BROKEN_LINKS_S))

    async def _database(self) -> tuple[list[int], list[int]]:
        """The server and its connections, as soon as there are any of both."""
        async with asyncio.timeout(_DATABASE_WAIT_S):
            while True:
                servers, backends = database_children(self.gateway.pid)
                if servers and backends:
                    return servers, backends
                await asyncio.sleep(_POLL_S)

    def _kill_one(self, pids: list[int]) -> None:
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._dice.choice(pids), signal.SIGKILL)


def _settings(order: SoakOrder, tax_service: str, mail_port: int) -> dict[str, str]:
    """Thresholds so short that every rule of time has work, and pauses that fit a round."""
    settings = {
        "ALERTS__FD_GAP__AFTER": _seconds(order.gap_after.total_seconds()),
        "ALERTS__FN_FILLING__CAPACITIES": f"9999={order.fn_capacity}",
        "ALERTS__GROUP_INTERVAL": "2s",
        "ALERTS__GROUP_WAIT": "500ms",
        "ALERTS__OPERATOR_EMAILS": "operator@example.org",
        "ALERTS__SHIFT_TOO_LONG__AFTER": _seconds(order.shift_after.total_seconds()),
        "BUYERS__EMAIL": "off",
        "FNS__RETRY_MAX": "2s",
        "FNS__RETRY_MIN": "200ms",
        "FNS__TRIES": "1000",
        "FNS__URL": tax_service,
        "INTAKE__DRAIN_TIMEOUT": "2s",
        "SMTP__HOST": "127.0.0.1",
        "SMTP__PARALLEL": str(_LETTERS_IN_HAND),
        "SMTP__PORT": str(mail_port),
        "SMTP__RETRY_MAX": "2s",
        "SMTP__RETRY_MIN": "200ms",
        "SMTP__ATTEMPTS": "1000",
    }
    return {f"OFD_GATEWAY_{name}": value for name, value in settings.items()}


def _seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"
