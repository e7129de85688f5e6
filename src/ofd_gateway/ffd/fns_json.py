"""FNS JSON: a document as the tax service (ФНС) writes it, in both directions."""

from __future__ import annotations

import base64
import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ofd_gateway.ffd.dictionary import TagSpec, lookup, lookup_name, meanings
from ofd_gateway.ffd.document import printed_fiscal_sign
from ofd_gateway.ffd.fns_reading import CODE_KEYS, from_fns_json
from ofd_gateway.ffd.tlv import Structure
from ofd_gateway.ffd.values import TagKind, decode_fvln, decode_text, fits, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ofd_gateway.ffd.dictionary import Names
    from ofd_gateway.ffd.document import Document

__all__ = ["TRIMMED_TAGS", "from_fns_json", "parse_json", "to_fns_json", "to_json_bytes"]

TRIMMED_TAGS: Final = frozenset({1016, 1017, 1018, 1203, 1226, 1228, 1037, 1041})
"""INNs, registration number and FN number: printed without their padding on the right; other strings are exact."""

_FISCAL_SIGN: Final = 1077
_FISCAL_SIGN_BYTES: Final = 6
_PROPERTIES: Final = 1084

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def to_fns_json(document: Document, *, message_sign: bytes | None = None, names: Names = "2021") -> dict[str, object]:
    """The document as one object under its kind: `{"receipt": {"code": 3, "fiscalDriveNumber": …}}`.

    Keys are the names of the generation asked for; a tag without a name, or one whose name another tag has in that
    place, stands under its number. Repeatable tags are lists, and so is any tag that occurs twice. Dates are the u32
    of the wire, `fiscalSign` is the printed number, quantities are int or Decimal, raw bytes, unknown tags and values
    whose length does not fit their kind are lower-case hex. `message_sign`, the 8 bytes of the container's trailer
    (ФПС), adds `rawData` (document and sign in base64) and `messageFiscalSign` (big-endian number).
    """
    code_key = CODE_KEYS.get(document.code, "code") if names == "2017" else "code"
    body: dict[str, object] = {code_key: document.code}
    body.update(_object(document.root, document.code, document.ffd, names))
    if message_sign is not None:
        body["rawData"] = base64.b64encode(document.raw + message_sign).decode("ascii")
        body["messageFiscalSign"] = int.from_bytes(message_sign, "big")
    return {document.kind: body}


def to_json_bytes(obj: object) -> bytes:
    """One line of JSON in UTF-8; a Decimal is a number without exponent."""
    return _ENCODER.encode(_without_exponents(obj))


def parse_json(text: bytes | str) -> object:
    """JSON with exact quantities: a number with a fraction becomes a Decimal. Raises msgspec.DecodeError."""
    try:
        parsed: object = _DECODER.decode(text)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested deeper than any document") from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"JSON is UTF-8: {error}") from None
    return parsed


class _Entry(NamedTuple):
    """How a tag is written in its place: its key, whether it is a list, and what its bytes mean."""

    key: str
    is_list: bool
    read: Callable[[bytes], object]


def _object(structure: Structure, parent: int, ffd: str, names: Names) -> dict[str, object]:
    found: dict[str, object] = {}
    lists: dict[str, list[object]] = {}
    entries = _entries(parent, ffd, names)
    for tag, value in zip(structure.tags, structure.values, strict=True):
        entry = entries.get(tag) or _entry(entries, tag, value, parent, ffd, names)
        key, is_list, read = entry
        meaning = read(value) if isinstance(value, bytes) else _object(value, tag, ffd, names)
        if key in lists:
            lists[key].append(meaning)
        elif key in found:
            found[key] = lists[key] = [found[key], meaning]
        elif is_list:
            found[key] = lists[key] = [meaning]
        else:
            found[key] = meaning
    return found


@functools.lru_cache(maxsize=1024)
def _entries(parent: int, ffd: str, names: Names) -> dict[int, _Entry]:
    """What was found out about the tags inside `parent`; `_entry` adds to it."""
    return {}


def _entry(
    entries: dict[int, _Entry], tag: int, value: bytes | Structure, parent: int, ffd: str, names: Names
) -> _Entry:
    """How this tag is written; it is kept unless the number is reused and its content tells which meaning it has."""
    found = meanings(tag)
    if not found:
        return _Entry(str(tag), False, bytes.hex)
    if len(found) > 1:
        return _reused_entry(tag, len(value) if isinstance(value, bytes) else None, parent, ffd, names)
    entries[tag] = entry = _entry_of(found[0], parent, ffd, names)
    return entry


@functools.lru_cache(maxsize=4096)
def _reused_entry(tag: int, length: int | None, parent: int, ffd: str, names: Names) -> _Entry:
    """The same for a reused number, whose meaning depends on the length of its value; None is that of a structure."""
    content = Structure((), (), 0) if length is None else bytes(length)
    spec = lookup(tag, parent, ffd=ffd, content=content)
    return _Entry(str(tag), False, bytes.hex) if spec is None else _entry_of(spec, parent, ffd, names)


def _entry_of(spec: TagSpec, parent: int, ffd: str, names: Names) -> _Entry:
    is_list = spec.repeatable or (spec.tag == _PROPERTIES and names == "2017")
    return _Entry(_key(spec, parent, ffd, names), is_list, _reading(spec))


def _key(spec: TagSpec, parent: int, ffd: str, names: Names) -> str:
    name = spec.name_of(names)
    reader = lookup_name(name, parent, ffd=ffd)
    return name if reader is not None and reader.tag == spec.tag else str(spec.tag)


@functools.cache
def _reading(spec: TagSpec) -> Callable[[bytes], object]:
    """What the bytes of this tag mean in JSON; raw bytes and lengths that do not fit the kind are hex."""
    widths = spec.widths
    if widths:
        return lambda raw: int.from_bytes(raw, "little") if not raw or len(raw) in widths else raw.hex()
    if spec.kind is TagKind.STRING:
        if spec.tag in TRIMMED_TAGS:
            return lambda raw: decode_text(raw).rstrip(" ")
        return decode_text
    if spec.kind is TagKind.VLN:
        return lambda raw: int.from_bytes(raw, "little") if fits(spec, raw) else raw.hex()
    if spec.kind is TagKind.FVLN:
        return lambda raw: _quantity(raw) if fits(spec, raw) else raw.hex()
    if spec.kind is TagKind.STLV:
        return lambda raw: raw.hex() if raw else {}
    if spec.tag == _FISCAL_SIGN:
        return lambda raw: printed_fiscal_sign(raw) if len(raw) == _FISCAL_SIGN_BYTES else raw.hex()
    return bytes.hex


def _quantity(raw: bytes) -> int | Decimal:
    text = plain_decimal(decode_fvln(raw))
    return Decimal(text) if "." in text else int(text)


def _without_exponents(obj: object) -> object:
    if isinstance(obj, dict):
        return {key: _without_exponents(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_without_exponents(value) for value in obj]
    if isinstance(obj, Decimal) and "E" in str(obj):
        return msgspec.Raw(format(obj, "f").encode("ascii"))
    return obj
