"""One structure of a document as its readers want it: cleaned text, numbers, facts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.amounts import money_text
from ofd_gateway.buyers.view import Fact, Words
from ofd_gateway.buyers.words import label_of, value_words, verbatim
from ofd_gateway.ffd.dictionary import lookup
from ofd_gateway.ffd.tlv import Structure
from ofd_gateway.ffd.values import TagKind, as_local_datetime, decode_value, plain_decimal
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.ffd.dictionary import TagSpec
    from ofd_gateway.ffd.values import Value

__all__ = ["Part"]

_LONGEST_TEXT: Final = 1000
"""Four times what the orders allow."""


class Part:
    """One structure (STLV) with the format version and its own tag or document code, which tell reused tags apart."""

    def __init__(self, structure: Structure, parent: int, ffd: str) -> None:
        self._structure = structure
        self._parent = parent
        self._ffd = ffd

    def text(self, tag: int) -> str:
        """The first value of a text, cleaned; empty when it is absent or something else."""
        return next(self.texts(tag), "")

    def texts(self, tag: int) -> Iterator[str]:
        """Every value of a text that says anything."""
        for value in self._values(tag):
            if isinstance(value, str):
                text = clean(value, _LONGEST_TEXT)
                if text:
                    yield text

    def number(self, tag: int) -> int | None:
        """The first value of a number, None when it is absent or has a wrong length."""
        value = self._first(tag)
        return value if isinstance(value, int) else None

    def quantity(self, tag: int) -> Decimal | None:
        """The first value of a quantity, None when it is absent or has a wrong length."""
        value = self._first(tag)
        return value if isinstance(value, Decimal) else None

    def raw(self, tag: int) -> bytes:
        """The first value of raw bytes; empty when it is absent."""
        return self._structure.leaf(tag) or b""

    def parts(self, tag: int) -> Iterator[Part]:
        """Every value of `tag` that is a structure, in the order of the document."""
        for value in self._structure.structures(tag):
            yield Part(value, tag, self._ffd)

    def facts(self, *tags: int) -> Iterator[Fact]:
        """What these tags say, in this order, each value under the tag's name; zeros, malformed and empty ones go."""
        for tag in tags:
            for value in self._structure.all(tag):
                if isinstance(value, Structure):
                    continue
                spec = self._spec(tag, value)
                text = _meaning(spec, decode_value(spec, value)) if spec is not None else None
                if text:
                    yield Fact(label=label_of(tag), text=text)

    def line(self, *tags: int) -> str:
        """The values of these tags in one line."""
        return " ".join(fact.text.ru for fact in self.facts(*tags))

    def _first(self, tag: int) -> Value | None:
        return next(self._values(tag), None)

    def _values(self, tag: int) -> Iterator[Value]:
        for raw in self._structure.all(tag):
            if isinstance(raw, bytes):
                spec = self._spec(tag, raw)
                value = None if spec is None else decode_value(spec, raw)
                if value is not None:
                    yield value

    def _spec(self, tag: int, raw: bytes) -> TagSpec | None:
        return lookup(tag, self._parent, ffd=self._ffd, content=raw)


def _meaning(spec: TagSpec, value: Value | None) -> Words | None:
    match value:
        case str():
            return verbatim(clean(value, _LONGEST_TEXT))
        case Decimal():
            return verbatim(plain_decimal(value))
        case int() if spec.enum_ref:
            return value_words(spec.tag, value)
        case int() if spec.kind is TagKind.UNIXTIME:
            return verbatim(f"{as_local_datetime(value):%d.%m.%Y}")
        case int() if spec.kind is TagKind.VLN:
            return verbatim(money_text(value)) if value else None
        case int():
            return verbatim(str(value))
    return None
