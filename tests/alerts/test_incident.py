"""One incident for the operator instead of many alerts."""

from __future__ import annotations

import pytest

from ofd_gateway.alerts.incident import IncidentParameters, IncidentReason, judge_incident
from tests.alerts.scene import START, hours


@pytest.mark.parametrize(
    ("recent", "watched", "reason"),
    [
        (0, 0, IncidentReason.CALM),
        (9, 10, IncidentReason.CALM),
        (10, 50, IncidentReason.CALM),
        (11, 50, IncidentReason.OPENED),
        (10, 10, IncidentReason.OPENED),
    ],
)
def test_an_incident_needs_a_share_and_a_number(recent: int, watched: int, reason: IncidentReason) -> None:
    verdict = judge_incident(
        opened_at=None, recent=recent, lasting=recent, watched=watched, now=START, parameters=IncidentParameters()
    )
    assert (verdict.reason, verdict.is_open) == (reason, reason is IncidentReason.OPENED)
    assert verdict.holds is verdict.is_open


@pytest.mark.parametrize(
    ("lasting", "after", "reason", "holds"),
    [
        (30, 1, IncidentReason.GOES_ON, True),
        (10, 1, IncidentReason.GOES_ON, True),
        (9, 1, IncidentReason.ENDED, False),
        (30, 24, IncidentReason.GOES_ON, False),
    ],
)
def test_an_incident_ends_below_half_and_holds_customers_for_a_day_only(
    lasting: int, after: int, reason: IncidentReason, holds: bool
) -> None:
    verdict = judge_incident(
        opened_at=START,
        recent=0,
        lasting=lasting,
        watched=100,
        now=START + hours(after),
        parameters=IncidentParameters(),
    )
    assert (verdict.reason, verdict.holds, verdict.share_percent) == (reason, holds, float(lasting))
