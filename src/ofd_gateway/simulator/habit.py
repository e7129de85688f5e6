"""How a register talks: the connection habits (привычки связи) of software seen in the field."""

from __future__ import annotations

from dataclasses import dataclass

from ofd_gateway.protocol import CrcMode
from ofd_gateway.simulator.formats import Ffd


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One way to use TCP for the exchange; every one of them is lawful and in use."""

    name: str
    text: str
    documents_per_connection: int | None = None
    """Documents before the register closes; None keeps the connection."""
    probes_first: bool = False
    """Opens and closes a connection without a byte before each one that sends."""
    asks_service_first: bool = False
    """Sends a service message (служебный режим) on each new connection and waits for its answer."""
    write_bytes: int | None = None
    """Bytes of one write; None writes the whole message at once."""
    single_read: bool = False
    """Reads once: an answer in several pieces is lost on such a register."""
    crc_mode: CrcMode = CrcMode.NONE
    old_firmware: bool = False
    """Sends the version bytes 0101 and 0102 for FFD 1.1 and 1.2, and 0001 for FFD 1.0."""

    def session_version(self, ffd: Ffd) -> bytes:
        """The version bytes of the session header this register sends for `ffd`."""
        return _OLD_VERSIONS.get(ffd, ffd.session_version) if self.old_firmware else ffd.session_version


_OLD_VERSIONS = {Ffd.V1_0: b"\x00\x01", Ffd.V1_1: b"\x01\x01", Ffd.V1_2: b"\x01\x02"}

HABITS = {
    habit.name: habit
    for habit in (
        Habit(name="keep-alive", text="all documents on one connection"),
        Habit(name="per-document", text="a connection for each document", documents_per_connection=1),
        Habit(
            name="probe-first",
            text="a silent probe, then a connection for each document",
            documents_per_connection=1,
            probes_first=True,
        ),
        Habit(name="batches", text="ten documents a connection", documents_per_connection=10),
        Habit(name="byte-by-byte", text="one byte a write", write_bytes=1),
        Habit(name="single-read", text="reads the answer once", documents_per_connection=1, single_read=True),
        Habit(name="header-crc", text="session CRC over the header", crc_mode=CrcMode.HEADER),
        Habit(name="full-crc", text="session CRC over header and body", crc_mode=CrcMode.FULL),
        Habit(name="service-first", text="a service message on each connection", asks_service_first=True),
        Habit(name="old-firmware", text="version bytes 0001, 0101, 0102", old_firmware=True),
    )
}
"""Every habit by its name, as `--habit` takes them."""
