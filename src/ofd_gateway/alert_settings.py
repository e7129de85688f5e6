"""Settings of the alerts: thresholds of every rule, grouping of letters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from ofd_gateway.setting_values import Capacities, Duration, Durations, Group, Numbers, Texts

if TYPE_CHECKING:
    from ofd_gateway.alerts.fns_delay import DelayParameters
    from ofd_gateway.alerts.incident import IncidentParameters
    from ofd_gateway.alerts.notices import NoticeParameters
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["AlertsSettings"]

_OPERATORS = frozenset({"many_registers", "fns_delayed"})
"""Alerts of the operator, which no rule of the engine judges."""


def _days(*counts: int) -> list[timedelta]:
    return [timedelta(days=count) for count in counts]


def _hours(*counts: int) -> list[timedelta]:
    return [timedelta(hours=count) for count in counts]


class ServiceEndingSettings(Group):
    """`service_ending`."""

    before: Durations = Field(_days(30, 14, 7, 3, 1, 0), description="levels: so long before the paid term ends")


class MessagesLowSettings(Group):
    """`messages_low`."""

    left: Numbers = Field([50, 10, 0], description="levels: messages left in the package")


class RegisterSilentSettings(Group):
    """`register_silent`."""

    after: Durations = Field(_hours(24, 72, 168, 600), description="levels: so long without a receipt")
    critical_from: Duration = Field(timedelta(days=25), description="repeated daily from this level on")


class FnFillingSettings(Group):
    """`fn_filling`."""

    percent: Numbers = Field([80, 90, 95], description="levels: share of the capacity")
    capacity: int = Field(250_000, ge=1, description="documents that an FN holds, an estimate")
    capacities: Capacities = Field(
        default_factory=dict, description="the same by the first digits of the FN's number: `9999=1000,72=230000`"
    )


class FnExpiringSettings(Group):
    """`fn_expiring`."""

    before: Durations = Field(_days(45, 30, 7, 3, 0), description="levels: so long before the keys of the FN end")
    critical_from: Duration = Field(timedelta(days=3), description="repeated daily from this level on")
    life: Duration = Field(timedelta(days=470), description="life of an FN whose model is unknown")


class DocumentsUnsentSettings(Group):
    """`documents_unsent`."""

    after: Durations = Field(_days(1, 3, 10, 20, 25, 28), description="levels: age of the oldest unsent document")
    critical_from: Duration = Field(timedelta(days=20), description="repeated daily from this level on")


class FnsRejectedSettings(Group):
    """`fns_rejected`."""

    many: int = Field(10, ge=1, description="refusals of one code in a day that raise the level")
    stuck_after: Duration = Field(timedelta(hours=24), description="age of the oldest document that waits")


class ShiftTooLongSettings(Group):
    """`shift_too_long`."""

    after: Duration = Field(timedelta(hours=24), description="so long open")


class FdGapSettings(Group):
    """`fd_gap`."""

    after: Duration = Field(timedelta(minutes=10), description="a number missing so long is a gap")


class ManyRegistersSettings(Group):
    """`many_registers`: one incident of the operator instead of many alerts of customers."""

    share_percent: int = Field(20, ge=1, le=100, description="more than this share of the registers at once")
    least: int = Field(10, ge=1, description="and at least so many")
    window: Duration = Field(timedelta(hours=1), description="at once: within so long")
    holds_for: Duration = Field(timedelta(hours=24), description="how long letters to customers wait for its end")


class FnsDelayedSettings(Group):
    """`fns_delayed`."""

    after: Duration = Field(timedelta(minutes=15), description="age of the oldest document that waits for the ФНС")


class AlertsSettings(Group):
    """Thresholds of the rules and grouping of letters; a customer may have thresholds of its own."""

    service_ending: ServiceEndingSettings = ServiceEndingSettings()
    messages_low: MessagesLowSettings = MessagesLowSettings()
    register_silent: RegisterSilentSettings = RegisterSilentSettings()
    fn_filling: FnFillingSettings = FnFillingSettings()
    fn_expiring: FnExpiringSettings = FnExpiringSettings()
    documents_unsent: DocumentsUnsentSettings = DocumentsUnsentSettings()
    fns_rejected: FnsRejectedSettings = FnsRejectedSettings()
    shift_too_long: ShiftTooLongSettings = ShiftTooLongSettings()
    fd_gap: FdGapSettings = FdGapSettings()
    many_registers: ManyRegistersSettings = ManyRegistersSettings()
    fns_delayed: FnsDelayedSettings = FnsDelayedSettings()
    timezone: str = Field("Europe/Moscow", description="zone of registers that have none of their own")
    group_wait: Duration = Field(timedelta(seconds=30), description="how long news waits for company")
    group_interval: Duration = Field(timedelta(minutes=5), description="least time between two letters")
    repeat: Duration = Field(timedelta(days=1), description="how often an unacknowledged critical alert is told again")
    keep_letters: Duration = Field(
        timedelta(days=365), description="how long a letter is kept after it went out or was given up"
    )
    operator_emails: Texts = Field([], description="who gets the findings for the operator")

    def parameters(self) -> Parameters:
        """The thresholds for the engine."""
        from ofd_gateway.alerts.parameters import Parameters, customise

        rules = {
            name: {key: tuple(value) if isinstance(value, list) else value for key, value in getattr(self, name)}
            for name in type(self).model_fields
            if isinstance(getattr(self, name), Group) and name not in _OPERATORS
        }
        return customise(Parameters(), {**rules, "timezone": self.timezone})

    def notices(self) -> NoticeParameters:
        """How letters are grouped and repeated."""
        from ofd_gateway.alerts.notices import NoticeParameters

        return NoticeParameters(
            group_wait=self.group_wait, group_interval=self.group_interval, repeat_critical=self.repeat
        )

    def incidents(self) -> IncidentParameters:
        """When many registers are one incident."""
        from ofd_gateway.alerts.incident import IncidentParameters

        return IncidentParameters(**dict(self.many_registers))

    def fns_delay(self) -> DelayParameters:
        """When documents wait too long for the tax service."""
        from ofd_gateway.alerts.fns_delay import DelayParameters

        return DelayParameters(after=self.fns_delayed.after)
