"""A gateway and virtual registers on one accelerated clock: a day is a few seconds, for the rules and for commands."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from .running import RunningGateway, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = "2027-03-01T06:00:00Z"
BEGIN = datetime(2027, 3, 1, 6, tzinfo=UTC)
RATE = 20_000
INN = "7727116160"


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path,
        *("--listen", "127.0.0.1:0", "--workers", str(request.param)),
        *("--clock-start", START, "--clock-rate", str(RATE)),
    )
    yield running
    running.close()


def lines(gateway: RunningGateway, *arguments: str) -> list[dict[str, object]]:
    done = gateway.command(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def test_a_day_of_silence_takes_seconds_and_everything_goes_by_one_clock(gateway: RunningGateway) -> None:
    said = gateway.wait_event("clock.virtual")
    assert (said["start"], said["rate"]) == ("2027-03-01T06:00:00+00:00", RATE)
    lines(gateway, "customers", "add", "--inn", INN, "--name", "Ромашка", "--email", "owner@example.org")
    to = ("--to", gateway.ready["ofd"], "--state-dir", str(gateway.state_dir))
    (report,) = lines(gateway, "simulate", *to, "--registers", "1", "--receipts", "5")
    assert report["clean"]
    (register,) = lines(gateway, "registers", "list")
    lines(gateway, "registers", "set", "--rnm", str(register["rnm"]), "--customer", INN)

    opened = gateway.wait_event("alert.opened", rule="register_silent")
    gateway.wait_event("letter.sent")

    documents = lines(gateway, "documents", "list", "--since", "300d")
    assert len(documents) == 8
    received = max(moment(document["received_at"]) for document in documents if document["kind"] == "receipt")
    issued = max(datetime.fromisoformat(str(document["issued_at"])) for document in documents)
    assert received >= BEGIN
    assert abs(received.replace(tzinfo=None) - issued.replace(tzinfo=None)) < timedelta(hours=14) + timedelta(
        seconds=RATE * 5
    )
    (alert,) = [one for one in lines(gateway, "alerts", "list") if one["rule"] == "register_silent"]
    assert opened["subject"] == alert["subject"]
    assert moment(alert["opened_at"]) - received >= timedelta(hours=24)
    (again,) = lines(gateway, "registers", "list")
    assert again["state"] == "silent"


@pytest.mark.parametrize("gateway", [1], indirect=True)
def test_the_service_is_not_taken_to_have_been_away(gateway: RunningGateway) -> None:
    """A beat lasts hours on this clock; that is no down time, which would put off every silence."""

    async def rows() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(gateway.database)
        try:
            found: list[asyncpg.Record] = await connection.fetch("SELECT started_at, last_seen_at FROM service_runs")
            return found
        finally:
            await connection.close()

    def lived_for_days() -> bool:
        (only,) = asyncio.run(rows())
        return bool(only["last_seen_at"] - only["started_at"] > timedelta(days=1))

    wait_until(lived_for_days, what="a day of beats")


def test_commands_go_by_real_time_again_after_a_real_start(tmp_path: Path) -> None:
    virtual = RunningGateway(tmp_path, "--listen", "127.0.0.1:0", "--clock-start", START)
    try:
        assert (tmp_path / "clock.json").exists()
    finally:
        virtual.close()
    real = RunningGateway(tmp_path, "--listen", "127.0.0.1:0")
    try:
        assert not (tmp_path / "clock.json").exists()
        assert not real.events("clock.virtual")
    finally:
        real.close()
