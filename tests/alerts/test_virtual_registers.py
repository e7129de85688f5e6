"""Whole lives of virtual registers, with a drive that counts its own backlog: alarms only when there is a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.alerts import DocumentAccepted, Parameters, State, Transition, register_state, step
from ofd_gateway.ffd import decode
from ofd_gateway.simulator import Endpoint, Ffd, FleetOrder, Plan
from ofd_gateway.simulator.fleet import deal_tills
from tests.alerts.scene import days, hours, minutes

if TYPE_CHECKING:
    from ofd_gateway.simulator.till import Till

MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
ORDER = FleetOrder(
    endpoint=Endpoint(host="127.0.0.1", port=1), registers=3, plan=Plan(receipts=100_000, receipts_per_shift=12)
)


class StillClock:
    def now(self) -> datetime:
        return MORNING


class Life:
    """A register that sells for half of each day. What its drive holds is sent at once, or after it was offline."""

    def __init__(self, till: Till, ffd: Ffd) -> None:
        self.till = till
        self.ffd = ffd
        self.state: State = register_state()
        self.history: list[Transition] = []
        self.now = MORNING

    def live(self, until: datetime, *, online: bool = True) -> None:
        while self.now < until:
            if self.now.hour < 18:
                self.till.issue_next(self.now)
            if online:
                self.send()
            self.now += minutes(45)

    def send(self) -> None:
        while (oldest := self.till.fn.oldest) is not None:
            document = decode(oldest.container[32:-10], version_hint=self.ffd.value)
            self.take(DocumentAccepted(at=self.now, fn=self.till.fn.number, fd=oldest.fd, document=document))
            self.till.fn.confirm(oldest.fd)
            self.now += timedelta(milliseconds=20)

    def take(self, event: DocumentAccepted | None = None) -> None:
        result = step(self.state, event, self.now, Parameters())
        assert result.failures == ()
        self.state = result.state
        self.history.extend(result.changes)

    def rules(self) -> list[str]:
        return sorted({change.rule for change in self.history})


def lives(ffd: Ffd) -> list[Life]:
    return [Life(till, ffd) for till in deal_tills(replace(ORDER, ffd_mix=(ffd,)), StillClock())]


@pytest.mark.parametrize("ffd", Ffd)
def test_a_month_of_work_raises_no_alarm(ffd: Ffd) -> None:
    for life in lives(ffd):
        life.live(MORNING + days(30))
        assert life.history == []


@pytest.mark.parametrize("ffd", Ffd)
def test_days_offline_are_silence_and_no_backlog_once_everything_has_come(ffd: Ffd) -> None:
    for life in lives(ffd):
        life.live(MORNING + days(5))
        life.live(MORNING + days(14), online=False)
        life.live(MORNING + days(20))
        assert [change.level.name for change in life.history if change.rule == "register_silent"] == [
            "24h",
            "72h",
            "7d",
            "7d",
        ]
        assert set(life.rules()) - {"shift_too_long"} == {"register_silent"}
        assert len([change for change in life.history if change.rule == "shift_too_long"]) in (0, 2)
        assert life.state.open == ()


def test_a_register_that_stops_for_good_is_silent_through_every_level() -> None:
    (life, *_) = lives(Ffd.V1_05)
    life.live(MORNING + days(3))
    life.now += days(30)
    life.take()
    silent = [change for change in life.history if change.rule == "register_silent"]
    assert [change.level.name for change in silent] == ["24h", "72h", "7d", "25d"]
    assert silent[0].at - silent[0].opened_at < hours(1)
