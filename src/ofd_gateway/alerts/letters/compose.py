"""One letter from many alerts: its own subject line for one, a table for several."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts.letters.language import clean, language_of
from ofd_gateway.alerts.letters.model import Letter
from ofd_gateway.alerts.letters.sentences import Item, item_of, many_text, templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ofd_gateway.alerts.letters.model import LetterLine, Recipient

__all__ = ["MOST_ROWS", "Composer"]

MOST_ROWS: Final = 500
"""Rows of a letter's table; mail servers refuse letters of many megabytes, and nobody reads so far."""

_LONGEST_SUBJECT: Final = 200
_WIDEST_CELL: Final = 48
_DIGITS: Final = re.compile(r"(\d+)")
_LABELS: Final = (
    "register",
    "registration_number",
    "fn",
    "place",
    "what",
    "since",
    "until",
    "critical",
    "over",
    "to_do",
)


class Advice(msgspec.Struct, frozen=True):
    """What to do about all alerts with one and the same answer."""

    title: str
    steps: tuple[str, ...]


class Composer:
    """Composes letters of one gateway.

    `operator_name` signs them; `register_timezone` dates what happens at registers without a zone of their own.
    `remedies` say what to do about refusals of the tax service, by code, instead of our own words.
    """

    def __init__(
        self, *, operator_name: str, register_timezone: str, remedies: Mapping[str, str] | None = None
    ) -> None:
        self._operator_name = clean(operator_name)
        self._register_timezone = register_timezone
        self._remedies = {code: clean(text) for code, text in (remedies or {}).items()}

    def compose(self, recipient: Recipient, lines: Sequence[LetterLine]) -> Letter:
        """The letter that tells of these alerts, at least one: critical ones first, ends last.

        Raises:
            UnknownRule: there are no words for a rule.
        """
        language = language_of(recipient.locale)
        ordered = sorted(lines, key=_rank)
        shown = [
            item_of(
                line,
                recipient,
                language,
                self._register_timezone,
                is_alone=len(ordered) == 1,
                remedies=self._remedies,
            )
            for line in ordered[:MOST_ROWS]
        ]
        one = shown[0] if len(ordered) == 1 else None
        subject = one.subject if one else _subject(ordered, language)
        words = _words(language)
        values = {
            "subject": subject,
            "items": shown,
            "one": one,
            "rows": _table(shown, words),
            "advice": _advice(shown),
            "tone": _tone(shown),
            # Words become text here: what a macro of another template gives counts as HTML inside a template.
            "greeting": str(words.greeting(clean(recipient.name), clean(recipient.id))),
            "footer": str(words.footer(self._operator_name, recipient.timezone, recipient.id)),
            "left_out": str(words.left_out(len(ordered) - len(shown))) if len(ordered) > len(shown) else "",
            "label": {name: str(getattr(words, name)) for name in _LABELS},
            "language": language,
        }
        return Letter(
            subject=clean(subject, _LONGEST_SUBJECT),
            text=templates().get_template("letter.txt.j2").render(values),
            html=templates().get_template("letter.html.j2").render(values),
        )


def _rank(line: LetterLine) -> tuple[bool, bool, str, list[tuple[int, str]], int]:
    name = line.register_name or line.registration_number or line.subject
    return line.is_over, not line.critical, line.rule, _natural(name), line.alert_id


def _natural(name: str) -> list[tuple[int, str]]:
    """A key under which «Касса 9» comes before «Касса 10»."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _DIGITS.split(name)]


def _subject(lines: Sequence[LetterLine], language: str) -> str:
    rules = {line.rule for line in lines}
    over = {line.is_over for line in lines}
    registers = {line.registration_number or line.fn for line in lines} - {None}
    if len(rules) == 1 and len(over) == 1:
        counted = len(registers) if len(registers) > 1 else len(lines)
        return many_text(rules.pop(), counted, language, is_over=over.pop())
    words = _words(language)
    template = words.mixed_over if over == {True} else words.mixed
    return str(template(len(lines), len(registers)))


def _words(language: str) -> Any:
    return templates().get_template(f"{language}/words.txt.j2").make_module()


def _tone(items: Sequence[Item]) -> str:
    if any(item.is_critical for item in items):
        return "critical"
    return "over" if all(item.is_over for item in items) else "warning"


def _advice(items: Iterable[Item]) -> list[Advice]:
    """What to do, once for all alerts that need the same."""
    found = {(item.title, item.steps): None for item in items if item.steps}
    return [Advice(title, steps) for title, steps in found]


def _table(items: Sequence[Item], words: Any) -> list[str]:
    """The table of a plain text, its columns as wide as what stands in them."""
    head = ("", *(str(getattr(words, name)) for name in ("register", "registration_number", "fn", "what")))
    body = [
        (
            "!" if item.is_critical else "✓" if item.is_over else "",
            clean(
                " · ".join(part for part in (item.line.register_name and item.name, item.place) if part), _WIDEST_CELL
            ),
            item.registration_number,
            item.fn,
            item.brief,
        )
        for item in items
    ]
    cells = [head, *body]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    rule = "-+-".join("-" * width for width in widths[:-1]) + "-+-" + "-" * 20
    drawn = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [drawn[0], rule, *drawn[1:]]
