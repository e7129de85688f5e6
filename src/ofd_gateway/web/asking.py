"""Parameters of requests, checked: one that is unknown, given twice or without sense is a 400 that names it."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.durations import DurationError, parse_duration
from ofd_gateway.ffd import to_json_bytes
from ofd_gateway.ffd.dictionary import DOCUMENT_CODES
from ofd_gateway.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from starlette.requests import Request

    from ofd_gateway.clock import Clock

    _T = TypeVar("_T")

__all__ = ["MOST", "Asked", "read_token", "spell_token"]

MOST: Final = 1000
"""The largest page."""
_USUAL: Final = 100
_FN: Final = re.compile(r"\d{15,16}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


class Asked:
    """The query of one request, of which only the `known` parameters may be there."""

    def __init__(self, request: Request, *known: str) -> None:
        self._values: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                raise wrong(name, f"there is no such parameter; there are {', '.join(known)}")
            if name in self._values:
                raise wrong(name, "it is given twice")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """As it is; None when it is absent."""
        value = self._values.get(name)
        if value is not None and "\0" in value:
            raise wrong(name, "it holds a NUL")
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str | None:
        """One of the choices."""
        value, known = self._values.get(name), list(choices)
        if value is not None and value not in known:
            raise wrong(name, f"{value!r} is none of {', '.join(known)}")
        return value

    def fn(self, name: str = "fn") -> str | None:
        """An FN number."""
        value = self._values.get(name)
        if value is not None and not _FN.fullmatch(value):
            raise wrong(name, f"{value!r} is no FN number of 15 or 16 digits")
        return value

    def codes(self, name: str = "kind") -> list[int] | None:
        """A kind of documents as codes."""
        kind = self.choice(name, DOCUMENT_CODES.values())
        return None if kind is None else [code for code, known in DOCUMENT_CODES.items() if known == kind]

    def whole(self, name: str, *, least: int, most: int, usual: int | None = None) -> int | None:
        """A whole number; `usual` when it is absent."""
        value = self._values.get(name)
        if value is None:
            return usual
        if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
            raise wrong(name, f"{value!r} is no whole number from {least} to {most}")
        return int(value)

    def limit(self) -> int:
        """The size of a page."""
        return self.whole("limit", least=1, most=MOST, usual=_USUAL) or _USUAL

    def truth(self, name: str) -> bool:
        """`true` or `false`; false when it is absent."""
        value = self.choice(name, _TRUTHS)
        return _TRUTHS[value] if value is not None else False

    def moment(self, name: str, clock: Clock) -> datetime | None:
        """An ISO time (UTC where it names no zone), or a duration back from now: `24h`."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value.replace(" ", "+"))
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        try:
            return clock.now() - parse_duration(value)
        except (DurationError, OverflowError):
            raise wrong(name, f"{value!r} is neither a moment like 2026-01-31T12:00:00Z nor a duration") from None


def wrong(name: str, reason: str) -> Problem:
    """The problem of one parameter."""
    return Problem(HTTPStatus.BAD_REQUEST, f"{name}: {reason}")


def spell_token(value: object) -> str:
    """A place in a list as an opaque text for URLs."""
    return base64.urlsafe_b64encode(to_json_bytes(value)).decode().rstrip("=")


def read_token(name: str, text: str, type_: type[_T]) -> _T:
    """The place that `spell_token` wrote; a text of somebody else's is a 400."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=type_)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise wrong(name, "it is not one that this list gave out") from None
