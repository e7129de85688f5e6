"""Machines in a box: network namespaces on one switch, each with an address, each of which can be cut off.

Nothing of it has a name on the machine. A namespace lives as long as this process holds it open and as anything runs in
it, and takes its end of every cable along when it goes, so nothing is left behind however a test ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEWNET: Final = 0x4000_0000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SWITCH: Final = "switch"
_NETWORK: Final = "10.77.0"


class Namespace:
    """One machine's network. `address` is its own once it is plugged in."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"{_NETWORK}.{number}"
        here = _open_current()
        try:
            _call("unshare", _NEWNET)
            try:
                self.fd = _open_current()
                self.ip("link", "set", "lo", "up")
            finally:
                _call("setns", here, _NEWNET)
        finally:
            os.close(here)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread makes, and processes that it starts, belong to this machine."""
        here = _open_current()
        try:
            _call("setns", self.fd, _NEWNET)
            try:
                yield
            finally:
                _call("setns", here, _NEWNET)
        finally:
            os.close(here)

    def ip(self, *arguments: str) -> None:
        with self.inside():
            done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10, check=False)
        if done.returncode != 0:
            raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    def close(self) -> None:
        os.close(self.fd)


class Network:
    """A hub, which holds the switch and an address of its own, and machines that are plugged into it."""

    def __init__(self, *names: str) -> None:
        self.hub = Namespace("hub", 1)
        self.machines: dict[str, Namespace] = {}
        self.hub.ip("link", "add", _SWITCH, "type", "bridge", "forward_delay", "0")
        self.hub.ip("addr", "add", f"{self.hub.address}/24", "dev", _SWITCH)
        self.hub.ip("link", "set", _SWITCH, "up")
        for number, name in enumerate(names, start=2):
            self._add(Namespace(name, number))

    def __getitem__(self, name: str) -> Namespace:
        return self.machines[name]

    def cut_off(self, name: str) -> None:
        """From now on no packet passes either way, and nobody is told: no FIN, no RST, and the cable is up."""
        self.hub.ip("link", "set", name, "nomaster")

    def bring_back(self, name: str) -> None:
        self.hub.ip("link", "set", name, "master", _SWITCH)

    def close(self) -> None:
        for machine in [*self.machines.values(), self.hub]:
            machine.close()

    def _add(self, machine: Namespace) -> None:
        other_end = ("type", "veth", "peer", "name", "eth0", "netns", f"/proc/{os.getpid()}/fd/{machine.fd}")
        self.hub.ip("link", "add", machine.name, *other_end)
        self.hub.ip("link", "set", machine.name, "master", _SWITCH, "up")
        machine.ip("addr", "add", f"{machine.address}/24", "dev", "eth0")
        machine.ip("link", "set", "eth0", "up")
        self.machines[machine.name] = machine


def why_not() -> str | None:
    """Why this machine cannot do it; None when it can."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    if shutil.which("ip") is None:
        return "there is no ip (iproute2) on this machine"
    try:
        Network("probe").close()
    except OSError as error:
        return f"there are no network namespaces on this machine: {error}"
    return None


def _open_current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _call(name: str, *arguments: int) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
