"""Arbitrary documents that are valid by the tables: every kind, every version, any order of records."""

from __future__ import annotations

from hypothesis import strategies as st

from ofd_gateway.ffd.dictionary import TagSpec, lookup
from ofd_gateway.ffd.enumerations import enumeration
from ofd_gateway.ffd.presence import Requirement, places
from ofd_gateway.ffd.schema import documents_with_schema
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ffd.values import TagKind, encode_fvln

VERSION_BYTES = {"1.05": b"\x02", "1.1": b"\x03", "1.2": b"\x04"}
FIXED_WIDTHS = {TagKind.BYTE: 1, TagKind.BITS8: 1, TagKind.U16: 2, TagKind.U32: 4, TagKind.BITS32: 4}
TEXT = st.binary(max_size=20).map(lambda raw: raw.decode("cp866").strip(" "))


@st.composite
def valid_documents(draw: st.DrawFn) -> tuple[bytes, int, str]:
    """The bytes of a document, its code and its format version."""
    code, ffd = draw(st.sampled_from(list(documents_with_schema())))
    records = _records(draw, code, None, code, ffd)
    return tlv(code, b"".join(records)), code, ffd


def _records(draw: st.DrawFn, code: int, parent: int | None, inside: int, ffd: str) -> list[bytes]:
    records = []
    for tag, place in places(code, parent, ffd).items():
        spec = lookup(tag, inside, ffd=ffd)
        assert spec is not None
        if tag == 1209:
            count = int(ffd in VERSION_BYTES)
        elif Requirement.MANDATORY in place.by_year.values():
            count = 1
        else:
            count = draw(st.sampled_from((0, 0, 0, 1, 2) if place.repeatable and spec.repeatable else (0, 0, 0, 1)))
        for _ in range(count):
            if spec.kind is TagKind.STLV:
                value = b"".join(_records(draw, code, tag, tag, ffd))
            else:
                value = VERSION_BYTES[ffd] if tag == 1209 else draw(_value(spec, ffd, code))
            records.append(tlv(tag, value))
    return draw(st.permutations(records)) if records else []


def _value(spec: TagSpec, ffd: str, code: int) -> st.SearchStrategy[bytes]:
    found = enumeration(spec.tag) if spec.enum_ref else None
    kind = spec.kind
    if found is not None and found.closed and found.values(ffd):
        return st.sampled_from(sorted(found.values(ffd), key=str)).map(
            lambda value: value.encode("cp866") if isinstance(value, str) else bytes((value,))
        )
    if found is not None and found.closed and found.mask(ffd):
        width = FIXED_WIDTHS[kind]
        return st.integers(0, found.mask(ffd)).map(lambda bits: (bits & found.mask(ffd)).to_bytes(width, "little"))
    if spec.tag == 1077:
        return st.binary(min_size=4, max_size=4).map(
            lambda sign: (b"\x21\x04" if code in (1, 11) else b"\x31\x04") + sign
        )
    if kind is TagKind.UNIXTIME:
        return st.binary(min_size=4, max_size=4)
    if kind in FIXED_WIDTHS:
        return st.binary(min_size=FIXED_WIDTHS[kind], max_size=FIXED_WIDTHS[kind])
    if kind is TagKind.VLN:
        return st.binary(max_size=min(8, spec.length or 8))
    if kind is TagKind.FVLN:
        return st.decimals(0, 10**6, places=3).map(encode_fvln)
    if kind is TagKind.BYTES:
        return st.binary(max_size=spec.length)
    limit = spec.length or 20
    text = TEXT.map(lambda value: value[:limit].encode("cp866"))
    return text.map(lambda raw: raw.ljust(limit)) if spec.fixed else text
