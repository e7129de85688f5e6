"""A buyer's contact (телефон или электронный адрес покупателя, 1008) as registers spell it, made plain."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

import msgspec

__all__ = ["ContactUnusable", "Contacts", "mask_contact", "mask_in", "normalise_contact", "parse_contacts"]

UnusableReason = Literal[
    "empty",
    "placeholder",
    "too_long",
    "control_characters",
    "not_ascii",
    "email_syntax",
    "phone_syntax",
    "phone_digits",
    "landline",
]

_LONGEST: Final = 128
_LONGEST_ADDRESS: Final = 254
_LONGEST_LOCAL: Final = 64
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLACEHOLDERS: Final = frozenset(
    {
        *("0", "-", "--", "—", "–", ".", "?", "n/a", "na", "no", "none", "null", "nil", "unknown", "anonymous"),
        *("нет", "нету", "не указан", "не указано", "отсутствует", "без адреса", "отказ", "не задан"),
    }
)
_PREFIX: Final = re.compile(r"(?:mailto|e-?mail|tel|phone|sms|тел(?:ефон)?|почта)(?::|\.:?|\s)\s*", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[,;]")
_SPACES: Final = re.compile(r"\s+")
_LOCAL: Final = re.compile(r"[a-z0-9_#$&'*+=?^{}~-]+(?:\.[a-z0-9_#$&'*+=?^{}~-]+)*", re.IGNORECASE)
_DOMAIN: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})", re.IGNORECASE
)
_PHONE: Final = re.compile(r"\+?[\d ().\u00a0\u2010-\u2015\u2212-]+", re.ASCII)
_NO_DIGITS: Final = re.compile(r"\D+", re.ASCII)
_RUSSIAN_DIGITS: Final = 11
_LEAST_DIGITS: Final = 8
_MOST_DIGITS: Final = 15
_MOBILE: Final = frozenset("679")
"""The first digits behind +7 that may be mobile: Russia has 9, Kazakhstan 6 and 7."""


class ContactUnusable(ValueError):
    """A text that nothing can be sent to. `reason` is a slug; the text itself is not repeated."""

    def __init__(self, reason: UnusableReason) -> None:
        super().__init__(reason)
        self.reason: UnusableReason = reason


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where a receipt can go: an e-mail address, a phone number in the form of E.164, or both; the first of each."""

    email: str | None = None
    phone: str | None = None


def parse_contacts(text: str) -> Contacts:
    """The contacts in one field, which may hold several, separated by commas, semicolons or spaces.

    A field with anything in it that is no contact is unusable as a whole: what is left of `a,b@example.com` behind the
    comma is somebody else's address.

    Raises:
        ContactUnusable: there is none, or something that is none.
    """
    if len(text) > _LONGEST:
        raise ContactUnusable("too_long")
    stripped = text.strip(" \u00a0")
    if any(unicodedata.category(sign) in _HIDDEN for sign in stripped):
        raise ContactUnusable("control_characters")
    if not stripped:
        raise ContactUnusable("empty")
    email: str | None = None
    phone: str | None = None
    placeholders = 0
    for part in _parts(stripped):
        if part.lower() in _PLACEHOLDERS:
            placeholders += 1
        elif "@" in part:
            email = email or _email(part)
        else:
            phone = phone or _phone(part)
    if email is None and phone is None:
        raise ContactUnusable("placeholder" if placeholders else "empty")
    return Contacts(email=email, phone=phone)


def normalise_contact(text: str) -> str:
    """One contact, as it would be kept; for somebody who asks for it.

    Raises:
        ContactUnusable: it is none, or more than one.
    """
    found = parse_contacts(text)
    if found.email is not None and found.phone is not None:
        raise ContactUnusable("email_syntax")
    return found.email or found.phone or ""


def mask_contact(contact: str) -> str:
    """`+7999***4567`, `i***@example.com`: enough to recognise it, too little to use it."""
    local, at, domain = contact.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if contact.startswith("+") and len(contact) > _LEAST_DIGITS + 1:
        return f"{contact[:-7]}***{contact[-4:]}"
    return "***"


def mask_in(text: str, contact: str | None) -> str:
    """The text with the contact hidden wherever it is repeated, as answers of servers do."""
    if not contact:
        return text
    mask = mask_contact(contact)
    hidden = re.sub(re.escape(contact), lambda _: mask, text, flags=re.IGNORECASE)
    return hidden.replace(contact[1:], mask) if contact.startswith("+") else hidden


def _parts(text: str) -> list[str]:
    """Single contacts: addresses stand between spaces, numbers may have spaces inside."""
    if text.lower() in _PLACEHOLDERS:
        return [text]
    parts: list[str] = []
    for piece in _SEPARATORS.split(text):
        plain = piece.strip(" \u00a0")
        bare = _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain
        if not bare:
            continue
        if bare.lower() in _PLACEHOLDERS:
            parts.append(bare)
            continue
        number: list[str] = []
        for word in _SPACES.split(bare):
            if "@" in word:
                parts += _numbers(number)
                number = []
                parts.append(word)
            else:
                number.append(word)
        parts += _numbers(number)
    return parts


def _numbers(words: list[str]) -> list[str]:
    """One number written in groups, or several numbers: a plus begins another, and so does each that is whole."""
    if not words:
        return []
    if len(words) > 1 and all(len(_NO_DIGITS.sub("", word)) >= _RUSSIAN_DIGITS - 1 for word in words):
        return words
    found: list[list[str]] = [[words[0]]]
    for word in words[1:]:
        if word.startswith("+"):
            found.append([word])
        else:
            found[-1].append(word)
    return [" ".join(group) for group in found]


def _email(text: str) -> str:
    if not text.isascii():
        raise ContactUnusable("not_ascii")
    local, _, domain = text.rpartition("@")
    if len(text) > _LONGEST_ADDRESS or len(local) > _LONGEST_LOCAL:
        raise ContactUnusable("too_long")
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ContactUnusable("email_syntax")
    return f"{local}@{domain.lower()}"


def _phone(text: str) -> str:
    """The number with its country; eleven digits with 8 or 7 in front, and ten without, are numbers of +7."""
    if not _PHONE.fullmatch(text):
        raise ContactUnusable("phone_syntax")
    digits = _NO_DIGITS.sub("", text)
    if text.startswith("+") and not digits.startswith("89"):
        return _international(digits)
    if digits.startswith("00"):
        return _international(digits[2:])
    if len(digits) == _RUSSIAN_DIGITS and digits[0] in "78":
        return _international("7" + digits[1:])
    if len(digits) == _RUSSIAN_DIGITS - 1:
        return _international("7" + digits)
    raise ContactUnusable("phone_digits")


def _international(digits: str) -> str:
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS or digits.startswith("0"):
        raise ContactUnusable("phone_digits")
    if digits.startswith("7"):
        if len(digits) != _RUSSIAN_DIGITS or digits[1] in "012":
            raise ContactUnusable("phone_digits")
        if digits[1] not in _MOBILE:
            raise ContactUnusable("landline")
    return f"+{digits}"
