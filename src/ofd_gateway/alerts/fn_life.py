"""When the keys of an FN end (срок действия ключей ФН)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.model import Evidence
from ofd_gateway.ffd.domain import fn_model

if TYPE_CHECKING:
    from ofd_gateway.alerts.facts import FnFacts
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["Expiry", "expiry", "key_life"]

_DAYS_BY_MONTHS: Final = {13: 410, 15: 470, 36: 1100}
_LONG: Final = 36
_SHORTENED: Final = 410
"""Keys of a 36-month FN of format 1.2 that works autonomously, with excisable goods or games of chance."""
_HALVED: Final = 560
"""Keys of a 36-month FN that works autonomously or sells goods under the general system of taxation."""
_NEWEST: Final = "1.2"


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
        at=fn.activated_at + key_life(fn, parameters),
        basis="registration",
        evidence=Evidence("registration", fn.activated_at.isoformat(), fn.number, 1, 1012),
    )


def key_life(fn: FnFacts, parameters: Parameters) -> timedelta:
    """How long the keys of an FN serve, by its model and its mode of work; the setting for an unknown model.

    Source: public tables of FN numbers; where they differ (1100 and 1110 days of 36 months) the shorter life.
    """
    model = fn_model(fn.number)
    if model is None or model.months is None:
        return parameters.fn_expiring.life
    if model.months == _LONG:
        mode = fn.mode
        if fn.ffd == _NEWEST and (mode.autonomous or mode.excise or mode.gambling):
            return timedelta(days=_SHORTENED)
        if mode.autonomous or (mode.general_taxation and not mode.services_only):
            return timedelta(days=_HALVED)
    return timedelta(days=_DAYS_BY_MONTHS[model.months])
