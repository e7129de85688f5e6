"""Bytes of documents made from typed values (see `model` and `parts`), in any of the four format versions."""

from __future__ import annotations

import functools
import typing
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final, cast

from ofd_gateway.ffd.assembly import Record, assemble
from ofd_gateway.ffd.dictionary import FFD_VERSIONS, TagSpec, lookup
from ofd_gateway.ffd.errors import UnfitValueError
from ofd_gateway.ffd.parts import Buyer, ChangeReason, Head, Payments, Usage, VatRate
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ffd.values import TagKind, encode_value, encode_vln

if TYPE_CHECKING:
    from ofd_gateway.ffd.model import AnyDocument

__all__ = ["build"]

_FISCAL_SIGN: Final = 1077
_FISCAL_SIGN_BYTES: Final = 6
_ONLY_WHEN_SET: Final = frozenset({1050, 1051, 1052, 1053, 1125})
_BUYER: Final = 1256
_VERSION_TAG: Final = 1209
_REGISTER_VERSION_TAG: Final = 1189
_FN_VERSION_TAG: Final = 1190
_SHIFT_OPENED: Final = 2
_REGISTRATIONS: Final = frozenset({1, 11})

_USAGE_TAGS: Final = {
    Usage.PRINTER_IN_MACHINE: 1221,
    Usage.BSO_AUTOMATED_SYSTEM: 1110,
    Usage.INTERNET_ONLY: 1108,
    Usage.EXCISE_GOODS: 1207,
    Usage.SERVICES_ONLY: 1109,
    Usage.GAMBLING: 1193,
    Usage.LOTTERY: 1126,
}
_VAT_TAGS: Final = {
    VatRate.VAT_20: 1102,
    VatRate.VAT_10: 1103,
    VatRate.VAT_0: 1104,
    VatRate.NO_VAT: 1105,
    VatRate.VAT_20_120: 1106,
    VatRate.VAT_10_110: 1107,
}
_OLD_REASONS: Final = {ChangeReason.FN_REPLACEMENT: 1, ChangeReason.OFD_REPLACEMENT: 2, ChangeReason.USER_NAME: 3}
_OLD_REASON_SETTINGS: Final = 4


def build(document: AnyDocument, *, ffd: str) -> bytes:
    """The canonical bytes of a document, outer TLV included.

    Fields that are None or empty are left out, and so are fields that the version does not know: a receipt may carry
    both `unit` and `unit_code`. The version's own tags (1209, 1189, 1190) are added. Nothing checks that the fields
    agree with each other; that is what `checks` is for.
    Raises UnfitValueError for a value that its tag cannot hold, and ValueError for an unknown version.
    """
    if ffd not in FFD_VERSIONS:
        raise ValueError(f"{ffd!r} is not a format version")
    try:
        return tlv(document.code, assemble(document.code, _document_records(document, ffd)))
    except (ValueError, OverflowError) as error:
        raise UnfitValueError(path=type(document).__name__, tag=None, detail=str(error)) from error


def _document_records(document: AnyDocument, ffd: str) -> Iterator[Record]:
    code = document.code
    number = FFD_VERSIONS.index(ffd) + 1
    if ffd != "1.0":
        yield _VERSION_TAG, bytes((number,))
        if code in _REGISTRATIONS or code == _SHIFT_OPENED:
            yield _REGISTER_VERSION_TAG, bytes((number,))
        if code in _REGISTRATIONS:
            yield _FN_VERSION_TAG, bytes((number,))
    yield from _records(document, code, ffd, type(document).__name__)


def _records(group: object, parent: int, ffd: str, path: str) -> Iterator[Record]:
    for name, tag in _tags(cast("Hashable", type(group))).items():
        value = getattr(group, name)
        here = f"{path}.{name}"
        if value is None or value == () or (tag in _ONLY_WHEN_SET and not value):
            continue
        if tag is None:
            yield from _untagged(value, parent, ffd, here)
            continue
        spec = lookup(tag, parent, ffd=ffd)
        if spec is not None and parent in spec.parents and spec.in_version(ffd):
            for one in value if isinstance(value, tuple) else (value,):
                raw = _value(spec, one, ffd, here)
                if raw or not is_dataclass(one):
                    yield tag, raw


def _untagged(value: object, parent: int, ffd: str, path: str) -> Iterator[Record]:
    if isinstance(value, Head):
        yield from _records(value, parent, ffd, path)
    elif isinstance(value, Payments):
        yield from _payments(value, ffd)
    elif isinstance(value, Usage):
        yield from _usage(value, ffd)
    elif isinstance(value, ChangeReason):
        yield from _reasons(value, ffd)
    elif isinstance(value, Buyer):
        if ffd == "1.2":
            yield _BUYER, assemble(_BUYER, _records(value, _BUYER, ffd, path))
        else:
            yield from _records(value, parent, ffd, path)
    else:
        yield from _vat(cast("Mapping[VatRate, int]", value), ffd)


def _value(spec: TagSpec, value: object, ffd: str, path: str) -> bytes:
    if is_dataclass(value):
        return assemble(spec.tag, _records(value, spec.tag, ffd, path))
    raw = encode_value(spec, int(value) if isinstance(value, bool) else value, path=path)
    too_long = spec.length is not None and len(raw) > spec.length and spec.kind is not TagKind.STLV
    if too_long or (spec.tag == _FISCAL_SIGN and len(raw) != _FISCAL_SIGN_BYTES):
        raise UnfitValueError(path=path, tag=spec.tag, detail=f"{len(raw)} bytes where {spec.length} are allowed")
    return raw


def _payments(payments: Payments, ffd: str) -> Iterator[Record]:
    always = {1031: payments.cash_kopecks, 1081: payments.electronic_kopecks}
    others = {1215: payments.prepaid_kopecks, 1216: payments.credit_kopecks, 1217: payments.barter_kopecks}
    for tag, kopecks in (always | others).items():
        if kopecks or tag in always or ffd != "1.0":
            yield tag, encode_vln(kopecks)


def _usage(usage: Usage, ffd: str) -> Iterator[Record]:
    if ffd == "1.2":
        yield 1290, usage.value.to_bytes(4, "little")
        return
    for flag, tag in _USAGE_TAGS.items():
        yield tag, bytes((flag in usage,))


def _reasons(reasons: ChangeReason, ffd: str) -> Iterator[Record]:
    if ffd in ("1.1", "1.2"):
        yield 1205, reasons.value.to_bytes(4, "little")
        return
    for code in sorted({_OLD_REASONS.get(reason, _OLD_REASON_SETTINGS) for reason in reasons}):
        yield 1101, bytes((code,))


def _vat(sums: Mapping[VatRate, int], ffd: str) -> Iterator[Record]:
    entries = b""
    for rate, kopecks in sums.items():
        if rate in _VAT_TAGS:
            yield _VAT_TAGS[rate], encode_vln(kopecks)
        else:
            entries += tlv(1119, tlv(1199, bytes((rate,))) + tlv(1120, encode_vln(kopecks)))
    if entries and ffd != "1.0":
        yield 1115, entries


@functools.cache
def _tags(group: Hashable) -> Mapping[str, int | None]:
    """The tag of each field, None for those that write themselves."""
    hints = typing.get_type_hints(cast("type", group), include_extras=True)
    return {
        field.name: next(iter(getattr(hints[field.name], "__metadata__", ())), None)
        for field in fields(cast("type", group))
    }
