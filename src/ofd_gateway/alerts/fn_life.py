"""When the keys of an FN end (срок действия ключей ФН)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.alerts.model import Evidence

if TYPE_CHECKING:
    from ofd_gateway.alerts.facts import FnFacts
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["Expiry", "expiry"]


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """The moment the keys end, and from what it was worked out: `key_resource` (1213) or `registration`."""

    at: datetime
    basis: str
    evidence: Evidence


def expiry(fn: FnFacts, parameters: Parameters) -> Expiry | None:
    """From the days the FN names (1213), else from its registration and the life of its model; None without either."""
    keys = fn.key_life
    if keys is not None:
        return Expiry(
            at=keys.expires_at,
            basis="key_resource",
            evidence=Evidence("document", keys.days, fn.number, keys.fd, 1213),
        )
    if fn.activated_at is None:
        return None
    return Expiry(
        at=fn.activated_at + _life(fn, parameters),
        basis="registration",
        evidence=Evidence("registration", fn.activated_at.isoformat(), fn.number, 1, 1012),
    )


def _life(fn: FnFacts, parameters: Parameters) -> timedelta:
    return parameters.fn_expiring.life
