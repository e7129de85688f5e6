"""Compares a receipt with the registration of its register (параметры регистрации). Rules R-X2, R-X5, R-X8, R-P11."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ofd_gateway.ffd.checks.reading import number
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.facts import SequenceFacts
    from ofd_gateway.ffd.document import Document

__all__ = ["Add", "judge_registered"]

_RECEIPTS: Final = frozenset({3, 4, 31, 41})
_CLOSING: Final = 5
_UNSENT: Final = (1097, 1098)
_TAXATION, _AGENT, _ITEM, _ITEM_TYPE, _ITEM_AGENT = 1055, 1057, 1059, 1212, 1222

_EXCISE: Final = frozenset({b"\x02", b"\x1e", b"\x1f"})
_GAMBLING: Final = frozenset({b"\x05", b"\x06"})
_LOTTERY: Final = frozenset({b"\x07", b"\x08"})


class Add(Protocol):
    """Takes a violation of one field of the root."""

    def __call__(self, rule: str, tag: int, found: object, expected: object) -> None:
        """`found` and `expected` are shown to people."""
        ...


def judge_registered(document: Document, facts: SequenceFacts, add: Add) -> None:
    """Taxation, agents and kinds of goods against those registered; unsent documents of an autonomous register."""
    fields = document.root.by_tag
    if document.code in _RECEIPTS:
        systems = facts.taxation_systems
        taxation = number(fields, _TAXATION, 1)
        if systems is not None and taxation is not None and taxation & ~systems:
            add("R-X8", _TAXATION, f"0x{taxation:02x}", f"within 0x{systems:02x} of the registration")
        agents = facts.agent_types
        if agents is not None:
            kinds = number(fields, _AGENT, 1) or 0
            if kinds & ~agents:
                add("R-X2", _AGENT, f"0x{kinds:02x}", f"within 0x{agents:02x} of the registration")
        _judge_items(document.root, facts, add)
    elif document.code == _CLOSING and facts.is_autonomous:
        for tag in _UNSENT:
            if tag in fields:
                add("R-P11", tag, "", "nothing from an autonomous register")


def _judge_items(root: Structure, facts: SequenceFacts, add: Add) -> None:
    forbidden: set[bytes] = set()
    if facts.allows_excise is False:
        forbidden |= _EXCISE
    if facts.allows_gambling is False:
        forbidden |= _GAMBLING
    if facts.allows_lottery is False:
        forbidden |= _LOTTERY
    agents = facts.agent_types
    if not forbidden and agents is None:
        return
    kinds, bits = _kinds_of_items(root)
    for kind in sorted(kinds & forbidden):
        add("R-X5", _ITEM, f"1212={int.from_bytes(kind, 'little')}", "a use that is registered")
    if agents is not None and bits & ~agents:
        add("R-X2", _ITEM, f"1222 0x{bits:02x}", f"within 0x{agents:02x} of the registration")


def _kinds_of_items(root: Structure) -> tuple[set[bytes], int]:
    """Values of 1212 and bits of 1222 over all items."""
    kinds: set[bytes] = set()
    bits = 0
    last_tags: tuple[int, ...] = ()
    kind_at = agent_at = -1
    for tag, item in zip(root.tags, root.values, strict=True):
        if tag != _ITEM or not isinstance(item, Structure):
            continue
        if item.tags != last_tags:
            last_tags = item.tags
            kind_at = last_tags.index(_ITEM_TYPE) if _ITEM_TYPE in last_tags else -1
            agent_at = last_tags.index(_ITEM_AGENT) if _ITEM_AGENT in last_tags else -1
        if kind_at >= 0:
            kinds.add(item.values[kind_at])  # type: ignore[arg-type]  # a leaf is bytes
        if agent_at >= 0:
            bits |= number(item.by_tag, _ITEM_AGENT, 1) or 0
    return kinds, bits
