"""A receipt as plain text, as wide as a till roll (чековая лента)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.sheet import lay_out

if TYPE_CHECKING:
    from ofd_gateway.buyers.sheet import ItemLines, Row, Sheet
    from ofd_gateway.buyers.view import Language, ReceiptView

__all__ = ["COLUMNS", "render_text"]

COLUMNS: Final = 42

_INDENT: Final = "   "
_LEAST_GAP: Final = 2


def render_text(view: ReceiptView, *, language: Language = "ru") -> str:
    """The receipt in lines of at most 42 signs, each ended by a line feed; values stand at the right edge."""
    return "".join(f"{line}\n" for line in _lines(lay_out(view, language)))


def _lines(sheet: Sheet) -> Iterator[str]:
    if sheet.trial:
        yield from _centred(sheet.trial)
        yield ""
    yield from _centred(sheet.seller)
    for text in sheet.seller_lines:
        yield from _centred(text)
    yield ""
    yield from _centred(sheet.title.upper())
    yield from _centred(sheet.operation)
    yield from _centred(sheet.moment)
    yield "-" * COLUMNS
    for item in sheet.items:
        yield from _item(item)
    yield "-" * COLUMNS
    yield from _beside(sheet.total.label.upper(), sheet.total.value)
    yield from _section(sheet.payments)
    yield from _section(sheet.vat, rule=True)
    yield from _section(sheet.details, rule=True)
    yield from _section(sheet.register_rows, rule=True)


def _item(item: ItemLines) -> Iterator[str]:
    yield from textwrap.wrap(
        f"{item.number}. {item.name} {item.mark}".rstrip(), COLUMNS, subsequent_indent=_INDENT, break_on_hyphens=False
    )
    if item.calculation or item.sum:
        yield from _beside(f"{_INDENT}{item.calculation}", item.sum)
    yield from textwrap.wrap(item.note, COLUMNS, initial_indent=_INDENT, subsequent_indent=_INDENT)
    for row in item.rows:
        yield from _beside(f"{_INDENT}{row.label}", row.value)


def _section(rows: tuple[Row, ...], *, rule: bool = False) -> Iterator[str]:
    if rows and rule:
        yield "-" * COLUMNS
    for row in rows:
        yield from _beside(row.label, row.value)


def _beside(label: str, value: str) -> Iterator[str]:
    """Name on the left, value on the right; what is too long for that goes on lines of its own."""
    if len(label) + _LEAST_GAP + len(value) <= COLUMNS:
        yield (label + value.rjust(COLUMNS - len(label))).rstrip()
        return
    indent = " " * (len(label) - len(label.lstrip()))
    yield from textwrap.wrap(label, COLUMNS, subsequent_indent=indent)
    lines = textwrap.wrap(value, COLUMNS - len(_INDENT) - len(indent), break_on_hyphens=False)
    for line in lines:
        yield line.rjust(COLUMNS) if len(lines) == 1 else f"{indent}{_INDENT}{line}"


def _centred(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, COLUMNS):
        yield line.center(COLUMNS).rstrip()
