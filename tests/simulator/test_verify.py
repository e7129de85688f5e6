from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol import crc16
from ofd_gateway.simulator.verify import Confirmed, Expectation, Rule, verify

from .standin import repaired, rewritten

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FN = "9999000001000000"
FD = 7
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REQUEST = bytes.fromhex("2a08410a81a20105") + FN.encode() + bytes.fromhex("0000 1400 0000")
DUE = Expectation(request_header=REQUEST, fn=FN, fd=FD, bits_1206_allowed=False)


def field(tag: int, value: bytes) -> bytes:
    return struct.pack("<HH", tag, len(value)) + value


def fields(**changes: bytes) -> dict[int, bytes]:
    values = {
        1017: b"7704211201  ",
        1078: bytes.fromhex("8806 01020304 0003"),
        1041: FN.encode(),
        1040: struct.pack("<I", FD),
        1012: struct.pack("<I", int(NOW.timestamp())),
        1068: field(1022, b"\x00"),
    }
    return values | {int(tag.removeprefix("t")): value for tag, value in changes.items()}


def answer(
    values: dict[int, bytes] | None = None, *, flags: int = 0x14, trailer: str = "8206 010203040506 0000"
) -> bytes:
    content = b"".join(field(tag, value) for tag, value in (values or fields()).items())
    body = field(7, content)
    head = bytes((0x5A, 7, 1, 0x10, 9)) + bytes.fromhex(FN) + FD.to_bytes(3, "big") + bytes(range(1, 9)) + b"\x00\x02"
    container = head + len(body).to_bytes(2, "big") + body + bytes.fromhex(trailer)
    container = struct.pack("<HH", len(container) + 4, 0) + container
    session = REQUEST[:24] + struct.pack("<HHH", len(container), flags, 0)
    return repaired(session + container)


def crc_answer(mode: int, *, error: int = 0) -> tuple[bytes, Expectation]:
    plain = bytearray(answer(flags=0x14 | mode))
    crc = crc16(bytes(plain[:28])) if mode == 1 else crc16(bytes(plain[30:]), crc16(bytes(plain[:28])))
    plain[28:30] = (crc ^ error).to_bytes(2, "little")
    return bytes(plain), replace(DUE, request_header=REQUEST[:26] + bytes((0x14 | mode, 0)) + REQUEST[28:])


def found(data: bytes, due: Expectation = DUE, now: datetime = NOW) -> list[tuple[Rule, int]]:
    return [(mismatch.rule, mismatch.offset) for mismatch in verify(data, due, now=now)[1]]


def test_a_right_answer_has_nothing_to_tell() -> None:
    confirmed, mismatches = verify(answer(), DUE, now=NOW)

    assert mismatches == ()
    assert confirmed is not None
    assert (confirmed.fd, confirmed.response_code, confirmed.operator_inn) == (FD, 0, "7704211201")
    assert confirmed.signs == (0, bytes.fromhex("8806010203040003"), bytes.fromhex("82060102030405060000"))
    assert confirmed.container == answer()[30:]


@pytest.mark.parametrize(
    ("name", "fd", "code"), [("taxcom_ack_fd1_code14_container", 1, 14), ("taxcom_ack_fd2_code0_container", 2, 0)]
)
def test_the_answers_of_a_working_operator_pass(reference: Path, name: str, fd: int, code: int) -> None:
    container = bytes.fromhex((reference / "vectors" / f"{name}.hex").read_text())
    fn = container[9:17].hex()
    session = REQUEST[:6] + b"\x01\x20" + fn.encode() + struct.pack("<HHH", len(container), 0x14, 0)
    issued = int.from_bytes(container[container.index(b"\xf4\x03\x04\x00") + 4 :][:4], "little")
    due = replace(DUE, request_header=session, fn=fn, fd=fd, response_codes=frozenset((code,)), bits_1206_allowed=True)

    confirmed, mismatches = verify(session + container, due, now=datetime.fromtimestamp(issued, UTC))

    assert mismatches == ()
    assert confirmed is not None
    assert confirmed.response_code == code


@pytest.mark.parametrize(
    ("offset", "rule"),
    [
        (0, Rule.SESSION),
        (4, Rule.SESSION),
        (6, Rule.SESSION),
        (8, Rule.SESSION),
        (24, Rule.LENGTH),
        (26, Rule.SESSION_FLAGS),
        (28, Rule.SESSION_CRC),
        (30, Rule.LENGTH),
        (34, Rule.CONTAINER),
        (35, Rule.CONTAINER),
        (36, Rule.CONTAINER),
        (37, Rule.CONTAINER),
        (39, Rule.FN),
        (47, Rule.FD),
        (49, Rule.FD),
        (58, Rule.CONTAINER),
        (61, Rule.LENGTH),
        (62, Rule.LAYOUT),
        (64, Rule.LENGTH),
        (70, Rule.OPERATOR_INN),
        (81, Rule.OPERATOR_INN),
        (86, Rule.OPERATOR_SIGN),
        (93, Rule.OPERATOR_SIGN),
        (98, Rule.FN),
        (118, Rule.FD),
        (129, Rule.TIME),
        (134, Rule.LAYOUT),
        (138, Rule.CODE),
        (139, Rule.TRAILER),
        (148, Rule.TRAILER),
    ],
)
def test_each_changed_byte_is_told_by_its_own_rule(offset: int, rule: Rule) -> None:
    bent = bytearray(answer())
    bent[offset] ^= 0x40
    rules = {told for told, _ in found(repaired(bytes(bent)))}

    assert rules == {rule}


def test_a_changed_byte_without_a_new_crc_is_told_by_the_crc() -> None:
    bent = bytearray(answer())
    bent[50] ^= 1

    assert found(bytes(bent)) == [(Rule.CONTAINER_CRC, 32)]


@given(st.integers(0, len(answer()) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(offset: int, change: int) -> None:
    bent = bytearray(answer())
    bent[offset] ^= change

    assert found(bytes(bent))


@given(st.binary(max_size=200))
def test_any_bytes_give_mismatches_and_no_exception(data: bytes) -> None:
    confirmed, mismatches = verify(data, DUE, now=NOW)

    assert mismatches
    assert confirmed is None or isinstance(confirmed, Confirmed)


@given(st.integers(0, len(answer()) - 1))
def test_every_shortened_answer_is_told(length: int) -> None:
    assert Rule.LENGTH in {rule for rule, _ in found(answer()[:length])}


@pytest.mark.parametrize("mode", [1, 2])
def test_a_session_crc_in_the_mode_of_the_request_is_checked(mode: int) -> None:
    right, due = crc_answer(mode)
    wrong, _ = crc_answer(mode, error=1)

    assert found(right, due) == []
    assert found(wrong, due) == [(Rule.SESSION_CRC, 28)]
    assert found(right) == [(Rule.SESSION_CRC, 26)]


def shuffled(body: bytes) -> bytes:
    return body[:4] + body[20:32] + body[4:20] + body[32:]


def without_code(body: bytes) -> bytes:
    return b"\x07\x00" + (len(body) - 13).to_bytes(2, "little") + body[4:-9]


def with_short_inn(body: bytes) -> bytes:
    return b"\x07\x00" + (len(body) - 6).to_bytes(2, "little") + field(1017, b"7704211201") + body[20:]


def with_extra(body: bytes) -> bytes:
    return b"\x07\x00" + (len(body) + 1).to_bytes(2, "little") + body[4:] + field(1206, b"\x02")


def overrun(body: bytes) -> bytes:
    return body[:6] + b"\xff\xff" + body[8:]


def cut(body: bytes) -> bytes:
    return b"\x07\x00" + (len(body) - 6).to_bytes(2, "little") + body[4:] + b"\xf4\x03"


@pytest.mark.parametrize(
    ("change", "rules", "readable"),
    [
        (shuffled, {Rule.LAYOUT}, True),
        (without_code, {Rule.LAYOUT}, False),
        (with_short_inn, {Rule.LENGTH}, False),
        (overrun, {Rule.LENGTH}, False),
        (cut, {Rule.LENGTH}, False),
    ],
)
def test_another_layout_is_told(change: Callable[[bytes], bytes], rules: set[Rule], readable: bool) -> None:
    bent = rewritten(change)(answer())
    assert bent is not None
    confirmed, mismatches = verify(bent, DUE, now=NOW)

    assert {mismatch.rule for mismatch in mismatches} == rules
    assert (confirmed is not None) is readable


@pytest.mark.parametrize(("bits", "allowed", "right"), [
    (0x02, True, True), (0x02, False, False), (0x00, True, False), (0x01, True, False),
])  # fmt: skip
def test_1206_is_for_the_newer_formats_and_never_zero(bits: int, allowed: bool, right: bool) -> None:
    due = replace(DUE, bits_1206_allowed=allowed)

    confirmed, mismatches = verify(answer(fields(t1206=bytes((bits,)))), due, now=NOW)

    assert [mismatch.rule for mismatch in mismatches] == ([] if right else [Rule.OPERATOR_MESSAGE])
    assert confirmed is not None
    assert confirmed.operator_message == bits


@pytest.mark.parametrize(("sign", "trailer", "rule"), [
    ("8806 00000000 0003", "8206 010203040506 0000", Rule.OPERATOR_SIGN),
    ("8806 01020304 0003", "8206 000000000000 0000", Rule.TRAILER),
])  # fmt: skip
def test_signs_of_zeros_are_told(sign: str, trailer: str, rule: Rule) -> None:
    assert [told for told, _ in found(answer(fields(t1078=bytes.fromhex(sign)), trailer=trailer))] == [rule]


def test_a_nonce_of_zeros_is_told() -> None:
    bent = bytearray(answer())
    bent[50:58] = bytes(8)

    assert found(repaired(bytes(bent))) == [(Rule.NONCE, 50)]


def test_a_known_operator_must_be_the_one_that_answers() -> None:
    assert found(answer(), replace(DUE, operator_inn="7704211201")) == []
    assert found(answer(), replace(DUE, operator_inn="7802781104")) == [(Rule.OPERATOR_INN, 70)]


@pytest.mark.parametrize(("minutes", "right"), [(-6, False), (-4, True), (4, True), (6, False), (180, False)])
def test_the_time_is_utc_now(minutes: int, right: bool) -> None:
    assert found(answer(), now=NOW + timedelta(minutes=minutes)) == ([] if right else [(Rule.TIME, 126)])


def test_any_code_can_be_allowed() -> None:
    values = fields(t1068=field(1022, b"\x0e"))

    assert found(answer(values)) == [(Rule.CODE, 138)]
    assert found(answer(values), replace(DUE, response_codes=frozenset((0, 14)))) == []
    assert found(answer(values), replace(DUE, response_codes=None)) == []


def test_a_repeat_has_the_same_code_and_signs() -> None:
    earlier, _ = verify(answer(), DUE, now=NOW)
    other = fields(t1078=bytes.fromhex("8806 01020305 0003"))
    later = fields(t1012=struct.pack("<I", int(NOW.timestamp()) + 60))

    assert found(answer(later), replace(DUE, earlier=earlier)) == []
    assert found(answer(other), replace(DUE, earlier=earlier)) == [(Rule.SAME_AGAIN, 86)]


def test_two_documents_have_two_signs() -> None:
    same, _ = verify(answer(), DUE, now=NOW)
    assert same is not None
    previous = replace(same, fd=FD - 1)

    assert found(answer(), replace(DUE, previous=previous)) == [(Rule.NEW_SIGN, 86), (Rule.NEW_SIGN, 139)]
    assert found(answer(), replace(DUE, previous=same)) == []


def test_a_mismatch_speaks_to_a_developer() -> None:
    bent = bytearray(answer())
    bent[49] = 8

    (mismatch,) = verify(repaired(bytes(bent)), DUE, now=NOW)[1]

    assert str(mismatch) == (
        f"ФН {FN} ФД 7: байт / byte 47, номер ФД / FD number: получено / found 8, ожидалось / expected 7 "
        "(номер ФД тот же, что в документе / the FD number is the document's)"
    )


def test_what_a_drive_would_refuse_is_told_apart() -> None:
    assert Rule.FD.refused_by_fn
    assert Rule.CONTAINER_CRC.refused_by_fn
    assert not Rule.CODE.refused_by_fn
    assert not Rule.TIME.refused_by_fn
