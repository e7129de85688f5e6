"""The fast walk against the construct declaration of the same format, which knows nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import construct
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd import FormatError, Structure, decode
from ofd_gateway.ffd.declaration import DOCUMENT, as_records, declared_records
from ofd_gateway.ffd.dictionary import specs
from ofd_gateway.ffd.tlv import STRUCTURE_TAGS, tlv
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from pathlib import Path

LEAF_TAGS = sorted({spec.tag for spec in specs() if spec.kind is not TagKind.STLV and spec.tag != 1209})
ANY_LEAF = st.builds(tlv, st.sampled_from(LEAF_TAGS) | st.integers(2200, 65535), st.binary(max_size=40))


def structures(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(tlv, st.sampled_from(sorted(STRUCTURE_TAGS)), st.lists(children, max_size=5).map(b"".join))


RECORDS = st.lists(st.recursive(ANY_LEAF, structures, max_leaves=12), max_size=12).map(b"".join)
DOCUMENTS = st.builds(tlv, st.integers(1, 90), RECORDS)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with a byte changed, bytes lost or bytes added."""
    plain = bytearray(draw(DOCUMENTS))
    at = draw(st.integers(0, len(plain) - 1))
    match draw(st.sampled_from(("change", "cut", "insert", "append"))):
        case "change":
            plain[at] = draw(st.integers(0, 255))
        case "cut":
            del plain[at:]
        case "insert":
            plain[at:at] = draw(st.binary(min_size=1, max_size=3))
        case _:
            plain += draw(st.binary(min_size=1, max_size=5))
    return bytes(plain)


def declared(plain: bytes) -> object:
    try:
        container = DOCUMENT.parse(plain)
    except construct.ConstructError:
        return None
    return container.tag, declared_records(container.value)


def walked(plain: bytes) -> object:
    try:
        document = decode(plain, version_hint="1.0")
    except FormatError:
        return None
    return document.code, as_records(document.root)


@given(DOCUMENTS)
def test_documents_read_the_same_both_ways(plain: bytes) -> None:
    expected = declared(plain)
    assert expected is not None
    assert walked(plain) == expected
    assert DOCUMENT.build(DOCUMENT.parse(plain)) == plain == decode(plain).encode()


@given(damaged())
def test_damaged_documents_are_refused_or_read_the_same_both_ways(plain: bytes) -> None:
    assert walked(plain) == declared(plain)


@given(st.binary(max_size=120).map(lambda data: tlv(3, data)))
def test_arbitrary_contents_are_refused_or_read_the_same_both_ways(plain: bytes) -> None:
    assert walked(plain) == declared(plain)


def test_captures_read_the_same_both_ways(reference: Path) -> None:
    files = sorted((reference / "ffd" / "examples").glob("*.tlv.hex"))
    assert len(files) >= 7
    for file in files:
        plain = bytes.fromhex(file.read_text())
        container = DOCUMENT.parse(plain)
        assert as_records(decode(plain).root) == declared_records(container.value)
        assert DOCUMENT.build(container) == plain


@pytest.mark.parametrize("kind", [kind for kind in TagKind if kind is not TagKind.STLV])
def test_no_leaf_of_the_table_is_walked_as_a_structure(kind: TagKind) -> None:
    reused = {1115, 1119}
    assert {spec.tag for spec in specs() if spec.kind is kind} & STRUCTURE_TAGS <= reused


def test_every_structure_of_the_table_is_walked_as_one() -> None:
    """Except documents themselves and the records of the file an FN is read out to."""
    tags = {spec.tag for spec in specs() if spec.kind is TagKind.STLV}
    assert {tag for tag in tags if 200 < tag < 65000} == STRUCTURE_TAGS


def test_a_truncated_tail_is_refused_by_both() -> None:
    """GreedyRange alone would pass over it in silence."""
    plain = tlv(3, tlv(1030, b"tea") + b"\x01")
    assert declared(plain) is None
    assert walked(plain) is None


def test_structures_compare_by_content() -> None:
    one, two = decode(tlv(3, tlv(1030, b"a"))), decode(tlv(4, tlv(1030, b"a")))
    assert one.root == two.root
    assert one.root != decode(tlv(3, tlv(1030, b"b"))).root
    assert one.root != "text"
    assert repr(one.root) == "Structure(offset=4, tags=[1030])"
    item = tlv(1059, tlv(1030, b"a"))
    receipt = decode(tlv(3, item + tlv(1084, b"x") + item)).root
    assert receipt.all(1059) == receipt.structures(1059) == [one.root, one.root]
    assert receipt.all(1084) == [b"x"]
    assert receipt.structures(1084) == []
    assert isinstance(receipt.get(1059), Structure)
    assert receipt.leaf(1059) is None
    assert receipt.size == len(item) * 2 + 5


def test_a_record_is_no_longer_than_its_length_can_say() -> None:
    assert len(tlv(1, b"x" * 65535)) == 65539
    with pytest.raises(ValueError, match="65536 bytes do not fit"):
        tlv(1, b"x" * 65536)
