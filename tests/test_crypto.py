from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ofd_gateway.crypto import BodyUnreadable, CryptoModule, EmulatorCrypto, Signs
from ofd_gateway.protocol import (
    FROM_FN,
    FROM_OPERATOR,
    Container,
    build_container,
    confirmation_body,
    parse_confirmation,
    parse_container,
)

KEY = bytes(range(32))
CRYPTO = EmulatorCrypto(KEY)
FN = "9999078902013267"
MESSAGE_SIGN = bytes.fromhex("810633ded311f315")
SUBJECT = {"fn": FN, "fd": 1, "message_sign": MESSAGE_SIGN, "response_code": 14, "operator_message": 2}
SUBJECTS = st.fixed_dictionaries(
    {
        "fn": st.from_regex(r"[0-9]{15,16}", fullmatch=True).filter(str.isascii),
        "fd": st.integers(1, 0xFF_FFFF),
        "message_sign": st.binary(min_size=8, max_size=8),
        "response_code": st.integers(0, 255),
        "operator_message": st.integers(0, 255),
    }
)


def from_fn(body: bytes, *, code: int = 3, trailer: bytes = MESSAGE_SIGN + b"\x00\x00") -> Container:
    return parse_container(
        build_container(kind=FROM_FN, document_code=code, fn=FN, fd=1, nonce=b"\x01" * 8, body=body, trailer=trailer)
    )


def confirmation(crypto: EmulatorCrypto = CRYPTO, *, seconds: int = 1_726_400_816, **subject: object) -> Container:
    values = SUBJECT | subject
    signs = crypto.sign(**values)  # type: ignore[arg-type]
    body = confirmation_body(
        operator_inn="7704211201",
        operator_sign=signs.operator_sign,
        fn=values["fn"],
        fd=values["fd"],
        confirmed_at=datetime.fromtimestamp(seconds, UTC),
        response_code=values["response_code"],
        operator_message=values["operator_message"],
    )
    wrapped = crypto.wrap(body=body, fn=values["fn"], fd=values["fd"], signs=signs)
    return parse_container(wrapped, kind=FROM_OPERATOR)


def rebuilt(container: Container, **changes: object) -> Container:
    """The same container with other parts and a right CRC."""
    names = (
        "kind",
        "document_code",
        "format_version",
        "service_data",
        "fn",
        "fd",
        "nonce",
        "key_id",
        "body",
        "trailer",
    )
    parts = {name: getattr(container, name) for name in names} | changes
    return parse_container(build_container(**parts), kind=FROM_OPERATOR)  # type: ignore[arg-type]


def test_the_emulator_is_a_crypto_module():
    module: CryptoModule = CRYPTO
    assert module is CRYPTO


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match="the key is empty"):
        EmulatorCrypto(b"")


class TestUnwrap:
    @pytest.mark.parametrize("body", [b"\x03\x00\x00\x00", b"\x03\x00\x05\x00\x01\x02\x03\x04\x05"])
    def test_a_plain_body_is_the_document(self, body):
        assert CRYPTO.unwrap(from_fn(body)) == body

    @pytest.mark.parametrize(
        ("body", "field", "offset", "detail"),
        [
            (b"\x04\x00\x00\x00", "document", 32, "it begins with 4"),
            (b"\x03\x01\x00\x00", "document", 32, "it begins with 259"),
            (b"\x12\xce\x00\x00", "document", 32, "it begins with 52754"),
            (b"\x03\x00\x01\x00", "document length", 34, "its length is 1"),
            (b"\x03\x00\x00\x00\x00", "document length", 34, "its length is 0"),
            (b"\x03\x00\xff\xff" + bytes(10), "document length", 34, "its length is 65535"),
        ],
    )
    def test_anything_else_is_named(self, body, field, offset, detail):
        with pytest.raises(BodyUnreadable) as caught:
            CRYPTO.unwrap(from_fn(body))
        error = caught.value
        assert (error.reason, error.field, error.offset) == ("encrypted_or_corrupt", field, offset)
        assert error.detail.startswith(detail)
        assert str(error) == f"{field} at byte {offset}: {error.detail}; {error.rule}"

    @pytest.mark.parametrize(
        ("trailer", "likely"),
        [
            (MESSAGE_SIGN + b"\x00\x00", "corrupt rather than encrypted"),
            (MESSAGE_SIGN + b"\x00\x01", "encrypted rather than corrupt"),
            (bytes(range(10)), "encrypted rather than corrupt"),
        ],
    )
    def test_the_trailer_tells_which_is_likely(self, trailer, likely):
        with pytest.raises(BodyUnreadable, match=likely):
            CRYPTO.unwrap(from_fn(bytes(64), trailer=trailer))

    def test_a_container_made_by_hand_may_have_no_body(self):
        empty = Container(
            kind=FROM_FN,
            document_code=3,
            format_version=1,
            service_data=b"\x10\x09",
            fn=FN,
            fd=1,
            nonce=bytes(8),
            key_id=b"\x00\x02",
            body=b"\x03\x00",
            trailer=bytes(10),
            raw=b"",
        )
        with pytest.raises(BodyUnreadable, match="the body has 2 bytes"):
            CRYPTO.unwrap(empty)

    @given(st.binary(min_size=4, max_size=64), st.integers(0, 255))
    def test_arbitrary_bodies_are_the_document_or_unreadable(self, body, code):
        plain = body[:2] == bytes((code, 0)) and body[2:4] == (len(body) - 4).to_bytes(2, "little")
        container = from_fn(body, code=code)
        if plain:
            assert CRYPTO.unwrap(container) == body
        else:
            with pytest.raises(BodyUnreadable):
                CRYPTO.unwrap(container)


class TestSign:
    def test_the_definition(self):
        text = f"confirmation:{FN}:1:{MESSAGE_SIGN.hex()}:14:2"
        mac = hmac.new(KEY, text.encode(), hashlib.sha256).digest()
        assert CRYPTO.sign(**SUBJECT) == Signs(
            operator_sign=b"\x88\x06" + mac[:4] + b"\x00\x03", trailer=b"\x82\x06" + mac[4:10] + b"\x00\x00"
        )

    @given(SUBJECTS, SUBJECTS)
    def test_equal_for_equal_subjects_only(self, first, second):
        assume(first != second)
        assert CRYPTO.sign(**first) == CRYPTO.sign(**first)
        assert CRYPTO.sign(**first) != CRYPTO.sign(**second)

    @pytest.mark.parametrize(
        "change",
        [
            {"fn": "9999078902013268"},
            {"fd": 2},
            {"message_sign": bytes.fromhex("810633ded311f316")},
            {"response_code": 0},
            {"operator_message": 0},
        ],
    )
    def test_every_part_of_the_subject_counts(self, change):
        before, after = CRYPTO.sign(**SUBJECT), CRYPTO.sign(**(SUBJECT | change))
        assert before.operator_sign != after.operator_sign
        assert before.trailer != after.trailer

    def test_another_key_gives_other_signs(self):
        assert CRYPTO.sign(**SUBJECT) != EmulatorCrypto(bytes(32)).sign(**SUBJECT)


def test_nothing_is_ever_all_zero(monkeypatch):
    monkeypatch.setattr("ofd_gateway.crypto._Mac.of", lambda *_: bytes(32))
    container = confirmation()
    assert parse_confirmation(container).operator_sign == bytes.fromhex("8806 00000001 0003")
    assert container.trailer == bytes.fromhex("8206 000000000001 0000")
    assert container.nonce == bytes(7) + b"\x01"


class TestWrap:
    def test_the_layout_is_that_of_the_captured_ones(self):
        container = confirmation()
        assert (container.kind, container.document_code, container.format_version) == (0x5A, 7, 1)
        assert (container.service_data, container.key_id) == (b"\x10\x09", b"\x00\x02")
        assert (container.fn, container.fd, len(container.nonce)) == (FN, 1, 8)
        assert container.trailer == CRYPTO.sign(**SUBJECT).trailer
        assert parse_confirmation(container).operator_sign == CRYPTO.sign(**SUBJECT).operator_sign

    def test_the_same_body_gives_the_same_bytes(self):
        assert confirmation().raw == confirmation().raw

    def test_another_time_gives_another_nonce_and_the_same_signs(self):
        earlier, later = confirmation(), confirmation(seconds=1_726_400_817)
        assert earlier.nonce != later.nonce
        assert earlier.trailer == later.trailer

    def test_the_nonce_is_a_mac_of_the_body(self):
        container = confirmation()
        assert container.nonce == hmac.new(KEY, b"nonce:" + container.body, hashlib.sha256).digest()[:8]


class TestVerify:
    @given(SUBJECTS)
    def test_what_was_made_here_is_recognised(self, subject):
        assert CRYPTO.verify(confirmation(**subject), message_sign=subject["message_sign"]) is True

    def test_not_for_other_content(self):
        assert CRYPTO.verify(confirmation(), message_sign=bytes.fromhex("8106000000000000")) is False

    def test_not_by_another_key(self):
        other = EmulatorCrypto(KEY[::-1])
        assert CRYPTO.verify(confirmation(other), message_sign=MESSAGE_SIGN) is False

    def test_not_when_any_byte_of_the_body_was_changed(self):
        container = confirmation()
        for place in range(len(container.body)):
            body = bytearray(container.body)
            body[place] ^= 1
            assert CRYPTO.verify(rebuilt(container, body=bytes(body)), message_sign=MESSAGE_SIGN) is False, place

    @pytest.mark.parametrize(
        "change",
        [
            {"nonce": bytes(8)},
            {"key_id": b"\x00\x04"},
            {"service_data": b"\x10\x0a"},
            {"format_version": 2},
            {"trailer": bytes.fromhex("8206 000000000001 0000")},
            {"fd": 2},
            {"fn": "9999078902013268"},
            {"document_code": 3},
        ],
    )
    def test_not_when_the_frame_was_changed(self, change):
        assert CRYPTO.verify(rebuilt(confirmation(), **change), message_sign=MESSAGE_SIGN) is False

    def test_not_when_only_the_operator_sign_belongs_to_another_answer(self):
        container = confirmation()
        sign = CRYPTO.sign(**(SUBJECT | {"fd": 2})).operator_sign
        body = container.body.replace(parse_confirmation(container).operator_sign, sign)
        signs = Signs(operator_sign=sign, trailer=container.trailer)
        forged = parse_container(CRYPTO.wrap(body=body, fn=FN, fd=1, signs=signs), kind=FROM_OPERATOR)
        assert CRYPTO.verify(forged, message_sign=MESSAGE_SIGN) is False

    def test_a_captured_confirmation_of_a_real_operator_is_not_ours(self, reference):
        text = (reference / "vectors" / "taxcom_ack_fd1_code14_container.hex").read_text()
        container = parse_container(bytes.fromhex(text), kind=FROM_OPERATOR)
        assert CRYPTO.verify(container, message_sign=MESSAGE_SIGN) is False


def test_the_captured_documents_are_plain(reference):
    for name, start in (("kkt_ffd12_rereg_fd1_full_message", 30), ("yandex_test_container_reg_2016", 0)):
        data = bytes.fromhex((reference / "vectors" / f"{name}.hex").read_text())
        container = parse_container(data[start:])
        assert CRYPTO.unwrap(container) == container.body
