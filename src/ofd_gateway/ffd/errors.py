"""Errors of the fiscal data formats (ФФД)."""

from __future__ import annotations

from ofd_gateway.errors import OfdGatewayError

__all__ = ["FormatError", "UnfitValueError"]


class FormatError(OfdGatewayError):
    """A document whose TLV structure cannot be followed (структура документа не читается).

    `reason` is a slug: `tlv_truncated` (fewer than four bytes where a head must be), `tlv_overrun` (a length reaches
    beyond its parent), `nesting_too_deep`, `trailing_bytes` (something follows the outer TLV).
    `path` names the structure that is broken (`receipt.items[3]`, counted from 0; empty for the outer TLV),
    `offset` is the offset of the offending head inside the plain body, `rule` the rule of the format that it breaks.
    The caller keeps the raw bytes and must not confirm the document as read.
    """

    def __init__(self, *, reason: str, path: str, offset: int, rule: str, detail: str) -> None:
        super().__init__(f"{reason} in {path or 'document'} at offset {offset}: {detail} ({rule})")
        self.reason = reason
        self.path = path
        self.offset = offset
        self.rule = rule
        self.detail = detail


class UnfitValueError(OfdGatewayError):
    """A value that cannot be written in the form its tag demands.

    `path` names the field as FNS JSON does, `tag` is its number when it is known. The caller corrects the value.
    """

    def __init__(self, *, path: str, tag: int | None, detail: str) -> None:
        super().__init__(f"{path} ({'unknown tag' if tag is None else f'tag {tag}'}): {detail}")
        self.path = path
        self.tag = tag
        self.detail = detail
