"""Messages spelt out byte by byte, without the code under test, and the ways in which they can be wrong."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass

FN = "9999078902013267"
SHORT_FN = "999907891234567"
VERSION = bytes.fromhex("0120")
NONCE = bytes.fromhex("6eb266d1b9000001")
FN_TRAILER = bytes.fromhex("8106 33ded311f315 0000")
OPERATOR_TRAILER = bytes.fromhex("8206 937ded906b01 0000")
HEADER = 30
HEAD_END = HEADER + 32
MAX_BODY = 32768 + 42


def crc(*parts: bytes) -> bytes:
    """CRC-16/CCITT-FALSE, little-endian."""
    return crc_hqx(b"".join(parts), 0xFFFF).to_bytes(2, "little")


def tlv(tag: int, value: bytes) -> bytes:
    return tag.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


def session_header(
    body: bytes = b"",
    *,
    signature: bytes = b"\x2a\x08\x41\x0a",
    session_version: bytes = b"\x81\xa2",
    version: bytes = VERSION,
    fn: bytes = FN.encode(),
    length: int | None = None,
    flags: int = 0x0014,
    crc_field: bytes | None = None,
) -> bytes:
    """30 bytes; length and CRC are right unless they are given."""
    head = signature + session_version + version + fn
    head += (len(body) if length is None else length).to_bytes(2, "little") + flags.to_bytes(2, "little")
    if crc_field is None:
        crc_field = {0: b"\x00\x00", 1: crc(head), 2: crc(head, body), 3: b"\x00\x00"}[flags & 3]
    return head + crc_field


BODY = tlv(3, tlv(1041, FN.encode()) + tlv(1040, b"\x05\x00\x00\x00") + tlv(1048, b"abc"))


def container(
    body: bytes = BODY,
    *,
    length: int | None = None,
    crc_field: bytes | None = None,
    kind: int = 0xA5,
    code: int = 3,
    version: int = 1,
    fn_bcd: bytes = bytes.fromhex(FN),
    fd: int = 5,
    plain_length: int | None = None,
    trailer: bytes = FN_TRAILER,
) -> bytes:
    """A container from an FN; lengths and CRC are right unless they are given."""
    whole = 32 + len(body) + len(trailer)
    head = (whole if length is None else length).to_bytes(2, "little")
    rest = bytes((kind, code, version)) + b"\x10\x09" + fn_bcd + fd.to_bytes(3, "big") + NONCE + b"\x00\x02"
    rest += (len(body) if plain_length is None else plain_length).to_bytes(2, "big") + body + trailer
    return head + (crc(head, rest) if crc_field is None else crc_field) + rest


def message(body: bytes | None = None, **header: object) -> bytes:
    """A session header and a container."""
    body = container() if body is None else body
    return session_header(body, **header) + body  # type: ignore[arg-type]


def confirmation_fields(
    *,
    fn: str = FN,
    fd: int = 5,
    code: int = 0,
    sign: bytes = bytes.fromhex("8806 86ce8830 0003"),
) -> dict[int, bytes]:
    """The fields of a confirmation in the order of the captured ones."""
    return {
        1017: b"7704211201  ",
        1078: sign,
        1041: fn.encode().ljust(16),
        1040: fd.to_bytes(4, "little"),
        1012: (1_726_400_816).to_bytes(4, "little"),
        1068: tlv(1022, bytes((code,))),
    }


def confirmation_container(fields: dict[int, bytes] | None = None, **changes: object) -> bytes:
    """A container from an operator around these fields."""
    fields = confirmation_fields() if fields is None else fields
    body = tlv(7, b"".join(tlv(tag, value) for tag, value in fields.items()))
    given = {"kind": 0x5A, "code": 7, "trailer": OPERATOR_TRAILER, **changes}
    return container(body, **given)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Bytes that are refused, why, and after how many bytes that can be known."""

    name: str
    data: bytes
    reason: str
    field: str
    offset: int
    known_after: int
    has_header: bool = True
    fd: int | None = None


def _unreadable(name: str, data: bytes, reason: str, field: str, offset: int, known_after: int) -> Fault:
    return Fault(
        name=name, data=data, reason=reason, field=field, offset=offset, known_after=known_after, has_header=False
    )


def _header(name: str, data: bytes, reason: str, field: str, offset: int) -> Fault:
    return Fault(name=name, data=data, reason=reason, field=field, offset=offset, known_after=HEADER)


def _head(name: str, body: bytes, reason: str, field: str, offset: int, *, fd: int | None = 5) -> Fault:
    return Fault(
        name=name,
        data=message(body),
        reason=reason,
        field=field,
        offset=HEADER + offset,
        known_after=HEAD_END,
        fd=fd,
    )


def _whole(name: str, data: bytes, reason: str, field: str, offset: int) -> Fault:
    return Fault(name=name, data=data, reason=reason, field=field, offset=offset, known_after=len(data), fd=5)


_BAD_CRC = b"\xba\xdc"

#: What goes wrong in either direction, as an operator meets it.
FAULTS_BEFORE_THE_BODY = (
    _unreadable("first byte", b"\x00" * 40, "session_signature", "signature", 0, 1),
    _unreadable("web browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "session_signature", "signature", 0, 1),
    _unreadable("third byte", message(signature=b"\x2a\x08\x00\x0a"), "session_signature", "signature", 0, 3),
    _unreadable("bytes swapped", message(signature=b"\x0a\x41\x08\x2a"), "session_signature", "signature", 0, 1),
    _unreadable("marking", message(signature=b"\xdd\x80\xca\xa1"), "marking_protocol", "signature", 0, 4),
    _unreadable("almost marking", message(signature=b"\xdd\x80\xca\xa0"), "session_signature", "signature", 0, 4),
    _unreadable("S 81A1", message(session_version=b"\x81\xa1"), "session_version", "S-protocol version", 4, 6),
    _unreadable("S 82A2", message(session_version=b"\x82\xa2"), "session_version", "S-protocol version", 4, 5),
    _unreadable("FN with a letter", message(fn=b"999X078902013267"), "session_fn", "FN number", 8, 12),
    _unreadable("FN of 14 digits", message(fn=b"99990789020132  "), "session_fn", "FN number", 8, 23),
    _unreadable("FN padded left", message(fn=b" 999907890201326"), "session_fn", "FN number", 8, 9),
    _unreadable("FN of zeros bytes", message(fn=bytes(16)), "session_fn", "FN number", 8, 9),
    _unreadable("FN with NUL behind", message(fn=b"999907890201326\x00"), "session_fn", "FN number", 8, 24),
    _unreadable("FN with foreign digits", message(fn=b"\xd9\xa0" * 8), "session_fn", "FN number", 8, 9),
    _header("answer bits 10", message(flags=0x0024), "session_flags", "flags", 26),
    _header("answer bits 11", message(flags=0x0034), "session_flags", "flags", 26),
    _header("CRC mode 11", message(flags=0x0017), "session_crc_mode", "flags", 26),
    _header("length 1", message(length=1), "session_length", "length", 24),
    _header("length 45", message(length=45), "session_length", "length", 24),
    _header("length over the limit", message(length=MAX_BODY + 1), "message_too_long", "length", 24),
    _header("length 65535", message(length=65535), "message_too_long", "length", 24),
    _header("header CRC", message(flags=0x0015, crc_field=_BAD_CRC), "session_crc", "CRC", 28),
)

FAULTS_TO_OPERATOR = (
    *FAULTS_BEFORE_THE_BODY,
    _header("service CRC", session_header(flags=0x0011, crc_field=_BAD_CRC), "session_crc", "CRC", 28),
    _header("service full CRC", session_header(flags=0x0012, crc_field=_BAD_CRC), "session_crc", "CRC", 28),
    _head("container shorter than told", container(length=len(container()) - 1), "container_length", "length", 0),
    _head("container length of the body", container(length=len(BODY)), "container_length", "length", 0),
    _head("operator's type", container(kind=0x5A), "container_type", "type", 4),
    _head("type 0", container(kind=0), "container_type", "type", 4),
    _head("long header version", container(version=0x11), "container_version", "version", 6),
    _head("FN with nibble A", container(fn_bcd=b"\x99\xa9" + bytes(6)), "container_fn", "FN number", 9),
    _head("FN with two nibbles F", container(fn_bcd=b"\x99" * 7 + b"\xff"), "container_fn", "FN number", 9),
    _head("FN with F in front", container(fn_bcd=b"\xf9" + b"\x99" * 7), "container_fn", "FN number", 9),
    _head("another FN", container(fn_bcd=bytes.fromhex("9999078902013268")), "container_fn", "FN number", 9),
    _head("FD 0", container(fd=0), "container_fd", "FD number", 17, fd=None),
    _head("plain length short", container(plain_length=len(BODY) - 1), "container_plain_length", "plain length", 30),
    _head("plain length long", container(plain_length=0xFFFF), "container_plain_length", "plain length", 30),
    _whole("full CRC", message(flags=0x0016, crc_field=_BAD_CRC), "session_crc", "CRC", 28),
    _whole("container CRC", message(container(crc_field=_BAD_CRC)), "container_crc", "CRC", HEADER + 2),
    _whole(
        "full CRC before container CRC",
        message(container(crc_field=_BAD_CRC), flags=0x0016, crc_field=_BAD_CRC),
        "session_crc",
        "CRC",
        28,
    ),
)

_ANSWER = confirmation_container()

FAULTS_TO_REGISTER = (
    *FAULTS_BEFORE_THE_BODY,
    _header("another register's answer", message(_ANSWER, fn=b"9999078902013268"), "session_fn", "FN number", 8),
    _header("service answer to a message", session_header(flags=0), "session_length", "length", 24),
    _head("a register's container", container(), "container_type", "type", 4),
    _whole(
        "a register's trailer",
        message(confirmation_container(trailer=FN_TRAILER)),
        "trailer",
        "trailer",
        HEADER + len(_ANSWER) - 10,
    ),
    _whole(
        "trailer without zeros",
        message(confirmation_container(trailer=OPERATOR_TRAILER[:9] + b"\x01")),
        "trailer",
        "trailer",
        HEADER + len(_ANSWER) - 10,
    ),
    _whole(
        "container CRC",
        message(confirmation_container(crc_field=_BAD_CRC)),
        "container_crc",
        "CRC",
        HEADER + 2,
    ),
)
