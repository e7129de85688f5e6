"""A soak of a few seconds in which every kind of fault happens once, on the real programs."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from endurance.order import FAULT_KINDS, SoakOrder, order_of
from endurance.report import report_object, round_line, summary_lines
from endurance.soak import soak

ORDER = SoakOrder(
    seed=7,
    rounds=1,
    round_s=1.0,
    calm_rounds=1,
    calm_round_s=1.0,
    registers=10,
    rate_per_s=40.0,
    passing_registers=1,
    passing_receipts=4,
    skipping_registers=1,
    pause_s=(0.2, 0.8),
    least_faults=len(FAULT_KINDS),
    gap_after=timedelta(milliseconds=500),
    shift_after=timedelta(seconds=2),
)


@pytest.mark.faults
@pytest.mark.timeout(300)  # a busy machine starts workers slowly, and everything is started several times
async def test_nothing_is_lost_whatever_is_killed() -> None:
    shown = []
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        report = await soak(ORDER, Path(directory), shown.append)
    assert report.findings == ()
    assert shown == list(report.rounds)
    faulted, calm = report.rounds
    assert sorted(kind.value for kind in faulted.faults) == sorted(kind.value for kind in FAULT_KINDS)
    assert calm.faults == ()
    assert report.documents >= faulted.confirmed + calm.confirmed > 0
    assert report.alerts >= report.resolved > 0
    assert report.letters > 0
    assert report_object(report)["clean"] is True
    assert "found wrong             0" in summary_lines(report)
    assert "reload" in round_line(faulted)


@pytest.mark.parametrize(
    ("minutes", "rounds", "round_s", "calm"), [(15, 10, 60, 5 * 60), (2, 10, 8, 40), (3, 1, 60, 120)]
)
def test_an_order_takes_as_long_as_it_should(minutes: float, rounds: int, round_s: float, calm: float) -> None:
    order = order_of(minutes=minutes, seed=1, rounds=rounds)
    assert (order.rounds, order.round_s) == (rounds, round_s)
    assert order.calm_rounds >= 3
    assert order.calm_rounds * order.calm_round_s == pytest.approx(calm)


def test_an_order_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="takes some time"):
        order_of(minutes=0, seed=1)
