"""The four fiscal data formats (ФФД) a virtual register can be registered with."""

from __future__ import annotations

from enum import Enum


class Ffd(Enum):
    """A format version (версия ФФД): how documents and the session header name it."""

    V1_0 = "1.0"
    V1_05 = "1.05"
    V1_1 = "1.1"
    V1_2 = "1.2"

    @property
    def version_number(self) -> int:
        """The number of tags 1209, 1189 and 1190."""
        return _NUMBERS[self]

    @property
    def session_version(self) -> bytes:
        """P-protocol version of the session header, two bytes as they go over the wire."""
        return _SESSION_VERSIONS[self]

    @property
    def names_its_version(self) -> bool:
        """Whether documents carry 1209 and its relatives: everything after 1.0."""
        return self is not Ffd.V1_0

    @property
    def keeps_counters(self) -> bool:
        """Whether the drive reports its totals (1157, 1194): 1.1 and 1.2."""
        return self in (Ffd.V1_1, Ffd.V1_2)


_NUMBERS = {Ffd.V1_0: 1, Ffd.V1_05: 2, Ffd.V1_1: 3, Ffd.V1_2: 4}
_SESSION_VERSIONS = {Ffd.V1_0: b"\x01\x00", Ffd.V1_05: b"\x01\x05", Ffd.V1_1: b"\x01\x10", Ffd.V1_2: b"\x01\x20"}
