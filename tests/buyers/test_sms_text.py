"""Messages to phones: the words, the alphabets, the parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.buyers.sms_text import (
    DATA_CODING_GSM,
    DATA_CODING_UCS2,
    EncodedSms,
    encode_sms,
    reference_of,
    sms_text,
)
from ofd_gateway.ffd import decode
from tests.messages import PLAIN_FN, document_body

LINK = "https://check.example/check?t=20260131T1200&s=123.45&fn=8710000100000001&i=5&fp=5&n=1"


def receipt(**tags: bytes):
    return decode(document_body(PLAIN_FN, 5, **tags))


def read(encoded: EncodedSms) -> str:
    """The text put together again, by the tables of the standard that Python does not have."""
    from ofd_gateway.buyers import sms_text as module

    bodies = [part[6:] if encoded.has_header else part for part in encoded.parts]
    if encoded.data_coding == DATA_CODING_UCS2:
        return b"".join(bodies).decode("utf-16-be")
    by_code = {code: sign for sign, code in module._GSM.items()}
    text, octets = "", b"".join(bodies)
    while octets:
        size = 2 if octets[0] == 0x1B else 1
        text += by_code[octets[:size]]
        octets = octets[size:]
    return text


class TestWords:
    def test_seller_sum_and_link(self) -> None:
        document = receipt(t1048="ООО «Ромашка»".encode("cp866", "replace"), t1054=b"\x01")
        assert sms_text(document, LINK) == f"ООО ?Ромашка? 123.45 {LINK}"

    def test_a_refund_says_so(self) -> None:
        assert sms_text(receipt(t1048=b"Shop", t1054=b"\x02"), LINK) == f"Shop возврат 123.45 {LINK}"

    def test_a_seller_without_a_name_has_its_inn(self) -> None:
        assert sms_text(receipt(), LINK) == f"ИНН 7802781104 123.45 {LINK}"

    def test_a_hostile_name_is_one_short_line(self) -> None:
        text = sms_text(receipt(t1048=b"a\r\n\x1b" + b"b" * 200), LINK)
        assert text == f"a {'b' * 37}… 123.45 {LINK}"

    def test_a_latin_seller_fits_one_part(self) -> None:
        encoded = encode_sms(sms_text(receipt(t1048=b"Romashka LLC", t1054=b"\x01"), LINK), 1)
        assert (encoded.data_coding, len(encoded.parts)) == (DATA_CODING_GSM, 1)


class TestParts:
    @pytest.mark.parametrize(
        ("text", "coding", "sizes"),
        [
            ("", 0, [0]),
            ("a" * 160, 0, [160]),
            ("a" * 161, 0, [153, 8]),
            ("a" * 306, 0, [153, 153]),
            ("a" * 307, 0, [153, 153, 1]),
            ("€" * 80, 0, [160]),
            ("€" * 81, 0, [152, 10]),
            ("я" * 70, 8, [140]),
            ("я" * 71, 8, [134, 8]),
            ("я" * 134, 8, [134, 134]),
            ("я" * 135, 8, [134, 134, 2]),
            ("😀" * 35, 8, [140]),
            ("😀" * 36, 8, [132, 12]),
        ],
    )
    def test_sizes(self, text: str, coding: int, sizes: list[int]) -> None:
        encoded = encode_sms(text, 7)
        header = 6 if len(sizes) > 1 else 0
        assert encoded.data_coding == coding
        assert [len(part) - header for part in encoded.parts] == sizes

    def test_the_header_of_concatenation(self) -> None:
        encoded = encode_sms("a" * 200, 0xAB)
        assert [part[:6].hex() for part in encoded.parts] == ["050003ab0201", "050003ab0202"]

    def test_known_octets(self) -> None:
        """By the table in GSM 03.38, 6.2.1."""
        assert encode_sms("@$_ [é] 1.50?", 0).parts == (bytes.fromhex("000211201b3c051b3e20312e35303f"),)

    def test_too_long_a_text(self) -> None:
        with pytest.raises(ValueError, match="256 parts"):
            encode_sms("a" * (153 * 255 + 1), 0)

    def test_the_reference_is_the_same_each_time(self) -> None:
        assert reference_of("1", 0, 2) == reference_of("1", 0, 2)
        assert len({reference_of("1", 0, fd) for fd in range(200)}) > 100

    @given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=600), st.integers(0, 255))
    def test_nothing_is_lost(self, text: str, reference: int) -> None:
        encoded = encode_sms(text, reference)
        assert read(encoded) == text
        assert all(len(part) <= (160 if encoded.data_coding == DATA_CODING_GSM else 140) for part in encoded.parts)
