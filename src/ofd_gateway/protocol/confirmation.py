"""The operator's confirmation (подтверждение оператора, document 7), laid out as a real operator's captured one.

::

    07 00 len                                   STLV of document 7
      F9 03 0C 00  operator's INN, 12, spaces   1017
      36 04 08 00  88 06 xx xx xx xx 00 03      1078, the operator's sign (ФПО)
      11 04 10 00  FN number, 16, spaces        1041
      10 04 04 00  FD number, u32LE             1040
      F4 03 04 00  time of confirmation, u32LE  1012, UTC (in every other document 1012 is local)
      2C 04 05 00  FE 03 01 00 code             1068{1022}, the operator's message to the FN
      B6 04 01 00  bits                         1206, only when a bit is set

The confirmation sign (ФПП) is no field: it is the trailer of the container.

Sources: order ММВ-7-20/229@, tables 32 and 70; two captured answers of a test operator. `declaration.CONFIRMATION`
declares the same layout.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.protocol.container import CONTAINER_HEADER_BYTES
from ofd_gateway.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from ofd_gateway.protocol.container import Container

__all__ = [
    "CONFIRMATION_CODE",
    "OPERATOR_SIGN_BYTES",
    "OPERATOR_SIGN_PREFIX",
    "OPERATOR_SIGN_SUFFIX",
    "Confirmation",
    "confirmation_body",
    "parse_confirmation",
]

CONFIRMATION_CODE: Final = 7
OPERATOR_SIGN_BYTES: Final = 8
OPERATOR_SIGN_PREFIX: Final = bytes.fromhex("8806")
OPERATOR_SIGN_SUFFIX: Final = bytes.fromhex("0003")

_FIELDS: Final = struct.Struct("<HHI12sI8sI16sIIIIIIB")
"""Head of the document, then heads and values by turns; 1068 has the head of 1022 as its value."""
_OPERATOR_MESSAGE: Final = struct.Struct("<HHB")
_HEAD: Final = struct.Struct("<HH")
_INN_HEAD, _SIGN_HEAD, _FN_HEAD, _FD_HEAD, _TIME_HEAD, _MESSAGE_HEAD, _CODE_HEAD = (
    tag | length << 16
    for tag, length in ((1017, 12), (1078, 8), (1041, 16), (1040, 4), (1012, 4), (1068, 5), (1022, 1))
)
_FIXED_LENGTHS: Final = {1017: 12, 1041: 16, 1040: 4, 1012: 4}
_MANDATORY: Final = (1017, 1078, 1041, 1040, 1012, 1068)
_LARGEST_OPERATOR_SIGN_BYTES: Final = 18
_INN: Final = re.compile(r"[0-9]{10}|[0-9]{12}")
_FN: Final = re.compile(r"[0-9]{15,16}")

_Values = dict[int, tuple[bytes, int]]


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an operator's confirmation says; `confirmed_at` is aware UTC, `trailer` holds the confirmation sign."""

    operator_inn: str
    operator_sign: bytes
    fn: str
    fd: int
    confirmed_at: datetime
    response_code: int
    operator_message: int
    trailer: bytes


def confirmation_body(
    *,
    operator_inn: str,
    operator_sign: bytes,
    fn: str,
    fd: int,
    confirmed_at: datetime,
    response_code: int,
    operator_message: int = 0,
) -> bytes:
    """The STLV of a confirmation; `confirmed_at` is aware and goes out in UTC, whole seconds.

    Raises:
        ValueError: a value does not fit its field, or the time has no zone; that is a mistake of the caller.
    """
    if not _INN.fullmatch(operator_inn):
        raise ValueError(f"an INN has 10 or 12 digits, not {operator_inn!r}")
    if not _FN.fullmatch(fn):
        raise ValueError(f"an FN number has 15 or 16 digits, not {fn!r}")
    if len(operator_sign) != OPERATOR_SIGN_BYTES:
        raise ValueError(f"the operator's sign has {len(operator_sign)} bytes instead of {OPERATOR_SIGN_BYTES}")
    if confirmed_at.tzinfo is None:
        raise ValueError("the time of a confirmation needs a zone")
    try:
        length = _FIELDS.size - _HEAD.size + (_OPERATOR_MESSAGE.size if operator_message else 0)
        body = _FIELDS.pack(
            *(CONFIRMATION_CODE, length),
            *(_INN_HEAD, operator_inn.encode("ascii").ljust(12)),
            *(_SIGN_HEAD, operator_sign),
            *(_FN_HEAD, fn.encode("ascii").ljust(16)),
            *(_FD_HEAD, fd),
            *(_TIME_HEAD, int(confirmed_at.timestamp())),
            *(_MESSAGE_HEAD, _CODE_HEAD, response_code),
        )
        if operator_message:
            body += _OPERATOR_MESSAGE.pack(1206, 1, operator_message)
    except struct.error as error:
        values = f"FD {fd}, time {confirmed_at}, code {response_code}, message {operator_message}"
        raise ValueError(f"a value does not fit its field: {values}") from error
    return body


def parse_confirmation(container: Container) -> Confirmation:
    """Reads a confirmation as a careful register does: fields in any order, those it does not know left alone.

    Raises:
        ProtocolError: reason `confirmation`; names the tag and its offset in the container.
    """
    body = container.body
    if container.document_code != CONFIRMATION_CODE:
        raise _wrong("document type", 5, "a confirmation is document 7", f"found {container.document_code}")
    if body[:2] != CONFIRMATION_CODE.to_bytes(2, "little") or body[2:4] != (len(body) - 4).to_bytes(2, "little"):
        raise _wrong(
            "document", CONTAINER_HEADER_BYTES, f"07 00 and the length {len(body) - 4}", f"found {body[:4].hex(' ')}"
        )
    values = _read_fields(body, _HEAD.size, CONTAINER_HEADER_BYTES)
    for tag in _MANDATORY:
        if tag not in values:
            raise _wrong(f"tag {tag}", CONTAINER_HEADER_BYTES, "a confirmation has it", "it is absent")
    for tag, length in _FIXED_LENGTHS.items():
        _check_length(values, tag, length)
    operator_sign, sign_at = values[1078]
    if not 0 < len(operator_sign) <= _LARGEST_OPERATOR_SIGN_BYTES:
        raise _wrong(
            "tag 1078", sign_at, f"1 to {_LARGEST_OPERATOR_SIGN_BYTES} bytes long", f"{len(operator_sign)} bytes"
        )
    fn = _text(values, 1041, _FN, "15 or 16 digits")
    fd = _number(values, 1040)
    if fn != container.fn:
        raise _wrong("tag 1041", values[1041][1], f"the container names FN {container.fn}", f"found {fn}")
    if fd != container.fd:
        raise _wrong("tag 1040", values[1040][1], f"the container names FD {container.fd}", f"found {fd}")
    if 1206 in values:
        _check_length(values, 1206, 1)
    return Confirmation(
        operator_inn=_text(values, 1017, _INN, "10 or 12 digits"),
        operator_sign=operator_sign,
        fn=fn,
        fd=fd,
        confirmed_at=datetime.fromtimestamp(_number(values, 1012), UTC),
        response_code=_response_code(*values[1068]),
        operator_message=_number(values, 1206) if 1206 in values else 0,
        trailer=container.trailer,
    )


def _read_fields(data: bytes, position: int, base: int) -> _Values:
    """Tag → value and the offset of its record in the container, for the records from `position` to the end."""
    values: _Values = {}
    while position < len(data):
        at = base + position
        if position + _HEAD.size > len(data):
            raise _wrong("field", at, "tag and length take 4 bytes", f"{len(data) - position} bytes are left")
        tag, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        if position + length > len(data):
            raise _wrong(f"tag {tag}", at, f"{len(data) - position} bytes are left", f"its length is {length}")
        if tag in values:
            raise _wrong(f"tag {tag}", at, "each field comes once", "it comes again")
        values[tag] = data[position : position + length], at
        position += length
    return values


def _response_code(message_to_fn: bytes, at: int) -> int:
    """1022 of the operator's message to the FN (1068), which may hold a text beside it."""
    values = _read_fields(message_to_fn, 0, at + _HEAD.size)
    if 1022 not in values:
        raise _wrong("tag 1022", at, "1068 holds it", "it is absent")
    _check_length(values, 1022, 1)
    return _number(values, 1022)


def _text(values: _Values, tag: int, form: re.Pattern[str], rule: str) -> str:
    value, at = values[tag]
    text = value.decode("latin-1").rstrip(" ")
    if not form.fullmatch(text):
        raise _wrong(f"tag {tag}", at, f"{rule}, padded with spaces", f"found {value!r}")
    return text


def _number(values: _Values, tag: int) -> int:
    return int.from_bytes(values[tag][0], "little")


def _check_length(values: _Values, tag: int, length: int) -> None:
    value, at = values[tag]
    if len(value) != length:
        raise _wrong(f"tag {tag}", at, f"{length} bytes long", f"{len(value)} bytes")


def _wrong(field: str, offset: int, rule: str, detail: str) -> ProtocolError:
    return ProtocolError("confirmation", field=field, offset=offset, rule=rule, detail=detail)
