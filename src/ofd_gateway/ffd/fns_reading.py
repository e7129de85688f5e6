"""FNS JSON read back: an object of the tax service's names to the canonical bytes of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from ofd_gateway.ffd.assembly import Record, assemble
from ofd_gateway.ffd.dictionary import (
    FFD_VERSIONS,
    TagSpec,
    document_codes,
    document_kind,
    lookup,
    lookup_name,
    meanings,
)
from ofd_gateway.ffd.document import version_without_1209
from ofd_gateway.ffd.errors import UnfitValueError
from ofd_gateway.ffd.tlv import MAX_NESTING, tlv
from ofd_gateway.ffd.values import TagKind, encode_value

__all__ = ["CODE_KEYS", "EXTRA_KEYS", "FISCAL_SIGN_PREFIXES", "from_fns_json"]

CODE_KEYS: Final[Mapping[int, str]] = {
    3: "receiptCode",
    4: "bsoCode",
    31: "receiptCorrectionCode",
    41: "bsoCorrectionCode",
}
"""Where the schemas v13 put the document code; everywhere else it is `code`."""

EXTRA_KEYS: Final = frozenset(
    {
        *("code", *CODE_KEYS.values(), "rawData", "messageFiscalSign", "protocolVersion", "region"),
        *("redefine_mask", "numberKkt", "metadata"),
    }
)
"""Keys that are no tags: the tax service and operators add them, and reading passes over them."""

FISCAL_SIGN_PREFIXES: Final = {1: b"\x21\x04", 11: b"\x21\x04"}
"""First two bytes of 1077, which JSON does not carry, as they were seen in registration reports."""

_OTHER_PREFIX: Final = b"\x31\x04"
_FISCAL_SIGN: Final = 1077
_REASONS: Final = 1205
_REASON_NUMBERS_KEY: Final = "correctionReasonCode"
_VERSION_KEY: Final = "fiscalDocumentFormatVer"
_KINDS: Final = {document_kind(code): code for code in document_codes()}
_U16_MAX: Final = 0xFFFF
_MOST_DIGITS: Final = 20


def from_fns_json(obj: object, *, ffd: str | None = None) -> bytes:
    """The canonical bytes of a document: outer STLV, the drive's records first, then by tag number.

    `obj` is `{"receipt": {…}}` or the inner object alone when it says its `code`. Names of both generations, aliases
    and tag numbers are keys; times may be ISO text, `properties` a list of key and value, and hex stands for raw
    bytes. `ffd` is taken from `fiscalDocumentFormatVer` unless given. Null and empty lists are absent fields.
    JSON does not carry the order of records, padding, and the first two bytes of 1077: those become canonical.
    Raises UnfitValueError for a key that no tag has, and for a value that does not fit, with its path.
    """
    code, body = _document(obj)
    version = ffd or _version(body, code)
    if version not in FFD_VERSIONS:
        raise UnfitValueError(path=document_kind(code), tag=1209, detail=f"{version!r} is not a format version")
    return _Writer(code, version).document(body)


class _Writer:
    """Writes the structures of one document."""

    def __init__(self, code: int, ffd: str) -> None:
        self._code = code
        self._ffd = ffd

    def document(self, body: Mapping[object, object]) -> bytes:
        """The outer TLV with everything in `body`."""
        path = document_kind(self._code)
        value = self._content(body, self._code, path, 1)
        try:
            return tlv(self._code, value)
        except ValueError as error:
            raise UnfitValueError(path=path, tag=None, detail=str(error)) from None

    def _content(self, body: Mapping[object, object], parent: int, path: str, depth: int) -> bytes:
        if depth > MAX_NESTING:
            raise UnfitValueError(path=path, tag=parent, detail=f"structures nest deeper than {MAX_NESTING}")
        found: dict[tuple[int, str], list[Record]] = {}
        for key, value in body.items():
            if not isinstance(key, str):
                raise UnfitValueError(path=path, tag=None, detail=f"{key!r} is no key of JSON")
            if value is None or (depth == 1 and key in EXTRA_KEYS):
                continue
            here = f"{path}.{key}"
            tag, spec = self._spec(key, parent, here)
            field = (tag, key if spec is None else spec.name)
            if field not in found or key == field[1]:
                found[field] = list(self._records(key, tag, spec, value, here, depth))
        records = [record for same in found.values() for record in same]
        try:
            return assemble(parent, records)
        except ValueError as error:
            raise UnfitValueError(path=path, tag=parent, detail=str(error)) from None

    def _spec(self, key: str, parent: int, path: str) -> tuple[int, TagSpec | None]:
        spec = lookup_name(key, parent, ffd=self._ffd)
        if spec is not None:
            return spec.tag, spec
        tag = _number(key)
        if tag is None:
            raise UnfitValueError(path=path, tag=None, detail="no tag has this name")
        here = lookup(tag, parent, ffd=self._ffd)
        if here is not None and parent in here.parents:
            return tag, here
        nameless = [spec for spec in meanings(tag) if spec.name == key]
        return tag, nameless[0] if nameless else here

    def _records(
        self, key: str, tag: int, spec: TagSpec | None, value: object, path: str, depth: int
    ) -> Iterator[Record]:
        if tag == _REASONS and key == _REASON_NUMBERS_KEY:
            yield tag, _mask(value, path)
        elif isinstance(value, list | tuple):
            for index, one in enumerate(value):
                yield tag, self._value(tag, spec, one, f"{path}[{index}]", depth)
        else:
            yield tag, self._value(tag, spec, value, path, depth)

    def _value(self, tag: int, spec: TagSpec | None, value: object, path: str, depth: int) -> bytes:
        if isinstance(value, str) and (spec is None or spec.kind is not TagKind.STRING):
            is_time = spec is not None and spec.kind is TagKind.UNIXTIME and "-" in value
            return (
                encode_value(spec, _time(value, path), path=path) if is_time and spec else _from_hex(tag, value, path)
            )
        if spec is None:
            raise UnfitValueError(path=path, tag=tag, detail="an unknown tag is written in hex")
        if isinstance(value, Mapping) and spec.kind is TagKind.STLV:
            return self._content(value, tag, path, depth + 1)
        if tag == _FISCAL_SIGN and isinstance(value, int):
            return self._fiscal_sign(value, path)
        return encode_value(spec, Decimal(str(value)) if isinstance(value, float) else value, path=path)

    def _fiscal_sign(self, printed: int, path: str) -> bytes:
        try:
            return FISCAL_SIGN_PREFIXES.get(self._code, _OTHER_PREFIX) + printed.to_bytes(4, "big")
        except OverflowError as error:
            raise UnfitValueError(path=path, tag=_FISCAL_SIGN, detail=str(error)) from None


def _document(obj: object) -> tuple[int, Mapping[object, object]]:
    if not isinstance(obj, Mapping):
        raise UnfitValueError(path="document", tag=None, detail=f"an object is expected, not {type(obj).__name__}")
    if len(obj) == 1:
        kind, body = next(iter(obj.items()))
        code = _code_of(kind)
        if code is not None and isinstance(body, Mapping):
            return code, body
    for key in ("code", *CODE_KEYS.values()):
        code = obj.get(key)
        if isinstance(code, int) and 0 <= code <= _U16_MAX:
            return code, obj
    raise UnfitValueError(path="document", tag=None, detail="neither a kind of document nor a document code is named")


def _code_of(kind: object) -> int | None:
    if not isinstance(kind, str):
        return None
    number = _number(kind)
    return _KINDS.get(kind) if number is None else number


def _number(text: str) -> int | None:
    """A number of 16 bits; None for any other text, of thousands of digits too."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    number = int(text)
    return number if number <= _U16_MAX else None


def _version(body: Mapping[object, object], code: int) -> str:
    number = body.get(_VERSION_KEY, body.get("1209"))
    if isinstance(number, int) and 0 < number <= len(FFD_VERSIONS):
        return FFD_VERSIONS[number - 1]
    return version_without_1209(code)


def _mask(value: object, path: str) -> bytes:
    numbers = value if isinstance(value, list | tuple) else [value]
    mask = 0
    for number in numbers:
        if not isinstance(number, int) or not 1 <= number <= 32:
            raise UnfitValueError(path=path, tag=_REASONS, detail=f"{number!r} is no number of a bit from 1 to 32")
        mask |= 1 << (number - 1)
    return mask.to_bytes(4, "little")


def _time(value: str, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise UnfitValueError(path=path, tag=None, detail=str(error)) from None


def _from_hex(tag: int, value: str, path: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise UnfitValueError(path=path, tag=tag, detail=f"{value!r} is not hex") from None
