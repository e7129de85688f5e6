"""Two documents in FNS JSON, field by field, each difference with its tag number and its name in the orders."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from ofd_gateway.testing.document import Document, Fields, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ofd_gateway.ffd.dictionary import TagSpec

__all__ = ["Comparison", "Difference", "compare", "differences", "unequal", "words"]

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that is not as expected; `tag` is None where the name stands for no tag."""

    path: str
    tag: int | None
    name: str
    change: Literal["differs", "missing", "unexpected"]
    expected: Any
    found: Any

    def __str__(self) -> str:
        """One line: path, tag, Russian name, what was expected and what was found."""
        tag = "" if self.tag is None else f" (тег {self.tag}, {self.name})"
        if self.change == "missing":
            return f"{self.path}{tag}: нет, ожидалось / missing, expected {words(self.tag, self.expected)}"
        if self.change == "unexpected":
            return f"{self.path}{tag}: лишнее / unexpected {words(self.tag, self.found)}"
        return (
            f"{self.path}{tag}: ожидалось / expected {words(self.tag, self.expected)}, "
            f"получено / found {words(self.tag, self.found)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outcome: true when nothing differs. Its text has a line for each difference."""

    title: str
    differences: tuple[Difference, ...]

    def __bool__(self) -> bool:
        """Whether the document is as expected. The last one that was not is shown in the report of a failed test."""
        if self.differences:
            unequal.append(self)
        return not self.differences

    def __str__(self) -> str:
        """The title, then a line for each difference."""
        if not self.differences:
            return f"{self.title}: как ожидалось / as expected"
        head = f"{self.title}: отличий / differences: {len(self.differences)}"
        return "\n".join((head, *(f"  {difference}" for difference in self.differences)))

    def __repr__(self) -> str:
        """One line: pytest shows it beside the expression."""
        return f"<Comparison {self.title}, отличий / differences: {len(self.differences)}>"


unequal: Final[deque[Comparison]] = deque(maxlen=1)
"""The last comparison that turned out false: pytest shortens the text of a value, the plugin shows it whole."""


def compare(expected: Mapping[str, Any], document: Document | Fields, *, exact: bool = False) -> Comparison:
    """Whether a document, or a part of it, has these fields with these values.

    `expected` is FNS JSON with or without the kind as its only key. Fields that it does not name are passed over,
    unless `exact`; lists have as many members as expected. A datetime without a zone is a register's time.
    """
    if isinstance(document, Document):
        found, title = document.fields, f"ФН {document.fn} ФД {document.fd} {document.kind}"
        if len(expected) == 1 and isinstance(inner := expected.get(document.kind), dict):
            expected = inner
    else:
        found, title = document, document.place.kind
    return Comparison(title=title, differences=tuple(differences(expected, found, found.place, exact=exact)))


def differences(expected: Any, found: Any, place: Place, *, exact: bool = False) -> Iterator[Difference]:
    """Every difference between two values that stand at one place, in the order of the first."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from differences(value, found.get(name, _ABSENT), place.below(name), exact=exact)
        for name in found if exact else ():
            if name not in expected:
                yield _difference(place.below(name), "unexpected", None, found[name])
    elif isinstance(expected, list | tuple) and isinstance(found, list):
        yield from _of_lists(expected, found, place, exact=exact)
    elif found is _ABSENT:
        yield _difference(place, "missing", expected, None)
    elif not _same(expected, found):
        yield _difference(place, "differs", expected, found)


def words(tag: int | None, value: Any) -> str:
    """A value for people: with its name where its tag takes values from a set, with roubles where it is money."""
    shown = f"{value.isoformat()} ({_seconds(value)})" if isinstance(value, datetime) else _plain(value)
    if tag is None or isinstance(value, bool) or not isinstance(value, int):
        return shown
    from ofd_gateway.ffd.dictionary import meanings
    from ofd_gateway.ffd.enumerations import describe
    from ofd_gateway.ffd.values import TagKind

    if named := describe(tag, value):
        return f"{shown} ({named})"
    kind = meanings(tag)[0].kind
    if kind is TagKind.VLN:
        return f"{shown} ({Decimal(value) / 100:.2f} ₽)"
    if kind is TagKind.UNIXTIME:
        return f"{shown} ({datetime.fromtimestamp(value, UTC).replace(tzinfo=None).isoformat()})"
    return shown


def _of_lists(expected: Sequence[Any], found: list[Any], place: Place, *, exact: bool) -> Iterator[Difference]:
    for number, value in enumerate(expected):
        member = found[number] if number < len(found) else _ABSENT
        yield from differences(value, member, place.below(number), exact=exact)
    for number in range(len(expected), len(found)):
        yield _difference(place.below(number), "unexpected", None, found[number])


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, datetime):
        return bool(_seconds(expected) == found)
    if isinstance(expected, float):
        expected = Decimal(repr(expected))
    return bool(expected == found)


def _seconds(moment: datetime) -> int:
    """What the wire carries for a register's time."""
    if moment.tzinfo is not None:
        raise ValueError("a register's clock has no zone: give a datetime without one")
    return int(moment.replace(tzinfo=UTC).timestamp())


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _difference(
    place: Place, change: Literal["differs", "missing", "unexpected"], expected: Any, found: Any
) -> Difference:
    spec = _spec(place)
    return Difference(
        path=_spell(place),
        tag=None if spec is None else spec.tag,
        name="" if spec is None else spec.name_ru,
        change=change,
        expected=expected,
        found=found,
    )


def _spell(place: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place.path)
    return place.kind + "".join(steps)


def _spec(place: Place) -> TagSpec | None:
    """The tag of the last name in the path; each name is looked up inside the one before."""
    from ofd_gateway.ffd.dictionary import DOCUMENT_CODES, FFD_VERSIONS, lookup_name

    parent = next((code for code, kind in DOCUMENT_CODES.items() if kind == place.kind), None)
    if parent is None or place.ffd not in FFD_VERSIONS:
        return None
    spec = None
    for step in place.path:
        if isinstance(step, str):
            spec = lookup_name(step, parent, ffd=place.ffd)
            if spec is None:
                return None
            parent = spec.tag
    return spec
