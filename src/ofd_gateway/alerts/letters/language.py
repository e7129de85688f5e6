"""How numbers, dates and names are written in each language, and what of a register's text a letter may hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ofd_gateway.alerts.model import FactValue

__all__ = ["LANGUAGES", "clean", "day_text", "language_of", "moment_text", "number_text", "plural"]

LANGUAGES: Final = ("ru", "en")
"""Languages of letters; the first is that of whoever asks for another one."""

_UNKNOWN: Final = "–"


def language_of(locale: str) -> str:
    """The language of letters for a locale such as `ru`, `en` or `en_US`."""
    asked = locale[:2].lower()
    return asked if asked in LANGUAGES else LANGUAGES[0]


def day_text(value: object, place: ZoneInfo) -> str:
    """`dd.mm.yyyy` of a moment in `place`, or of a date; a dash for what is none."""
    moment = _moment(value)
    if moment is None:
        return _UNKNOWN
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(place)
    return f"{moment:%d.%m.%Y}"


def moment_text(value: object, place: ZoneInfo) -> str:
    """`dd.mm.yyyy HH:MM` of a moment in `place`; a dash for what is none."""
    moment = _moment(value)
    if not isinstance(moment, datetime):
        return _UNKNOWN if moment is None else f"{moment:%d.%m.%Y}"
    return f"{moment.astimezone(place):%d.%m.%Y %H:%M}"


def number_text(value: FactValue) -> str:
    """A number without a tail of zeros; a dash for none."""
    if value is None:
        return _UNKNOWN
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    return str(value)


def plural(count: FactValue, one: str, few: str, many: str) -> str:
    """The number and its noun: 1 касса, 2 кассы, 5 касс. English gives the same word twice."""
    number = int(count) if isinstance(count, int | float) else 0
    last, last_two = number % 10, number % 100
    if few == many:
        word = one if number == 1 else many
    elif last == 1 and last_two != 11:
        word = one
    elif last in (2, 3, 4) and last_two not in (12, 13, 14):
        word = few
    else:
        word = many
    return f"{number_text(count)} {word}"


def _moment(value: object) -> datetime | date | None:
    if isinstance(value, datetime | date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value) if "T" in value or " " in value else date.fromisoformat(value)
    except ValueError:
        return None
