"""A register's message under another FN number, FD number or message sign, every length and checksum right again.

Changed are the session header (FN), the container's header (FN, FD), tags 1041 and 1040 of the document, the message
sign when it is asked for, and the two checksums. Nothing else is: fiscal signs (1077), links to other documents and
counters stay those of the recording, so a register's own drive would not have made such a document, and a crypto
module with real keys would refuse it.
"""

from __future__ import annotations

from typing import Final

from ofd_gateway.captures.reading import Reading, UnreadableInput, read_message
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd.tlv import HEAD_BYTES
from ofd_gateway.protocol import FROM_FN, SessionHeader, build_container

__all__ = ["MESSAGE_SIGN_BYTES", "RewriteError", "rewrite_message"]

MESSAGE_SIGN_BYTES: Final = 6
_FN_TAG: Final = 1041
_FD_TAG: Final = 1040
_FD_BYTES: Final = 4
_LARGEST_FD: Final = 0xFFFFFF
_PREFIX: Final = bytes.fromhex("8106")
_SUFFIX: Final = bytes.fromhex("0000")


class RewriteError(OfdGatewayError):
    """A message that cannot be sent under other numbers; the text says why."""


def rewrite_message(raw: bytes, *, fn: str, fd: int, message_sign: bytes | None = None) -> bytes:
    """A session message with a container, rewritten; `message_sign` has 6 bytes, None keeps the recorded one.

    Raises:
        RewriteError: the message cannot be read to its end (an encrypted body cannot), is none of a register, or a
            number does not fit.
    """
    if message_sign is not None and len(message_sign) != MESSAGE_SIGN_BYTES:
        raise RewriteError(f"a message sign has {MESSAGE_SIGN_BYTES} bytes, not {len(message_sign)}")
    if not 0 < fd <= _LARGEST_FD:
        raise RewriteError(f"an FD number is 1 to {_LARGEST_FD}, not {fd}")
    try:
        reading = read_message(raw)
    except UnreadableInput as error:
        raise RewriteError(str(error)) from error
    if reading.size != len(raw):
        raise RewriteError(f"{len(raw) - reading.size} bytes follow the message")
    header, container = reading.header, reading.container
    if header is None or container is None or container.kind != FROM_FN:
        raise RewriteError("it is no register's message with a container")
    try:
        rewritten = build_container(
            kind=container.kind,
            document_code=container.document_code,
            fn=fn,
            fd=fd,
            nonce=container.nonce,
            body=_body(reading, fn, fd),
            trailer=container.trailer if message_sign is None else _PREFIX + message_sign + _SUFFIX,
            key_id=container.key_id,
            service_data=container.service_data,
            format_version=container.format_version,
        )
        return _header(header, fn, rewritten) + rewritten
    except ValueError as error:
        raise RewriteError(str(error)) from error


def _header(header: SessionHeader, fn: str, container: bytes) -> bytes:
    return SessionHeader(
        version=header.version, fn=fn, body_length=len(container), flags=header.flags, crc=header.crc
    ).sealed(container)


def _body(reading: Reading, fn: str, fd: int) -> bytes:
    """The document with tags 1041 and 1040 overwritten in place; a document without them stays as it is."""
    document = reading.document
    if document is None:  # pragma: no cover - a container that was read has its document
        raise RewriteError("the body is not a document")
    body = bytearray(document.raw)
    for tag, value, offset in document.root.entries():
        if tag not in {_FN_TAG, _FD_TAG} or not isinstance(value, bytes):
            continue
        number = fn.encode("ascii").ljust(len(value)) if tag == _FN_TAG else fd.to_bytes(_FD_BYTES, "little")
        if len(number) != len(value):
            raise RewriteError(f"tag {tag} has {len(value)} bytes where {len(number)} are needed")
        start = offset + HEAD_BYTES
        body[start : start + len(value)] = number
    return bytes(body)
