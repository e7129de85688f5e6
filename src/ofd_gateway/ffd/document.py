"""One fiscal document (фискальный документ): bytes to structure, typed head and fields."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.dictionary import FFD_VERSIONS, TagSpec, document_kind, lookup
from ofd_gateway.ffd.errors import FormatError
from ofd_gateway.ffd.tlv import HEAD_BYTES, STRUCTURE_TAGS, BrokenTlv, Structure, tlv, walk_document
from ofd_gateway.ffd.values import TagKind, Value, as_local_datetime, decode_text, decode_uint, decode_value

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Document", "Field", "decode", "printed_fiscal_sign", "version_without_1209"]

_VERSIONS: Final = {b"\x01": "1.0", b"\x02": "1.05", b"\x03": "1.1", b"\x04": "1.2"}
_MARKING_CODES: Final = frozenset({81, 82, 83, 84})
_FFD_VERSION: Final = 1209
_LENGTH_RULE: Final = "R-T1"

_FN_BYTES: Final = 16
_REGISTRATION_NUMBER_BYTES: Final = 20
_INN_BYTES: Final = 12
_NO_INN: Final = "000000000000"
_FISCAL_SIGN_BYTES: Final = 6
_MONEY_BYTES: Final = 8

_read_head = Struct("<HH").unpack_from


def decode(plain: bytes, *, version_hint: str | None = None) -> Document:
    """The document in the plain body of a container, which is one outer STLV.

    ::

        ┌──────────────┬──────────────┬───────────────────────────────┐
        │ code u16 LE  │ length u16 LE│ length bytes of TLV records   │
        └──────────────┴──────────────┴───────────────────────────────┘

    `version_hint` is the format version of the session header, for documents that name none themselves (1209).
    Nothing is judged but the structure: a value of the wrong length is kept as it is. Raises FormatError for a length
    beyond its parent's end, a head that is cut short, bytes after the document and nesting deeper than 16.
    Sources: order ММВ-7-20/229@, appendix 2; rule R-T1.
    """
    size = len(plain)
    if size < HEAD_BYTES:
        raise _broken(BrokenTlv("tlv_truncated", 0, f"{size} bytes where a head of {HEAD_BYTES} must be"), plain)
    code, length = _read_head(plain, 0)
    end = HEAD_BYTES + length
    if end > size:
        detail = f"document {code} has a length of {length}, {size - HEAD_BYTES} bytes are there"
        raise _broken(BrokenTlv("tlv_overrun", 0, detail), plain)
    if end < size:
        detail = f"{size - end} bytes follow the document"
        raise _broken(BrokenTlv("trailing_bytes", end, detail), plain)
    skipped: list[BrokenTlv] = []
    try:
        root = walk_document(plain, code, end, skipped)
    except BrokenTlv as broken:
        raise _broken(broken, plain) from None
    ffd = _version(root, code, version_hint)
    if skipped and ffd != "1.0":
        raise _broken(skipped[0], plain)
    return Document(code, plain, root, ffd)


def version_without_1209(code: int) -> str:
    """The format version of a document that names none: 1.0, and 1.2 for the marking notices, which began with it."""
    return "1.2" if code in _MARKING_CODES else "1.0"


def printed_fiscal_sign(raw: bytes) -> int:
    """The number printed on the receipt (ФПД): bytes 2 to 5 of tag 1077, big-endian."""
    return int.from_bytes(raw[2:6], "big")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One TLV with its meaning. `offset` is that of its head in the document's bytes, `raw` its value without the head.

    `value` is None for a structure (see `children`), for an unknown tag and for a length that does not fit the kind.
    """

    tag: int
    spec: TagSpec | None
    offset: int
    raw: bytes
    value: Value | None
    children: tuple[Field, ...] | None
    path: str


class Document:
    """A decoded document: `code` and `kind` (FNS name), format version `ffd`, `raw` bytes with the outer head, `root`.

    The typed head reads single tags of the root. Each is None when the tag is absent or its value malformed.
    """

    __slots__ = ("code", "ffd", "raw", "root")

    def __init__(self, code: int, raw: bytes, root: Structure, ffd: str) -> None:
        self.code = code
        self.raw = raw
        self.root = root
        self.ffd = ffd

    @property
    def kind(self) -> str:
        """The name the tax service gives to the document: receipt, openShift …; the number for others."""
        return document_kind(self.code)

    @property
    def fn(self) -> str | None:
        """Number of the FN (номер ФН, 1041) without padding: 16 digits, in one known case 15."""
        text = self._text(1041, _FN_BYTES)
        return text if text is not None and text.isascii() and text.isdigit() else None

    @property
    def registration_number(self) -> str | None:
        """Registration number of the register (регистрационный номер ККТ, 1037) without padding."""
        return self._text(1037, _REGISTRATION_NUMBER_BYTES)

    @property
    def user_inn(self) -> str | None:
        """INN of the user (ИНН пользователя, 1018) without padding, also that of registers that pad with «00»."""
        text = self._text(1018, _INN_BYTES)
        if text is not None and len(text) == _INN_BYTES and text.startswith("00") and text != _NO_INN:
            return text[2:]
        return text

    @property
    def fd(self) -> int | None:
        """Number of the document (номер ФД, 1040)."""
        return self._uint(1040, 4)

    @property
    def shift_number(self) -> int | None:
        """Number of the shift (номер смены, 1038)."""
        return self._uint(1038, 4)

    @property
    def receipt_number(self) -> int | None:
        """Number of the receipt within its shift (номер чека за смену, 1042)."""
        return self._uint(1042, 4)

    @property
    def operation_type(self) -> int | None:
        """Type of settlement (признак расчёта, 1054)."""
        return self._uint(1054, 1)

    @property
    def total_kopecks(self) -> int | None:
        """Total of the receipt (сумма расчёта, 1020) in kopecks."""
        raw = self.root.leaf(1020)
        return decode_uint(raw) if raw is not None and len(raw) <= _MONEY_BYTES else None

    @property
    def taxation(self) -> int | None:
        """Taxation system applied (применяемая СНО, 1055), one bit."""
        return self._uint(1055, 1)

    @property
    def issued_at_local(self) -> datetime | None:
        """Date and time (дата, время, 1012) on the register's wall clock, without a zone; UTC in document 7."""
        seconds = self._uint(1012, 4)
        return None if seconds is None else as_local_datetime(seconds)

    @property
    def fiscal_sign(self) -> bytes | None:
        """Fiscal sign of the document (ФПД, 1077), 6 bytes."""
        raw = self.root.leaf(1077)
        return raw if raw is not None and len(raw) == _FISCAL_SIGN_BYTES else None

    @property
    def printed_fiscal_sign(self) -> int | None:
        """The fiscal sign as it is printed."""
        raw = self.fiscal_sign
        return None if raw is None else printed_fiscal_sign(raw)

    def fields(self) -> tuple[Field, ...]:
        """Every field with name, meaning, offset and path, in the order of the document. For people, not for speed."""
        return _fields(self.root, self.code, self.kind, self)

    def encode(self) -> bytes:
        """The document's bytes rebuilt from its structure: equal to `raw`."""
        return tlv(self.code, self.root.encode())

    def _text(self, tag: int, length: int) -> str | None:
        raw = self.root.leaf(tag)
        return decode_text(raw).rstrip(" ") if raw is not None and len(raw) == length else None

    def _uint(self, tag: int, length: int) -> int | None:
        raw = self.root.leaf(tag)
        if raw is None or len(raw) not in (0, length):
            return None
        return decode_uint(raw)


def _version(root: Structure, code: int, hint: str | None) -> str:
    tags = root.tags
    value = root.values[tags.index(_FFD_VERSION)] if _FFD_VERSION in tags else None
    named = _VERSIONS.get(value) if isinstance(value, bytes) else None
    if named is not None:
        return named
    if hint in FFD_VERSIONS:
        return hint
    return version_without_1209(code)


def _broken(broken: BrokenTlv, plain: bytes) -> FormatError:
    return FormatError(
        reason=broken.reason,
        path=_path_to(plain, broken.offset),
        offset=broken.offset,
        rule=_LENGTH_RULE,
        detail=broken.detail,
    )


def _path_to(plain: bytes, offset: int) -> str:
    """The name of the structure whose records the head at `offset` belongs to; everything before it is sound."""
    if len(plain) < HEAD_BYTES:
        return ""
    code, _ = _read_head(plain, 0)
    path = document_kind(code)
    parent, at = code, HEAD_BYTES
    counts: dict[int, int] = {}
    while at + HEAD_BYTES <= offset:
        tag, length = _read_head(plain, at)
        after = at + HEAD_BYTES + length
        if offset >= after:
            counts[tag] = counts.get(tag, 0) + 1
            at = after
        elif tag in STRUCTURE_TAGS:
            spec = lookup(tag, parent, ffd="1.2")
            path += "." + _step(spec, tag, counts.get(tag, 0))
            parent, at, counts = tag, at + HEAD_BYTES, {}
        else:
            break
    return path


def _fields(structure: Structure, parent: int, path: str, document: Document) -> tuple[Field, ...]:
    fields = []
    counts: dict[int, int] = {}
    for tag, value, offset in structure.entries():
        spec = lookup(tag, parent, ffd=document.ffd, content=value)
        index = counts.get(tag, 0)
        counts[tag] = index + 1
        here = f"{path}.{_step(spec, tag, index)}"
        start = offset + HEAD_BYTES
        children: tuple[Field, ...] | None
        if isinstance(value, Structure):
            raw = document.raw[start : start + value.size]
            meaning, children = None, _fields(value, tag, here, document)
        else:
            raw = value
            meaning = None if spec is None else decode_value(spec, value)
            children = () if spec is not None and spec.kind is TagKind.STLV and not value else None
        fields.append(Field(tag=tag, spec=spec, offset=offset, raw=raw, value=meaning, children=children, path=here))
    return tuple(fields)


def _step(spec: TagSpec | None, tag: int, index: int) -> str:
    name = str(tag) if spec is None else spec.name
    return f"{name}[{index}]" if index or (spec is not None and spec.repeatable) else name
