"""A stored document as a test sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

__all__ = ["Document", "Fields", "Place", "Violation", "placed"]


class Place(NamedTuple):
    """Where in which kind of document something stands: `kind` and `ffd` tell what its tags mean."""

    kind: str
    ffd: str
    path: tuple[str | int, ...] = ()

    def below(self, step: str | int) -> Place:
        """One level further down: a name, or a number in a list."""
        return self._replace(path=(*self.path, step))


class Fields(dict[str, Any]):
    """FNS JSON of a document or of a part of it. A dict that knows its place, so that a comparison can be explained."""

    def __init__(self, values: Mapping[str, Any], place: Place) -> None:
        super().__init__({name: placed(value, place.below(name)) for name, value in values.items()})
        self.place = place


def placed(value: Any, place: Place) -> Any:
    """The same value, each object in it as `Fields`."""
    if isinstance(value, dict):
        return Fields(value, place)
    if isinstance(value, list):
        return [placed(one, place.below(number)) for number, one in enumerate(value)]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A format-logical check that the document failed: `severity` is `error` (code 14) or `warning`."""

    rule: str
    severity: str
    path: str
    tag: int | None
    offset: int | None
    found: str | None
    expected: str | None

    def __str__(self) -> str:
        """One line: rule, place, what was found and what was due."""
        tag = f" (тег {self.tag})" if self.tag is not None else ""
        return f"{self.rule} {self.severity} {self.path}{tag}: {self.found}, ожидалось / expected {self.expected}"


class Document:
    """One document. `document["receipt"]["totalSum"]` is FNS JSON; sums are kopecks, fractions Decimal.

    What is asked for first is fetched then; a document that was forgotten meanwhile raises `ApiRefused`.
    """

    def __init__(self, line: Mapping[str, Any], fetch: Callable[[], Any], fetch_bytes: Callable[[], bytes]) -> None:
        self._line = dict(line)
        self._fetch = fetch
        self._fetch_bytes = fetch_bytes
        self._json: dict[str, Any] | None = None
        if "document" in line:
            self._take(line["document"])
        self._container: bytes | None = None
        self.fn: str = line["fn"]
        self.fd: int = line["fd"]
        self.generation: int = line["generation"]
        """Which life of a debug FN; 0 is the first."""
        self.kind: str = line["kind"]
        """The name the tax service uses: receipt, openShift …"""
        self.ffd: str = line["ffd"]
        self.response_code: int = line["response_code"]
        """Code of the honest confirmation (1022): 0, or 14 after a failed check."""
        self.operator_message: int = line["operator_message"]
        self.registration_number: str | None = line["registration_number"]
        self.shift: int | None = line["shift"]
        self.total_kopecks: int | None = line["total_kopecks"]
        self.fiscal_sign: int | None = line["fiscal_sign"]
        self.peer: str = line["peer"]
        self.fns: str | None = line["fns"]
        """How it stood with the tax service when it was asked for; None unless `fns.url` leads somewhere."""
        self.fns_code: int | None = line["fns_code"]

    @property
    def received_at(self) -> datetime:
        """When it came, in UTC."""
        return datetime.fromisoformat(self._line["received_at"])

    @property
    def issued_at(self) -> datetime | None:
        """The register's own time (1012), without a zone."""
        written = self._line["issued_at"]
        return None if written is None else datetime.fromisoformat(written)

    @property
    def violations(self) -> list[Violation]:
        """Format-logical checks that it failed."""
        return [Violation(**{name: one[name] for name in Violation.__slots__}) for one in self._line["violations"]]

    @property
    def json(self) -> dict[str, Any]:
        """FNS JSON: one key, the kind."""
        if self._json is None:
            self._take(self._fetch()["document"])
        assert self._json is not None  # noqa: S101  _take has set it
        return self._json

    @property
    def fields(self) -> Fields:
        """What is below the kind."""
        found: Fields = self.json[self.kind]
        return found

    @property
    def items(self) -> list[Fields]:
        """Items of the settlement (предметы расчёта, 1059); empty when there are none."""
        return list(self.fields.get("items", ()))

    @property
    def container(self) -> bytes:
        """The container as received."""
        if self._container is None:
            self._container = self._fetch_bytes()
        return self._container

    @property
    def hex(self) -> str:
        """The container as received, in hex."""
        return self.container.hex()

    def __getitem__(self, kind: str) -> Fields:
        found: Fields = self.json[kind]
        return found

    def __contains__(self, kind: object) -> bool:
        return kind == self.kind

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Document):
            return self._key == other._key and self._line["message_sign"] == other._line["message_sign"]
        return self.json == other if isinstance(other, dict) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        total = "" if self.total_kopecks is None else f" {Decimal(self.total_kopecks) / 100:.2f} ₽"
        return f"<Document ФН {self.fn} ФД {self.fd} {self.kind}{total}, код / code {self.response_code}>"

    @property
    def _key(self) -> tuple[str, int, int]:
        return (self.fn, self.generation, self.fd)

    def _take(self, document: Mapping[str, Any]) -> None:
        self._json = {kind: placed(values, Place(kind, self._line["ffd"])) for kind, values in document.items()}
