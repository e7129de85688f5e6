"""What may become of a message to a buyer."""

from __future__ import annotations

from typing import Literal

__all__ = ["MessageState"]

MessageState = Literal[
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "unknown",
    "refused",
    "failed",
    "no_package",
    "unusable",
    "off",
    "erased",
]
"""The states of docs/buyers.md, in the order of a message's life."""
