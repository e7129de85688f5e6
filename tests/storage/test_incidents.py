"""Many registers at once are one incident of the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.alerts.incident import IncidentParameters
from tests.storage.watched import DAY, HOUR, watched

if TYPE_CHECKING:
    from tests.storage.watched import Watched

INCIDENT = "many_registers"
PARAMETERS = IncidentParameters(share_percent=20, least=3)


async def sell(scene: Watched, *registers: int) -> None:
    for number in registers:
        await scene.document(str(8710000100000000 + number), register=f"{number:016}")


async def test_many_at_once_open_one_incident_and_their_return_ends_it(dsn: str) -> None:
    async with watched(dsn, incidents=PARAMETERS) as scene:
        await sell(scene, *range(10))
        scene.now += 12 * HOUR
        await sell(scene, *range(3, 10))
        await scene.pass_time(12 * HOUR)
        assert await scene.alerts(INCIDENT) == [(INCIDENT, "gateway", "incident", True)]
        facts, critical = (await scene.fetch("SELECT facts, critical FROM alerts WHERE rule = $1", INCIDENT))[0]
        assert msgspec.json.decode(facts) == {
            "rule": "register_silent",
            "recent": 3,
            "watched": 10,
            "share_percent": 30.0,
        }
        assert critical
        assert ("operator", "prompt") in [
            tuple(row) for row in await scene.fetch("SELECT recipient, urgency FROM letter_groups")
        ]
        await sell(scene, 0, 1, 2, *range(3, 10))
        await scene.pass_time(timedelta(seconds=2))
        assert await scene.alerts(INCIDENT) == [(INCIDENT, "gateway", "incident", False)]


async def test_few_or_one_after_the_other_are_none(dsn: str) -> None:
    async with watched(dsn, incidents=PARAMETERS) as scene:
        for number in range(10):
            await sell(scene, number)
            scene.now += 2 * HOUR
        await scene.pass_time(2 * DAY)
        assert len(await scene.alerts("register_silent")) == 10
        assert await scene.alerts(INCIDENT) == []
