"""Facts of one customer: its package of messages (пакет сообщений)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.alerts.events import PackageToppedUp

if TYPE_CHECKING:
    from ofd_gateway.alerts.events import CustomerEvent

__all__ = ["CustomerFacts", "observe_customer"]


class CustomerFacts(msgspec.Struct, kw_only=True, omit_defaults=True, tag="customer"):
    """What is known of a package. `charged`: messages were ever taken from it, so that a low balance is news.

    `package` is the last purchase. `spent` messages left since `spent_since`, for the rate of use.
    """

    inn: str
    package: str | None = None
    balance: int = 0
    charged: bool = False
    spent: int = 0
    spent_since: datetime | None = None


def observe_customer(facts: CustomerFacts, event: CustomerEvent) -> CustomerFacts:
    """The facts after the event."""
    if isinstance(event, PackageToppedUp):
        return msgspec.structs.replace(
            facts,
            package=event.package,
            balance=event.balance,
            spent=0,
            spent_since=event.at,
        )
    return msgspec.structs.replace(
        facts,
        balance=event.balance,
        charged=True,
        spent=max(facts.spent + event.messages, 0),
        spent_since=facts.spent_since or event.at,
    )
