"""A document for people: every field with offset, names, bytes and meaning."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.document import printed_fiscal_sign
from ofd_gateway.ffd.enumerations import describe
from ofd_gateway.ffd.values import TagKind, as_local_datetime, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ofd_gateway.ffd.dictionary import TagSpec
    from ofd_gateway.ffd.document import Document, Field

__all__ = ["is_money", "lines", "meaning_of"]

_FISCAL_SIGN: Final = 1077
_FISCAL_SIGN_BYTES: Final = 6
_CONFIRMATION: Final = 7
_NOT_MONEY: Final = frozenset(
    {
        "product_reference_code_legacy",
        "product_classification_code_legacy",
        "product_identification_code_legacy",
        "corrected_document_number_legacy",
        "fraction_numerator",
        "fraction_denominator",
    }
)
_SHOWN_BYTES: Final = 32


def lines(document: Document) -> Iterator[str]:
    """The document as an indented list, one field a line.

    ::

    receipt, ФФД 1.05, 342 bytes
        4  1041 номер ФН / fn number  39323839…  "9289000100087745"
    """
    yield f"{document.kind}, ФФД {document.ffd}, {len(document.raw)} bytes"
    yield from _lines(document.fields(), document, 1)


def meaning_of(field: Field, document: Document) -> str:
    """What the value of a field says; empty where its bytes say it all.

    Text stands in quotes with control characters escaped, money in roubles, times as date and time (wall clock of the
    register, UTC in document 7), the fiscal sign as it is printed; values and bits of closed sets are spelled out.
    """
    spec, value = field.spec, field.value
    if spec is None or field.children is not None:
        return ""
    if spec.tag == _FISCAL_SIGN and len(field.raw) == _FISCAL_SIGN_BYTES:
        return f"{printed_fiscal_sign(field.raw):010d}"
    if value is None:
        return f"длина {len(field.raw)} не подходит / a length of {len(field.raw)} does not fit"
    if isinstance(value, bytes):
        return ""
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, str):
        text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in value)
        return f'"{text}"{_spelled_out(spec, value)}'
    return f"{_number(spec, value, document)}{_spelled_out(spec, value)}"


def is_money(spec: TagSpec) -> bool:
    """Whether the number is an amount in kopecks."""
    return spec.kind is TagKind.VLN and spec.name_en not in _NOT_MONEY


def _spelled_out(spec: TagSpec, value: int | str) -> str:
    words = describe(spec.tag, value) if spec.enum_ref else ""
    return f": {words} / {describe(spec.tag, value, language='en').replace('_', ' ')}" if words else ""


def _number(spec: TagSpec, value: int, document: Document) -> str:
    if spec.kind is TagKind.UNIXTIME:
        zone = " UTC" if document.code == _CONFIRMATION else ""
        return f"{as_local_datetime(value):%Y-%m-%d %H:%M:%S}{zone}"
    if is_money(spec):
        return f"{value // 100}.{value % 100:02d}"
    return str(value)


def _lines(fields: Iterable[Field], document: Document, depth: int) -> Iterator[str]:
    for field in fields:
        yield f"{'  ' * depth}{field.offset:5d}  " + "  ".join(_columns(field, document))
        if field.children is not None:
            yield from _lines(field.children, document, depth + 1)


def _columns(field: Field, document: Document) -> Iterator[str]:
    spec = field.spec
    names = f"{spec.name_ru} / {spec.name_en.replace('_', ' ')}" if spec else "неизвестный реквизит / unknown tag"
    yield f"{field.tag} {names}"
    if field.children is None and field.raw:
        shown = field.raw[:_SHOWN_BYTES].hex()
        yield shown if len(field.raw) <= _SHOWN_BYTES else f"{shown}… ({len(field.raw)})"
    meaning = meaning_of(field, document)
    if meaning:
        yield meaning
