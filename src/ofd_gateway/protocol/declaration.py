"""Every fixed layout declared with construct: the oracle of the tests.

The room itself reads and writes the same bytes with one `struct` call each, some forty times faster. Nothing at run
time imports this module. The pictures of the bytes stand with the code that reads them: `session`, `container` and
`confirmation`.

Source: the exchange protocol of the tax service (ККТ – ТС ОФД) v1.1.006, tables 1 to 3; order ММВ-7-20/229@, tables 32
and 70; captured messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import construct

from ofd_gateway.protocol.confirmation import CONFIRMATION_CODE, OPERATOR_SIGN_PREFIX, OPERATOR_SIGN_SUFFIX
from ofd_gateway.protocol.proxy import PROXY_SIGNATURE
from ofd_gateway.protocol.session import FN_FIELD_BYTES, SESSION_VERSION, SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    Layout = construct.Construct[Any, Any]

__all__ = ["CONFIRMATION", "CONTAINER_HEADER", "OPERATOR_SIGN", "PROXY_HEADER", "SESSION_HEADER", "TRAILER"]

SESSION_HEADER: Final = construct.Struct(
    "signature" / construct.Const(SIGNATURE),
    "session_version" / construct.Const(SESSION_VERSION),
    "version" / construct.Bytes(2),
    "fn" / construct.Bytes(FN_FIELD_BYTES),
    "body_length" / construct.Int16ul,
    "flags" / construct.Int16ul,
    "crc" / construct.Int16ul,
)
"""The 30 bytes of the session header."""


def _addresses(size: int) -> Layout:
    return construct.Struct(
        "source" / construct.Bytes(size),
        "destination" / construct.Bytes(size),
        "source_port" / construct.Int16ub,
        "destination_port" / construct.Int16ub,
    )


_PROXY_TLV: Final = construct.Struct(
    "kind" / construct.Int8ub, "value" / construct.Prefixed(construct.Int16ub, construct.GreedyBytes)
)

PROXY_HEADER: Final = construct.Struct(
    "signature" / construct.Const(PROXY_SIGNATURE),
    "version_command" / construct.OneOf(construct.Int8ub, [0x20, 0x21]),
    "family" / construct.Int8ub,
    "rest"
    / construct.Prefixed(
        construct.Int16ub,
        construct.IfThenElse(
            lambda context: context.version_command == 0x20 or context.family == 0x00,
            construct.Struct("skipped" / construct.GreedyBytes),
            construct.Struct(
                "addresses"
                / construct.Switch(
                    construct.this._.family,
                    {0x11: _addresses(4), 0x21: _addresses(16), 0x31: construct.Bytes(216)},
                    default=construct.Error,
                ),
                "tlvs" / construct.GreedyRange(_PROXY_TLV),
                "end" / construct.Terminated,
            ),
        ),
    ),
)
"""The header of a balancer, PROXY protocol version 2, with its addresses and TLVs."""

CONTAINER_HEADER: Final = construct.Struct(
    "length" / construct.Int16ul,
    "crc" / construct.Int16ul,
    "kind" / construct.Int8ub,
    "document_code" / construct.Int8ub,
    "format_version" / construct.Int8ub,
    "service_data" / construct.Bytes(2),
    "fn_bcd" / construct.Bytes(8),
    "fd" / construct.Int24ub,
    "nonce" / construct.Bytes(8),
    "key_id" / construct.Bytes(2),
    "plain_length" / construct.Int16ub,
)
"""The 32 bytes before the body of a container."""

TRAILER: Final = construct.Struct(
    "kind" / construct.Int8ub,
    "length" / construct.Const(6, construct.Int8ub),
    "sign" / construct.Bytes(6),
    "zeros" / construct.Const(b"\x00\x00"),
)
"""The 10 bytes behind the body: kind 0x81 from the FN, 0x82 from the operator."""

OPERATOR_SIGN: Final = construct.Struct(
    "prefix" / construct.Const(OPERATOR_SIGN_PREFIX),
    "sign" / construct.Bytes(4),
    "suffix" / construct.Const(OPERATOR_SIGN_SUFFIX),
)
"""The 8 bytes of tag 1078 (ФПО)."""


def _record(tag: int, size: int, value: Layout) -> Layout:
    return construct.FocusedSeq(
        "value",
        "tag" / construct.Const(tag, construct.Int16ul),
        "length" / construct.Const(size, construct.Int16ul),
        "value" / value,
    )


def _records(fields: Sequence[tuple[str, Layout]]) -> Layout:
    return construct.Struct(*(name / layout for name, layout in fields))


CONFIRMATION: Final = construct.FocusedSeq(
    "fields",
    "tag" / construct.Const(CONFIRMATION_CODE, construct.Int16ul),
    "fields"
    / construct.Prefixed(
        construct.Int16ul,
        _records(
            (
                ("operator_inn", _record(1017, 12, construct.Bytes(12))),
                ("operator_sign", _record(1078, 8, construct.Bytes(8))),
                ("fn", _record(1041, FN_FIELD_BYTES, construct.Bytes(FN_FIELD_BYTES))),
                ("fd", _record(1040, 4, construct.Int32ul)),
                ("confirmed_at", _record(1012, 4, construct.Int32ul)),
                ("response_code", _record(1068, 5, _record(1022, 1, construct.Int8ul))),
                ("operator_message", construct.Optional(_record(1206, 1, construct.Int8ul))),
                ("end", construct.Terminated),
            )
        ),
    ),
    "end" / construct.Terminated,
)
"""The STLV of a confirmation (подтверждение оператора)."""
