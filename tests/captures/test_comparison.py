"""Differences of two documents, by field."""

from __future__ import annotations

from ofd_gateway.captures.comparison import Difference, Value, compare, same_order
from ofd_gateway.captures.reading import read_message
from ofd_gateway.ffd import decode
from ofd_gateway.protocol import Connection, CrcMode, Role
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body, message, tlv

from .answers import confirmation


def item(name: bytes, price: bytes = b"\x64") -> bytes:
    return tlv(1059, tlv(1030, name) + tlv(1079, price))


def receipt(*parts: bytes, code: int = 3):
    return read_message(tlv(code, b"".join(parts)))


def test_equal_documents_have_no_difference() -> None:
    one = read_message(message(container(DEBUG_FN, 7)))
    assert compare(one, read_message(container(DEBUG_FN, 7))) == ()
    assert compare(one, one, with_frames=True) == ()


def test_a_changed_field_is_told_with_both_values() -> None:
    one, two = read_message(document_body(DEBUG_FN, 7)), read_message(document_body(DEBUG_FN, 7, total_kopecks=100))
    assert compare(one, two) == (
        Difference(
            path="totalSum",
            tag=1020,
            name="сумма расчета, указанного в чеке (БСО) / total sum",
            change="changed",
            first=Value(hex="393000", meaning="123.45"),
            second=Value(hex="640000", meaning="1.00"),
        ),
    )


def test_the_same_number_in_another_spelling_differs() -> None:
    [found] = compare(receipt(tlv(1020, b"\x64")), receipt(tlv(1020, b"\x64\x00")))
    assert found.first is not None
    assert found.second is not None
    assert (found.first.meaning, found.second.meaning) == ("1.00", "1.00")


def test_fields_of_one_side_only_come_in_order() -> None:
    found = compare(receipt(tlv(1020, b"\x01"), tlv(1021, b"x")), receipt(tlv(1020, b"\x01"), tlv(1031, b"\x01")))
    assert [(one.tag, one.change, one.first is None, one.second is None) for one in found] == [
        (1021, "removed", False, True),
        (1031, "added", True, False),
    ]


def test_a_structure_of_one_side_is_one_difference() -> None:
    found = compare(receipt(item(b"a"), item(b"b")), receipt(item(b"a")))
    assert [(one.path, one.change) for one in found] == [("items[1]", "removed")]


def test_fields_inside_structures_are_compared_by_their_place() -> None:
    [found] = compare(receipt(item(b"a"), item(b"b")), receipt(item(b"a"), item(b"c")))
    assert (found.path, found.tag) == ("items[1].name", 1030)


def test_ignored_tags_are_passed_over_with_what_they_hold() -> None:
    one, two = receipt(item(b"a"), tlv(1012, bytes(4))), receipt(item(b"b"), tlv(1012, b"\x01\x00\x00\x00"))
    assert [found.tag for found in compare(one, two, ignored_tags=frozenset({1012}))] == [1030]
    assert compare(one, two, ignored_tags=frozenset({1012, 1059})) == ()


def test_another_kind_is_a_difference() -> None:
    found = compare(receipt(tlv(1020, b"\x01")), receipt(tlv(1020, b"\x01"), code=4))
    assert [(one.path, one.tag) for one in found] == [("document", None)]
    service = read_message(Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN))
    assert [one.path for one in compare(service, receipt(tlv(1020, b"\x01")))] == ["document"]
    assert compare(service, service) == ()


def test_an_unknown_tag_is_compared_too() -> None:
    [found] = compare(receipt(tlv(59999, b"\x01")), receipt(tlv(59999, b"\x02")))
    assert (found.tag, found.name) == (59999, "неизвестный реквизит / unknown tag")


def test_confirmations() -> None:
    found = compare(read_message(confirmation()), read_message(confirmation(code=14)))
    assert [one.tag for one in found] == [1078, 1022]


def test_frames_are_compared_when_asked() -> None:
    one = read_message(message(container(DEBUG_FN, 7)))
    two = read_message(
        message(container(PLAIN_FN, 7, body=document_body(DEBUG_FN, 7)), fn=PLAIN_FN, crc_mode=CrcMode.FULL)
    )
    assert compare(one, two) == ()
    changed = [found.path for found in compare(one, two, with_frames=True)]
    assert changed == ["session.fn", "session.flags", "session.crc", "container.fn"]
    bare = compare(read_message(container(DEBUG_FN, 7)), one, with_frames=True)
    assert {found.change for found in bare} == {"added"}


def test_the_order_of_fields_is_told_apart() -> None:
    one = decode(tlv(3, tlv(1020, b"\x01") + tlv(1021, b"x")))
    two = decode(tlv(3, tlv(1021, b"x") + tlv(1020, b"\x01")))
    assert compare(receipt(one.raw[4:]), receipt(two.raw[4:])) == ()
    assert not same_order(one, two)
    assert same_order(one, decode(tlv(3, tlv(1020, b"\x02") + tlv(1031, b"\x01") + tlv(1021, b"x"))))
