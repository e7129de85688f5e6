"""What the operator makes of violations (политика проверок)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd.checks.violation import Severity, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DEFAULT", "FAILED_CHECKS", "CheckPolicy", "PolicyError", "response_code"]

FAILED_CHECKS: Final = 14
"""Response code (код ответа ОФД, 1022) of a document that failed the format-logical control."""

_ACCEPTED: Final = 0


class PolicyError(OfdGatewayError):
    """A policy that names an unknown rule, or a severity that does not exist. The operator corrects the setting."""


class CheckPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How checks are applied.

    `mode`: `enforce` answers code 14 when there are errors, `observe` only lists violations, `off` looks at nothing.
    `severities` overrides single rules (`{"R-S2": "off"}`); ids may be written in any case and with `_` for `-`.
    `limit` bounds the violations listed of one document; one more then says how many were left out.

    Raises PolicyError when it names a rule or a severity that does not exist.
    """

    mode: Literal["enforce", "observe", "off"] = "enforce"
    severities: Mapping[str, str] = {}
    limit: int = 50

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise PolicyError(f"the limit of listed violations is {self.limit}, at least 1 is needed")
        if not self.severities:
            return
        from ofd_gateway.ffd.checks.catalogue import RULES

        canonical = {}
        for name, severity in self.severities.items():
            rule = name.upper().replace("_", "-")
            if rule not in RULES:
                raise PolicyError(f"there is no rule {name!r}; `ofd-gateway checks list` names them all")
            if severity not in ("error", "warning", "off"):
                raise PolicyError(f"severity of {rule}: {severity!r} is none of error, warning, off")
            canonical[rule] = severity
        msgspec.structs.force_setattr(self, "severities", canonical)

    def severity_of(self, rule: str, default: Severity) -> Severity | None:
        """The severity in force, None for a rule that is switched off."""
        chosen = self.severities.get(rule)
        if chosen is None:
            return default
        return None if chosen == "off" else Severity(chosen)


DEFAULT: Final = CheckPolicy()
"""Every rule at its own severity, errors answered with code 14."""


def response_code(violations: Iterable[Violation], policy: CheckPolicy = DEFAULT) -> int:
    """The code (1022) to confirm with: 14 when the policy is enforced and a violation is an error, else 0."""
    if policy.mode != "enforce":
        return _ACCEPTED
    return FAILED_CHECKS if any(found.severity is Severity.ERROR for found in violations) else _ACCEPTED
