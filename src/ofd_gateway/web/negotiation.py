"""What the asker wants to get: a form and a language, by its preferences (RFC 9110, 12.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.buyers import Language

__all__ = ["language_wanted", "wants_json"]

_QUALITY: Final = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_MOST_CHARACTERS: Final = 1000
_HTML: Final = ("text/html", "application/xhtml+xml")
_JSON: Final = "application/json"


def wants_json(accept: str) -> bool:
    """Whether JSON is asked for by name and a page is not wanted more."""
    weights = dict(_weights(accept))
    json = weights.get(_JSON, 0.0)
    return json > max((weights.get(form, 0.0) for form in _HTML), default=0.0)


def language_wanted(accept_language: str) -> Language:
    """The one of our languages that is wanted most; Russian when neither is named."""
    best, best_weight = LANGUAGES[0], 0.0
    for name, weight in _weights(accept_language):
        for language in LANGUAGES:
            if name.partition("-")[0] == language and weight > best_weight:
                best, best_weight = language, weight
    return best


def _weights(header: str) -> Iterator[tuple[str, float]]:
    """Lower-case names and their weights; a weight that cannot be read is 0."""
    for part in header[:_MOST_CHARACTERS].split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        qualities = [parameter for parameter in parameters if parameter.lower().startswith("q=")]
        found = _QUALITY.fullmatch(qualities[0]) if qualities else None
        weight = 1.0 if not qualities else float(found[1]) if found else 0.0
        yield name.lower(), weight
