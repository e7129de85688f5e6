"""The operator's confirmation (подтверждение оператора, document 7), laid out as a real operator's captured one.

::

    07 00 len                                 STLV of document 7
      F9 03 0C 00  operator's INN, 12, spaces   1017
      36 04 08 00  88 06 xx xx xx xx 00 03      1078, the operator's sign (ФПО)
      11 04 10 00  FN number, 16                1041
      10 04 04 00  FD number, u32LE             1040
      F4 03 04 00  time of confirmation, u32LE  1012, UTC (in every other document 1012 is local)
      2C 04 05 00  FE 03 01 00 code             1068{1022}
      B6 04 01 00  bits                         1206, only when a bit is set

Sources: order ММВ-7-20/229@, tables 32 and 70; two captured answers of a test operator.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ofd_gateway.protocol.container import CONTAINER_HEADER_BYTES, Container
from ofd_gateway.protocol.errors import ProtocolError

__all__ = ["CONFIRMATION_CODE", "Confirmation", "confirmation_body", "parse_confirmation"]

CONFIRMATION_CODE: Final = 7
OPERATOR_SIGN_BYTES: Final = 8

_FIELDS: Final = struct.Struct("<HH12sHH8sHH16sHHIHHIHHHHB")
_OPERATOR_MESSAGE: Final = struct.Struct("<HHB")
_HEAD: Final = struct.Struct("<HH")
_FIXED: Final = (1017, 1078, 1041, 1040, 1012, 1068)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What an operator's confirmation says."""

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
        ValueError: the operator's sign has not 8 bytes, or the time has no zone.
    """
    if len(operator_sign) != OPERATOR_SIGN_BYTES:
        raise ValueError(f"the operator's sign has {len(operator_sign)} bytes instead of {OPERATOR_SIGN_BYTES}")
    if confirmed_at.tzinfo is None:
        raise ValueError("the time of a confirmation needs a zone")
    inner = _FIELDS.pack(
        *(1017, 12, operator_inn.encode("ascii").ljust(12)),
        *(1078, OPERATOR_SIGN_BYTES, operator_sign),
        *(1041, 16, fn.encode("ascii").ljust(16)),
        *(1040, 4, fd),
        *(1012, 4, int(confirmed_at.timestamp())),
        *(1068, 5, 1022, 1, response_code),
    )
    if operator_message:
        inner += _OPERATOR_MESSAGE.pack(1206, 1, operator_message)
    return _HEAD.pack(CONFIRMATION_CODE, len(inner)) + inner


def parse_confirmation(container: Container) -> Confirmation:
    """Reads a confirmation as a careful register does, in any order of its fields.

    Raises:
        ProtocolError: names the tag and its offset in the container.
    """
    body = container.body
    if container.document_code != CONFIRMATION_CODE:
        raise _error("document type", 5, "a confirmation is document 7", f"found {container.document_code}")
    code, length = _HEAD.unpack_from(body)
    if code != CONFIRMATION_CODE or length != len(body) - 4:
        raise _error("document", CONTAINER_HEADER_BYTES, f"07 00 and length {len(body) - 4}", f"tag {code}, length {length}")
    values = _values(body)
    missing = [tag for tag in _FIXED if tag not in values]
    if missing:
        raise _error(f"tag {missing[0]}", CONTAINER_HEADER_BYTES, "a confirmation has it", "it is absent")
    _check_length(values, 1017, 12)
    _check_length(values, 1041, 16)
    _check_length(values, 1040, 4)
    _check_length(values, 1012, 4)
    _check_length(values, 1068, 5)
    answer, answer_at = values[1068]
    if answer[:4] != _HEAD.pack(1022, 1):
        raise _error("tag 1068", answer_at, "holds 1022 of one byte first", f"found {answer.hex(' ')}")
    fn = values[1041][0].decode("ascii", "replace").rstrip(" ")
    fd = int.from_bytes(values[1040][0], "little")
    if fn != container.fn:
        raise _error("tag 1041", values[1041][1], f"the container names FN {container.fn}", f"found {fn}")
    if fd != container.fd:
        raise _error("tag 1040", values[1040][1], f"the container names FD {container.fd}", f"found {fd}")
    return Confirmation(
        operator_inn=values[1017][0].decode("ascii", "replace").rstrip(" "),
        operator_sign=values[1078][0],
        fn=fn,
        fd=fd,
        confirmed_at=datetime.fromtimestamp(int.from_bytes(values[1012][0], "little"), UTC),
        response_code=answer[4],
        operator_message=int.from_bytes(values[1206][0][:1], "little") if 1206 in values else 0,
        trailer=container.trailer,
    )


def _values(body: bytes) -> dict[int, tuple[bytes, int]]:
    values: dict[int, tuple[bytes, int]] = {}
    position = _HEAD.size
    while position < len(body):
        at = CONTAINER_HEADER_BYTES + position
        if position + _HEAD.size > len(body):
            raise _error("field", at, "tag and length take 4 bytes", f"{len(body) - position} bytes are left")
        tag, length = _HEAD.unpack_from(body, position)
        position += _HEAD.size
        if position + length > len(body):
            raise _error(f"tag {tag}", at, f"{len(body) - position} bytes are left", f"its length is {length}")
        if tag in values:
            raise _error(f"tag {tag}", at, "each field comes once", "it comes again")
        values[tag] = body[position : position + length], at
        position += length
    return values


def _check_length(values: dict[int, tuple[bytes, int]], tag: int, length: int) -> None:
    value, at = values[tag]
    if len(value) != length:
        raise _error(f"tag {tag}", at, f"{length} bytes long", f"{len(value)} bytes")


def _error(field: str, offset: int, rule: str, detail: str) -> ProtocolError:
    return ProtocolError("confirmation", field=field, offset=offset, rule=rule, detail=detail)
