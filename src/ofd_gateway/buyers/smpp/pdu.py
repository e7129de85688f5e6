"""Packets of SMPP 3.4 (PDU): bytes to values and back. Pure.

::

    off 0         4            8                12
        +---------+------------+----------------+-----------+--------- - -
        | length  | command id | command status | sequence  | body
        +---------+------------+----------------+-----------+--------- - -
          u32 BE     u32 BE         u32 BE          u32 BE

`length` counts all octets of the packet. An answer has bit 31 of the command id set and the sequence of its request.
Texts are C-octet strings: ASCII with a zero behind. The mandatory fields may be followed by optional ones (tag u16,
length u16, value). Source: SMPP Protocol Specification v3.4, issue 1.2, sections 3 to 5.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, Any, Final

import construct
import msgspec

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    _Adapter = construct.Adapter[bytes, bytes, str, str]
else:
    _Adapter = construct.Adapter

__all__ = [
    "HEADER_BYTES",
    "LARGEST_PDU_BYTES",
    "Bind",
    "BindAnswer",
    "Command",
    "Header",
    "Message",
    "PduError",
    "Tag",
    "answer",
    "encode",
    "parse_bind_answer",
    "parse_header",
    "parse_message",
    "parse_message_id",
]

HEADER_BYTES: Final = 16
LARGEST_PDU_BYTES: Final = 70_000
"""More than the mandatory fields and one optional field of 64 KB."""
INTERFACE_VERSION: Final = 0x34

_HEADER: Final = struct.Struct(">IIII")
_TLV: Final = struct.Struct(">HH")
_MOST_SHORT_OCTETS: Final = 254
_LONGEST_ID: Final = 65


class Command(enum.IntEnum):
    """Command ids; the answer to a request is the same with bit 31."""

    GENERIC_NACK = 0x8000_0000
    SUBMIT_SM = 0x0000_0004
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM = 0x0000_0005
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND = 0x0000_0006
    UNBIND_RESP = 0x8000_0006
    BIND_TRANSCEIVER = 0x0000_0009
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK = 0x0000_0015
    ENQUIRE_LINK_RESP = 0x8000_0015


class Tag(enum.IntEnum):
    """Tags of optional fields."""

    RECEIPTED_MESSAGE_ID = 0x001E
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class PduError(OfdGatewayError):
    """A packet that cannot be read or written. `field` is to blame, `offset` counts from the packet's first octet."""

    def __init__(self, field: str, offset: int, detail: str) -> None:
        super().__init__(f"SMPP packet, {field} at {offset}: {detail}")
        self.field = field
        self.offset = offset


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first 16 octets of a packet."""

    length_bytes: int
    command: int
    status: int
    sequence: int


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks to send and to receive: the body of bind_transceiver."""

    system_id: str
    password: str
    system_type: str = ""


class BindAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered."""

    system_id: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The body of submit_sm and deliver_sm. `options` holds optional fields by tag; of one that repeats the last."""

    source: str
    destination: str
    text: bytes
    source_ton: int = 0
    source_npi: int = 0
    destination_ton: int = 0
    destination_npi: int = 0
    esm_class: int = 0
    validity: str = ""
    registered_delivery: int = 0
    data_coding: int = 0
    options: dict[int, bytes] = {}


class _Text(_Adapter):
    """A C-octet string."""

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return obj.decode("latin-1")

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        if "\0" in obj or not obj.isascii():
            raise construct.StringError("letters beyond ASCII, or a zero", path=path)
        return obj.encode("ascii")


def _text(most_octets: int) -> construct.Construct[Any, Any]:
    """A text of at most so many octets, the zero included; longer ones are refused when they are read as well."""

    def fits(value: str, _context: Any) -> bool:
        return len(value) < most_octets

    return construct.ExprValidator(_Text(construct.NullTerminated(construct.GreedyBytes)), fits)


_BIND: Final = construct.Struct(
    "system_id" / _text(65),
    "password" / _text(65),
    "system_type" / _text(13),
    "interface_version" / construct.Const(INTERFACE_VERSION, construct.Int8ub),
    "addr_ton" / construct.Const(0, construct.Int8ub),
    "addr_npi" / construct.Const(0, construct.Int8ub),
    "address_range" / construct.Const(b"\0"),
)
_BIND_ANSWER: Final = construct.Struct("system_id" / _text(65))
_MESSAGE: Final = construct.Struct(
    "service_type" / _text(6),
    "source_ton" / construct.Int8ub,
    "source_npi" / construct.Int8ub,
    "source" / _text(66),
    "destination_ton" / construct.Int8ub,
    "destination_npi" / construct.Int8ub,
    "destination" / _text(66),
    "esm_class" / construct.Int8ub,
    "protocol_id" / construct.Int8ub,
    "priority" / construct.Int8ub,
    "schedule" / _text(17),
    "validity" / _text(17),
    "registered_delivery" / construct.Int8ub,
    "replace_if_present" / construct.Int8ub,
    "data_coding" / construct.Int8ub,
    "default_message" / construct.Int8ub,
    "text" / construct.Prefixed(construct.Int8ub, construct.GreedyBytes),
    "end" / construct.Tell,
)


def parse_header(raw: bytes) -> Header:
    """The header in the first 16 octets. Raises PduError when there are fewer, or the length makes no sense."""
    if len(raw) < HEADER_BYTES:
        raise PduError("header", 0, f"{len(raw)} octets where {HEADER_BYTES} must be")
    length, command, status, sequence = _HEADER.unpack_from(raw)
    if not HEADER_BYTES <= length <= LARGEST_PDU_BYTES:
        raise PduError("command_length", 0, f"{length} is not between {HEADER_BYTES} and {LARGEST_PDU_BYTES}")
    return Header(length_bytes=length, command=command, status=status, sequence=sequence)


def encode(command: Command, sequence: int, body: Bind | Message | None = None) -> bytes:
    """A request, whole. Raises PduError for a text that does not fit its field."""
    match body:
        case None:
            content = b""
        case Bind():
            content = _built(_BIND, msgspec.structs.asdict(body))
        case Message():
            content = _message(body)
    return _HEADER.pack(HEADER_BYTES + len(content), command, 0, sequence) + content


def answer(command: Command, sequence: int, status: int = 0) -> bytes:
    """An answer, whole; that to deliver_sm has an empty message id, as it must."""
    content = b"\0" if command == Command.DELIVER_SM_RESP else b""
    return _HEADER.pack(HEADER_BYTES + len(content), command, status, sequence) + content


def parse_bind_answer(body: bytes) -> BindAnswer:
    """The body of bind_transceiver_resp, which may be missing in a refusal. Raises PduError."""
    return BindAnswer(system_id=_parsed(_BIND_ANSWER, body).system_id if body else "")


def parse_message_id(body: bytes) -> str:
    """The message id in the body of submit_sm_resp; empty where a refusal has none. Raises PduError."""
    raw, _, _ = body.partition(b"\0")
    if len(raw) > _LONGEST_ID or not all(0x20 <= octet < 0x7F for octet in raw):
        raise PduError("message_id", HEADER_BYTES, f"{len(raw)} octets, or control characters")
    return raw.decode("ascii")


def parse_message(body: bytes) -> Message:
    """The body of deliver_sm or submit_sm. Raises PduError for a field that is cut short."""
    parsed = _parsed(_MESSAGE, body)
    options = _options(body, parsed.end)
    return Message(
        source=parsed.source,
        destination=parsed.destination,
        text=options.get(Tag.MESSAGE_PAYLOAD, b"") or parsed.text,
        source_ton=parsed.source_ton,
        source_npi=parsed.source_npi,
        destination_ton=parsed.destination_ton,
        destination_npi=parsed.destination_npi,
        esm_class=parsed.esm_class,
        validity=parsed.validity,
        registered_delivery=parsed.registered_delivery,
        data_coding=parsed.data_coding,
        options=options,
    )


def _message(message: Message) -> bytes:
    if len(message.text) > _MOST_SHORT_OCTETS:
        raise PduError("short_message", 0, f"{len(message.text)} octets, at most {_MOST_SHORT_OCTETS} fit")
    values = msgspec.structs.asdict(message)
    options = values.pop("options")
    unused = {"service_type": "", "protocol_id": 0, "priority": 0, "schedule": "", "replace_if_present": 0}
    fixed = _built(_MESSAGE, {**values, **unused, "default_message": 0})
    return fixed + b"".join(_TLV.pack(tag, len(value)) + value for tag, value in options.items())


def _options(body: bytes, start: int) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    at = start
    while at < len(body):
        if at + _TLV.size > len(body):
            raise PduError("optional field", HEADER_BYTES + at, "its head is cut short")
        tag, length = _TLV.unpack_from(body, at)
        end = at + _TLV.size + length
        if end > len(body):
            raise PduError(f"optional field {tag:#06x}", HEADER_BYTES + at, f"{length} octets, fewer are there")
        options[tag] = body[at + _TLV.size : end]
        at = end
    return options


def _parsed(layout: construct.Construct[Any, Any], body: bytes) -> Any:
    try:
        return layout.parse(body)
    except construct.ConstructError as error:
        raise PduError(_field_of(error), HEADER_BYTES, "cut short or too long") from error


def _built(layout: construct.Construct[Any, Any], values: dict[str, Any]) -> bytes:
    try:
        return layout.build(values)
    except construct.ConstructError as error:
        raise PduError(_field_of(error), 0, "it does not fit") from error


def _field_of(error: construct.ConstructError) -> str:
    return (error.path or "").rpartition("-> ")[2] or "body"
