"""Contacts as registers spell them, and nonsense that must reach nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.buyers.contact import (
    Contacts,
    ContactUnusable,
    mask_contact,
    mask_in,
    normalise_contact,
    parse_contacts,
)

PHONE = "+79991234567"
EMAIL = "i@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "+79991234567",
        "79991234567",
        "89991234567",
        "9991234567",
        "8 (999) 123-45-67",
        "8(999)123 45 67",
        "+7 999 123 45 67",
        "+7-999-123-45-67",
        "8.999.123.45.67",
        "+8 999 123-45-67",
        "007 999 1234567",
        "tel:+79991234567",
        "тел. 8 999 123-45-67",
        "тел: 89991234567",
        "Телефон +7 (999) 123‑45‑67",
        "  +79991234567  ",
        "+7\u00a0999\u00a01234567",
    ],
)
def test_a_number_in_many_spellings(text: str) -> None:
    assert parse_contacts(text) == Contacts(phone=PHONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i@example.com", "i@example.com"),
        ("mailto:I.Ivanov+shop@Example.COM", "I.Ivanov+shop@example.com"),
        ("e-mail: o'neil_1@mail.test.ru", "o'neil_1@mail.test.ru"),
        ("почта i@xn--e1afmkfd.xn--p1ai", "i@xn--e1afmkfd.xn--p1ai"),
        ("+375291234567", "+375291234567"),
        ("+7 701 234 56 78", "+77012345678"),
        ("0037529 123 45 67", "+375291234567"),
    ],
)
def test_single_contacts(text: str, expected: str) -> None:
    assert normalise_contact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i@example.com, +79991234567", Contacts(email=EMAIL, phone=PHONE)),
        ("8 999 123 45 67; i@example.com", Contacts(email=EMAIL, phone=PHONE)),
        ("i@example.com 8 (999) 123-45-67", Contacts(email=EMAIL, phone=PHONE)),
        ("+79991234567 +79161234567", Contacts(phone=PHONE)),
        ("89991234567 89161234567", Contacts(phone=PHONE)),
        ("none, i@example.com", Contacts(email=EMAIL)),
        ("i@example.com,j@example.com", Contacts(email=EMAIL)),
        ("нет; +79991234567", Contacts(phone=PHONE)),
    ],
)
def test_several_contacts(text: str, expected: Contacts) -> None:
    assert parse_contacts(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (",;,", "empty"),
        ("none", "placeholder"),
        ("НЕТ", "placeholder"),
        ("-", "placeholder"),
        ("n/a", "placeholder"),
        ("0", "placeholder"),
        ("не указан", "placeholder"),
        ("i@example.com\r\nBcc: j@example.com", "control_characters"),
        ("i@example.com\n", "control_characters"),
        ("i@exam\0ple.com", "control_characters"),
        ("+7999\u202e1234567", "control_characters"),
        ("a,b@example.com", "phone_syntax"),
        ("<i@example.com>", "email_syntax"),
        ("Иван <i@example.com>", "phone_syntax"),
        ("i@@example.com", "email_syntax"),
        (".i@example.com", "email_syntax"),
        ("i..j@example.com", "email_syntax"),
        ('"i"@example.com', "email_syntax"),
        ("i%other.ru@example.com", "email_syntax"),
        ("other!i@example.com", "email_syntax"),
        ("i@[127.0.0.1]", "email_syntax"),
        ("i@localhost", "email_syntax"),
        ("i@example.123", "email_syntax"),
        ("i@-example.com", "email_syntax"),
        ("иван@example.com", "not_ascii"),
        ("i@пример.рф", "not_ascii"),
        ("x" * 300, "too_long"),
        ("x" * 70 + "@example.com", "too_long"),
        ("+7999123456", "phone_digits"),
        ("+799912345678", "phone_digits"),
        ("12345", "phone_digits"),
        ("+0123456789", "phone_digits"),
        ("80001234567", "phone_digits"),
        ("8 495 123-45-67", "landline"),
        ("+7 (812) 123 45 67", "landline"),
        ("٨٩٩٩١٢٣٤٥٦٧", "phone_syntax"),
        ("+7 999 123-45-67 доб. 12", "phone_syntax"),
        ("покупатель", "phone_syntax"),
        ("i@example.com; ' OR 1=1", "phone_syntax"),
    ],
)
def test_nonsense_reaches_nobody(text: str, reason: str) -> None:
    with pytest.raises(ContactUnusable) as caught:
        parse_contacts(text)
    assert caught.value.reason == reason


def test_two_kinds_are_not_one_contact() -> None:
    with pytest.raises(ContactUnusable):
        normalise_contact("i@example.com, +79991234567")


@given(st.text(max_size=150))
def test_whatever_comes_out_can_stand_in_a_header(text: str) -> None:
    try:
        found = parse_contacts(text)
    except ContactUnusable:
        return
    for contact in (found.email, found.phone):
        if contact is not None:
            assert contact.isascii()
            assert contact.isprintable()
            assert not set(contact) & set(' ,;<>()[]"\\:')
            assert normalise_contact(contact) == contact


@given(st.from_regex(r"9[0-9]{9}", fullmatch=True), st.data())
def test_separators_do_not_matter(digits: str, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from(["+7", "8", "7", ""]))
    separators = data.draw(st.lists(st.sampled_from(["", " ", "-", ".", "(", ")", " - "]), min_size=10, max_size=10))
    spelt = prefix + "".join(separator + digit for separator, digit in zip(separators, digits, strict=True))
    assert parse_contacts(spelt) == Contacts(phone=f"+7{digits}")


@pytest.mark.parametrize(
    ("contact", "masked"),
    [
        (PHONE, "+7999***4567"),
        (EMAIL, "i***@example.com"),
        ("+375291234567", "+37529***4567"),
        ("+12345678", "***"),
        ("", "***"),
        ("garbage", "***"),
    ],
)
def test_masks(contact: str, masked: str) -> None:
    assert mask_contact(contact) == masked


def test_answers_that_repeat_a_contact_are_masked() -> None:
    assert mask_in("550 <I@EXAMPLE.com> unknown", EMAIL) == "550 <i***@example.com> unknown"
    assert mask_in("79991234567: absent", PHONE) == "+7999***4567: absent"
    assert mask_in("nothing of it", PHONE) == "nothing of it"
    assert mask_in("no contact", None) == "no contact"
