"""Settings of faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ofd_gateway.setting_values import Group

if TYPE_CHECKING:
    from ofd_gateway.faults import Fault

__all__ = ["FaultsSettings"]


class FaultsSettings(Group):
    """Answers that are wrong on purpose."""

    enabled: bool = Field(False, description="apply faults on demand; never where real registers are served")
    rules: list[dict[str, Any]] = Field(
        default_factory=list, description="faults from the start, `[[faults.rules]]` in TOML: [faults](faults.md)"
    )

    def parsed(self) -> tuple[Fault, ...]:
        """The rules; raises `FaultError`."""
        from ofd_gateway.faults import FaultError, parse_fault

        found = []
        for number, rule in enumerate(self.rules, start=1):
            try:
                found.append(parse_fault(rule))
            except FaultError as error:
                raise FaultError(f"rule {number}, {error.field}", error.reason) from None
        return tuple(found)
