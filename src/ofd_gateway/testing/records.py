"""Alerts and quarantined messages as a test sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

__all__ = ["Alert", "Quarantined", "read"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A message that was not accepted. `fd` is None when it could not be read; `bytes` is the size of the message."""

    id: int
    fn: str
    fd: int | None
    reason: str
    detail: str
    received_at: str
    peer: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a rule found, as `alerts list --json` has it."""

    id: int
    type: str
    rule: str
    subject: str
    customer: str | None
    level: str | int | None
    state: str
    opened_at: str
    resolved_at: str | None
    facts: Mapping[str, Any]


def read(type_: type[_T], line: Mapping[str, Any]) -> _T:
    """The record of a JSON object; keys that it does not know are passed over."""
    return type_(**{field.name: line[field.name] for field in fields(type_)})  # type: ignore[arg-type]
