"""Values of settings as text, and whole configuration files. First byte: which kind of value."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from fuzz.cases import Instructions
from ofd_gateway import setting_values
from ofd_gateway.durations import DurationError, parse_duration, spell_duration
from ofd_gateway.settings import Settings

__all__ = ["check"]

_KINDS: Final[tuple[TypeAdapter[Any], ...]] = tuple(
    TypeAdapter(getattr(setting_values, name))
    for name in (
        *("Address", "BaseUrl", "Capacities", "DatabaseChoice", "Directory", "Duration", "Durations"),
        *("Networks", "Numbers", "Severities", "Texts", "Rate"),
    )
)


def check(data: bytes) -> None:
    """A value or a complaint; a value is written so that it reads the same."""
    instructions = Instructions(data)
    choice = instructions.number()
    text = instructions.rest().decode("utf-8", "replace")
    if choice < len(_KINDS):
        _check_value(_KINDS[choice], text)
    elif choice & 1:
        _check_duration(text)
    else:
        _check_file(text)


def _check_value(kind: TypeAdapter[Any], text: str) -> None:
    try:
        value = kind.validate_python(text)
    except ValidationError as error:
        assert error.errors(include_url=False)
        return
    assert kind.validate_python(kind.dump_python(value, mode="json")) == value


def _check_duration(text: str) -> None:
    try:
        value = parse_duration(text)
    except DurationError as error:
        assert str(error)
        return
    assert parse_duration(spell_duration(value)) == value


def _check_file(text: str) -> None:
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    try:
        settings = Settings.model_validate(tree)
    except ValidationError:
        return
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
