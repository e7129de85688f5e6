"""FNS JSON: a document as the tax service (ФНС) writes it, in both directions."""

from __future__ import annotations

import base64
import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.dictionary import TagSpec, lookup, lookup_name, meanings
from ofd_gateway.ffd.document import printed_fiscal_sign
from ofd_gateway.ffd.fns_reading import CODE_KEYS, from_fns_json
from ofd_gateway.ffd.tlv import Structure
from ofd_gateway.ffd.values import TagKind, decode_value, plain_decimal

if TYPE_CHECKING:
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


def _object(structure: Structure, parent: int, ffd: str, names: Names) -> dict[str, object]:
    found: dict[str, object] = {}
    lists: dict[str, list[object]] = {}
    for tag, value in zip(structure.tags, structure.values, strict=True):
        spec, key = _only_meaning(tag, parent, ffd, names) or _meaning_by_content(tag, value, parent, ffd, names)
        meaning = _meaning(tag, spec, value, ffd, names)
        if key in lists:
            lists[key].append(meaning)
        elif key in found:
            found[key] = lists[key] = [found[key], meaning]
        elif spec is not None and (spec.repeatable or (tag == _PROPERTIES and names == "2017")):
            found[key] = lists[key] = [meaning]
        else:
            found[key] = meaning
    return found


@functools.lru_cache(maxsize=4096)
def _only_meaning(tag: int, parent: int, ffd: str, names: Names) -> tuple[TagSpec | None, str] | None:
    """The meaning and the key of a tag that is told without looking at its value, None for a reused number."""
    found = meanings(tag)
    if not found:
        return None, str(tag)
    return (found[0], _key(found[0], parent, ffd, names)) if len(found) == 1 else None


def _meaning_by_content(
    tag: int, value: bytes | Structure, parent: int, ffd: str, names: Names
) -> tuple[TagSpec | None, str]:
    spec = lookup(tag, parent, ffd=ffd, content=value)
    return spec, str(tag) if spec is None else _key(spec, parent, ffd, names)


def _key(spec: TagSpec, parent: int, ffd: str, names: Names) -> str:
    name = spec.name_of(names)
    reader = lookup_name(name, parent, ffd=ffd)
    return name if reader is not None and reader.tag == spec.tag else str(spec.tag)


def _meaning(tag: int, spec: TagSpec | None, value: bytes | Structure, ffd: str, names: Names) -> object:
    if isinstance(value, Structure):
        return _object(value, tag, ffd, names)
    if spec is None:
        return value.hex()
    if tag == _FISCAL_SIGN and len(value) == _FISCAL_SIGN_BYTES:
        return printed_fiscal_sign(value)
    if spec.kind is TagKind.STLV and not value:
        return {}
    meaning = decode_value(spec, value)
    if meaning is None:
        return value.hex()
    if isinstance(meaning, bytes):
        return meaning.hex()
    if isinstance(meaning, Decimal):
        text = plain_decimal(meaning)
        return Decimal(text) if "." in text else int(text)
    if isinstance(meaning, str) and tag in TRIMMED_TAGS:
        return meaning.rstrip(" ")
    return meaning


def _without_exponents(obj: object) -> object:
    if isinstance(obj, dict):
        return {key: _without_exponents(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_without_exponents(value) for value in obj]
    if isinstance(obj, Decimal) and "E" in str(obj):
        return msgspec.Raw(format(obj, "f").encode("ascii"))
    return obj
