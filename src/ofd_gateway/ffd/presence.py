"""Which tags a document may and must hold (состав документа), by version and edition of the orders."""

from __future__ import annotations

import enum
import functools
import importlib.resources
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.dictionary import meanings
from ofd_gateway.ffd.evidence import CONFIDENCES, TableError, known_evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["EDITIONS", "Edition", "Era", "Place", "PresenceRow", "Requirement", "editions", "era_at", "places", "rows"]

FIRST_ORDER_SECONDS: Final = 1492214400
"""2017-04-15: order ММВ-7-20/229@ comes into force (wall clock as unix time)."""
SECOND_ORDER_SECONDS: Final = 1628208000
"""2021-08-06: order ЕД-7-20/662@ comes into force."""


class Requirement(enum.Enum):
    """What an edition says of a tag in its place (обязательность)."""

    MANDATORY = "M"
    CONDITIONAL = "c"
    OPTIONAL = "o"
    RECOMMENDED = "r"
    RECOMMENDED_CONDITIONAL = "q"
    ABSENT = "-"


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the table: a format version as one order describes it."""

    ffd: str
    year: int


EDITIONS: Final = tuple(
    Edition(ffd=ffd, year=year)
    for ffd, years in (
        ("1.0", (2016, 2017)),
        ("1.05", (2017, 2021, 2025)),
        ("1.1", (2017, 2021, 2025)),
        ("1.2", (2021, 2025)),
    )
    for year in years
)
"""Positions of the `requirement` column, left to right."""


class Era(enum.Enum):
    """Which order was in force when a document was made."""

    BEFORE_ORDERS = "before 229@"
    FIRST_ORDER = "229@"
    SECOND_ORDER = "662@"
    UNDATED = "date unknown"


_YEARS: Final[Mapping[Era, Mapping[str, tuple[int, ...]]]] = {
    Era.BEFORE_ORDERS: {"1.0": (2016,), "1.05": (2017,), "1.1": (2017,), "1.2": (2021,)},
    Era.FIRST_ORDER: {"1.0": (2017,), "1.05": (2017,), "1.1": (2017,), "1.2": (2021,)},
    Era.SECOND_ORDER: {"1.0": (2017,), "1.05": (2021,), "1.1": (2021,), "1.2": (2021,)},
    Era.UNDATED: {"1.0": (2016, 2017), "1.05": (2017, 2021), "1.1": (2017, 2021), "1.2": (2021,)},
}


class PresenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a tag in one or more parents of one or more documents.

    `parents` is empty for the root of the document. `requirement` has one sign for each of EDITIONS, a dot where the
    edition does not list the tag. `sources` and `confidence` are codes of `evidence`; the confidence is that of the
    weakest cell, mandatory ones being sure in every row. `note` is a condition or the reason of a choice.
    """

    tag: int
    parents: tuple[int, ...]
    documents: tuple[int, ...]
    requirement: str
    repeatable: bool
    sources: str
    confidence: str
    note: str

    def in_edition(self, edition: Edition) -> Requirement | None:
        """What one edition says of the tag, None when it does not list it."""
        sign = self.requirement[EDITIONS.index(edition)]
        return None if sign == "." else Requirement(sign)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A tag in one parent of one document of one version, with what every edition of that version says."""

    tag: int
    repeatable: bool
    by_year: Mapping[int, Requirement]
    row: PresenceRow

    def demanded(self, years: Iterable[int]) -> bool:
        """Whether the tag must be there by each of the editions named."""
        return all(self.by_year.get(year) is Requirement.MANDATORY for year in years)


def era_at(issued_at: int | None) -> Era:
    """The era of a document by its 1012, None when it has no readable date."""
    if issued_at is None:
        return Era.UNDATED
    if issued_at >= SECOND_ORDER_SECONDS:
        return Era.SECOND_ORDER
    return Era.FIRST_ORDER if issued_at >= FIRST_ORDER_SECONDS else Era.BEFORE_ORDERS


def editions(ffd: str, era: Era) -> tuple[int, ...]:
    """Years of the editions that apply to a document of a version made in an era."""
    return _YEARS[era][ffd]


@functools.cache
def rows() -> tuple[PresenceRow, ...]:
    """Every row of the table. Raises TableError when a row contradicts the tag dictionary."""
    lines = (importlib.resources.files("ofd_gateway.ffd") / "data" / "presence.tsv").read_text("utf-8").splitlines()
    found = tuple(_row(line.split("\t")) for line in lines[1:])
    for row in found:
        _verify(row)
    return found


@functools.cache
def places(document: int, parent: int | None, ffd: str) -> Mapping[int, Place]:
    """What may stand in a parent (None: in the root) of a document in a version; empty when nothing may.

    A tag that every edition of the version forbids is not in the answer.
    """
    found = {}
    for row in _by_parent().get((document, parent), ()):
        by_year = {
            edition.year: Requirement(sign)
            for edition, sign in zip(EDITIONS, row.requirement, strict=True)
            if edition.ffd == ffd and sign not in ".-"
        }
        if by_year:
            found[row.tag] = Place(tag=row.tag, repeatable=row.repeatable, by_year=by_year, row=row)
    return found


@functools.cache
def _by_parent() -> Mapping[tuple[int, int | None], list[PresenceRow]]:
    index: dict[tuple[int, int | None], list[PresenceRow]] = {}
    for row in rows():
        for document in row.documents:
            for parent in row.parents or (None,):
                index.setdefault((document, parent), []).append(row)
    return index


def _row(cells: list[str]) -> PresenceRow:
    tag, parents, documents, requirement, repeat, sources, confidence, note = cells
    return PresenceRow(
        tag=int(tag),
        parents=tuple(map(int, parents.split())),
        documents=tuple(map(int, documents.split())),
        requirement=requirement,
        repeatable=repeat == "*",
        sources=sources,
        confidence=confidence,
        note=note,
    )


def _verify(row: PresenceRow) -> None:
    known: set[int] = set().union(*(spec.parents for spec in meanings(row.tag)))
    unknown = [parent for parent in row.parents or row.documents if parent not in known]
    if unknown:
        raise TableError(f"presence of {row.tag}: the tag dictionary does not let it stand in {unknown}")
    if len(row.requirement) != len(EDITIONS):
        raise TableError(f"presence of {row.tag}: {row.requirement!r} has not one sign for each edition")
    if row.confidence not in CONFIDENCES or not known_evidence(row.sources):
        raise TableError(f"presence of {row.tag}: unknown source or confidence in {row.sources!r}, {row.confidence!r}")
