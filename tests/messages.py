"""Register messages for tests, built from the rooms' own parts."""

from __future__ import annotations

import struct

from ofd_gateway.protocol import FROM_FN, Connection, CrcMode, Role, build_container

DEBUG_FN = "9999078900000001"
PLAIN_FN = "8710000100000001"


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack("<HH", tag, len(value)) + value


def document_body(fn: str, fd: int, *, code: int = 3, total_kopecks: int = 12345, **extra: bytes) -> bytes:
    """The STLV of a small document of FFD 1.05; `extra` are further values by tag (`t1021=b"..."`)."""
    inner = (
        tlv(1209, b"\x02")
        + tlv(1041, fn.encode().ljust(16))
        + tlv(1037, b"0000000000024136    ")
        + tlv(1018, b"7802781104  ")
        + tlv(1040, struct.pack("<I", fd))
        + tlv(1012, struct.pack("<I", 1_764_000_000))
        + tlv(1077, b"\x21\x04" + struct.pack(">I", fd))
        + tlv(1038, struct.pack("<I", 1))
        + tlv(1020, total_kopecks.to_bytes(3, "little"))
    )
    inner += b"".join(tlv(int(name[1:]), value) for name, value in extra.items())
    return tlv(code, inner)


def container(
    fn: str = DEBUG_FN, fd: int = 1, *, body: bytes | None = None, code: int = 3, sign: bytes | None = None
) -> bytes:
    body = document_body(fn, fd, code=code) if body is None else body
    sign = struct.pack(">HI", 0x5150, fd) if sign is None else sign
    return build_container(
        kind=FROM_FN,
        document_code=code,
        fn=fn,
        fd=fd,
        nonce=b"\x01\x02\x03\x04\x05\x00\x00\x01",
        body=body,
        trailer=b"\x81\x06" + sign + b"\x00\x00",
    )


def message(
    whole_container: bytes,
    *,
    fn: str = DEBUG_FN,
    version: bytes = b"\x01\x05",
    crc_mode: CrcMode = CrcMode.NONE,
    expects_answer: bool = True,
) -> bytes:
    return Connection(Role.REGISTER).send_message(
        whole_container, version=version, fn=fn, crc_mode=crc_mode, expects_answer=expects_answer
    )
