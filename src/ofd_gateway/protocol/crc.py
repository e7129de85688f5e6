"""CRC-16/CCITT-FALSE, the checksum of both the session layer and the container."""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

__all__ = ["INITIAL", "crc16"]

INITIAL: Final = 0xFFFF


def crc16(data: bytes | memoryview, initial: int = INITIAL) -> int:
    """The CRC of `data`, or of what came before and `data` when the earlier CRC is given as `initial`.

    Polynomial 0x1021, initial value 0xFFFF, no reflection, no final exclusive-or; `123456789` gives 0x29B1. On the
    wire it is stored little-endian. Source: the exchange protocol of the tax service, table 1; captured containers.
    """
    return crc_hqx(data, initial)
