"""What people type for customers and registers, checked before it reaches the database."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "NONE",
    "TYPES",
    "calendar",
    "channels",
    "emails",
    "inn",
    "locale",
    "overrides",
    "quiet_hours",
    "registration_number",
    "service_until",
    "thresholds",
    "timezone",
    "types",
]

NONE: Final = "none"
"""What a person types to take a value away."""
TYPES: Final = ("service", "messages", "silence", "fault")
CHANNELS: Final = ("email", "sms")

_INN: Final = re.compile(r"\d{10}|\d{12}", re.ASCII)
_REGISTRATION_NUMBER: Final = re.compile(r"\d{1,20}", re.ASCII)


def inn(text: str) -> str:
    """An INN of ten or twelve digits; wrong control digits are only warned of: test registers use invented ones."""
    from ofd_gateway.ffd.domain import is_valid_inn

    if not _INN.fullmatch(text):
        raise typer.BadParameter(f"{text!r}: an INN (ИНН) has ten or twelve digits")
    if not is_valid_inn(text):
        typer.echo(f"ИНН {text}: контрольные цифры не сходятся / control digits do not fit", err=True)
    return text


def registration_number(text: str) -> str:
    """A registration number (РНМ, 1037): sixteen digits, of test registers any."""
    stripped = text.strip()
    if not _REGISTRATION_NUMBER.fullmatch(stripped):
        raise typer.BadParameter(f"{text!r}: a registration number (РНМ) has digits only")
    return stripped


def emails(texts: Iterable[str]) -> tuple[str, ...]:
    """Addresses, each option one or several with commas."""
    from ofd_gateway.alerts.letters import wire_address

    found = _parts(texts)
    for address in found:
        try:
            wire_address(address)
        except ValueError as error:
            raise typer.BadParameter(f"{address!r} is no e-mail address: {error}") from None
    return found


def types(text: str) -> tuple[str, ...]:
    """Types of alerts with commas, `none` for none."""
    found = () if text == NONE else _parts([text])
    for name in found:
        if name not in TYPES:
            raise typer.BadParameter(f"{name!r} is no type of alerts; there are {', '.join(TYPES)}")
    return found


def channels(text: str) -> tuple[str, ...]:
    """Ways of receipts to buyers with commas, `none` for none."""
    found = () if text == NONE else _parts([text])
    for name in found:
        if name not in CHANNELS:
            raise typer.BadParameter(f"{name!r} is no way to a buyer; there are {', '.join(CHANNELS)}")
    return found


def timezone(text: str) -> str | None:
    """A time zone such as Asia/Omsk; `none` for the default."""
    from zoneinfo import ZoneInfoNotFoundError

    from ofd_gateway.alerts.timeline import zone

    if text == NONE:
        return None
    try:
        return zone(text).key
    except ZoneInfoNotFoundError:
        raise typer.BadParameter(f"{text!r} is no time zone like Europe/Moscow or Asia/Omsk") from None


def service_until(text: str) -> date | None:
    """A date such as 2026-12-31; `none` for no term."""
    if text == NONE:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date like 2026-12-31") from None


def locale(text: str) -> str:
    """`ru` or `en`."""
    if text not in ("ru", "en"):
        raise typer.BadParameter(f"{text!r} is no language of letters; there are ru, en")
    return text


def quiet_hours(text: str) -> str | None:
    """Clock times such as 22:00-08:00; `none` for no quiet hours."""
    from ofd_gateway.alerts.quiet import parse_quiet_hours

    if text == NONE:
        return None
    try:
        parse_quiet_hours(text, "UTC")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def calendar(text: str) -> str | None:
    """A working calendar; `none` for the whole day, every day."""
    from ofd_gateway.alerts.calendar import CalendarError, parse_calendar

    if text == NONE:
        return None
    try:
        parse_calendar(text)
    except CalendarError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def thresholds(known: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A customer's own thresholds after changes like `service_ending.before=45d,10d`; `…=none` takes one away."""
    after: dict[str, Any] = {rule: dict(options) for rule, options in known.items()}
    for change in changes:
        rule, option, value = _assigned(change, "service_ending.before=45d,10d")
        if not option:
            raise _unlike(change, "service_ending.before=45d,10d")
        options = after.setdefault(rule, {})
        if value == NONE:
            options.pop(option, None)
        else:
            options[option] = value
    return _customised({rule: options for rule, options in after.items() if options})


def overrides(changes: Sequence[str]) -> dict[str, Any]:
    """Thresholds and settings of all rules: `alerts.register_silent.after=12h`, `timezone=Asia/Omsk`."""
    found: dict[str, Any] = {}
    for change in changes:
        rule, option, value = _assigned(change, "register_silent.after=12h")
        if option:
            found.setdefault(rule, {})[option] = value
        else:
            found[rule] = value
    return _customised(found)


def _assigned(change: str, example: str) -> tuple[str, str, str]:
    """Rule, option (empty for a setting of no rule) and value."""
    name, equals, value = change.partition("=")
    rule, dot, option = name.strip().removeprefix("alerts.").partition(".")
    if not equals or (dot and not option):
        raise _unlike(change, example)
    return rule, option, value.strip()


def _unlike(change: str, example: str) -> typer.BadParameter:
    return typer.BadParameter(f"{change!r} should be written like {example}")


def _customised(found: dict[str, Any]) -> dict[str, Any]:
    """The same, if the rules know it."""
    from ofd_gateway.alerts import ParameterError, Parameters, customise

    try:
        customise(Parameters(), found)
    except ParameterError as error:
        raise typer.BadParameter(str(error)) from None
    return found


def _parts(texts: Iterable[str]) -> tuple[str, ...]:
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
