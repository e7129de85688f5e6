"""Settings of the HTTP API and of faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, JsonValue

from ofd_gateway.setting_values import Group

if TYPE_CHECKING:
    from ofd_gateway.faults import Fault

__all__ = ["FaultsSettings", "WebSettings"]

_SECRET: Final[dict[str, JsonValue]] = {"secret": True}


class WebSettings(Group):
    """Who may use the HTTP API, and how much of it."""

    token: str = Field(
        "",
        repr=False,
        json_schema_extra=_SECRET,
        description="what callers of `/v1` send as `Authorization: Bearer`; without one `/v1` answers on loopback only",
    )
    max_streams: int = Field(32, ge=0, le=10_000, description="streams of documents at the same time")
    max_waiters: int = Field(500, ge=0, le=100_000, description="requests that wait for a document at the same time")


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
