"""One finding of the format-logical control (ФЛК)."""

from __future__ import annotations

import enum

import msgspec

__all__ = ["Severity", "Violation"]


class Severity(enum.Enum):
    """What a finding means for the answer."""

    ERROR = "error"
    """The confirmation carries code 14."""
    WARNING = "warning"
    """The document is confirmed with code 0."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a document breaks.

    `rule` is an id of the catalogue: `explain(rule)` has the sentences. `path` names the field as FNS JSON does
    (`receipt.items[3].nds`), `tag` is its number where one field is to blame, `offset` that of its head in the
    document's bytes (for a missing field: of the first record beside which it should stand). `found` and `expected`
    are short and without grammar, for people.
    """

    rule: str
    severity: Severity
    path: str = ""
    tag: int | None = None
    offset: int | None = None
    found: str = ""
    expected: str = ""
