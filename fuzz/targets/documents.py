"""Documents: the structure, its projections and its checks.

First byte: bit 0 sound TLV instead of the bytes as they are, bits 1–3 the format version of the session header,
bit 4 whether the memory of earlier documents is emptied behind this one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from fuzz.cases import Instructions, document
from ofd_gateway.ffd import Document, FormatError, decode, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.checks import RULES, CheckPolicy, advance, check_sequence, response_code
from ofd_gateway.ffd.checks import check as judge
from ofd_gateway.ffd.checks.forms import forget_forms
from ofd_gateway.ffd.checks.shape import forget_shapes
from ofd_gateway.ffd.dictionary import FFD_VERSIONS
from ofd_gateway.ffd.tlv import forget_layouts
from ofd_gateway.ffd.tree import meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ofd_gateway.ffd import Field

__all__ = ["check", "examine"]

_NOW: Final = datetime(2025, 11, 25, 12, tzinfo=UTC)
_HINTS: Final = (None, *FFD_VERSIONS, "0.9", None, None)
_POLICY: Final = CheckPolicy()
_REASONS: Final = frozenset({"tlv_truncated", "tlv_overrun", "nesting_too_deep", "trailing_bytes"})
_GENERATIONS: Final[tuple[Literal["2021", "2017"], ...]] = ("2021", "2017")
_SIGN: Final = b"\x81\x06abcdef"


def check(data: bytes) -> None:
    """A document that can be read is kept to the byte, and shown, checked and told without a failure."""
    instructions = Instructions(data)
    choices = instructions.number()
    plain = document(instructions) if choices & 1 else instructions.rest()
    try:
        found = decode(plain, version_hint=_HINTS[choices >> 1 & 7])
    except FormatError as error:
        assert error.reason in _REASONS
        assert 0 <= error.offset <= len(plain)
        assert error.rule
        assert error.detail
        return
    examine(found, plain)
    if choices & 16:
        _check_memory(plain, _HINTS[choices >> 1 & 7])


def _check_memory(plain: bytes, hint: str | None) -> None:
    """What is remembered of this document and of earlier ones changes neither what is read nor the verdict."""
    warm = decode(plain, version_hint=hint)
    verdict = judge(warm, now=_NOW, policy=_POLICY)
    _forget()
    cold = decode(plain, version_hint=hint)
    assert cold.root == warm.root
    assert judge(cold, now=_NOW, policy=_POLICY) == verdict


def _forget() -> None:
    forget_layouts()
    forget_forms()
    forget_shapes()


def examine(found: Document, plain: bytes) -> None:
    """Everything that is promised of a decoded document."""
    assert found.encode() == plain == found.raw
    assert found.root.size == len(plain) - 4
    assert _size(found.fields(), found) == len(plain) - 4
    for name in ("fn", "fd", "registration_number", "user_inn", "issued_at_local", "total_kopecks", "fiscal_sign"):
        getattr(found, name)
    for names in _GENERATIONS:
        told = to_fns_json(found, message_sign=_SIGN, names=names)
        text = to_json_bytes(told)
        assert to_json_bytes(parse_json(text)) == text
    violations = judge(found, now=_NOW, policy=_POLICY)
    assert len(violations) <= _POLICY.limit + 1
    assert {violation.rule for violation in violations} <= set(RULES)
    assert response_code(violations) in {0, 14}
    check_sequence(found, advance(None, found), policy=_POLICY)


def _size(fields: Iterable[Field], found: Document) -> int:
    total = 0
    for field in fields:
        meaning_of(field, found)
        total += 4 + len(field.raw)
        if field.children:
            assert _size(field.children, found) == len(field.raw)
    return total
