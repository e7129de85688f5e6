"""Letters that were kept for long enough."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from ofd_gateway.mail import Maildir
from ofd_gateway.storage import LetterErasure
from tests.letters.scene import NOON, SECOND, running, until

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.letters.scene import Scene

DAY = timedelta(days=1)
LETTER = """
INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, next_attempt_at, ended_at)
VALUES ('operator', 'a@test.ru', '', $1, '', $2, $3, $4, $5) RETURNING id
"""


async def letter(scene: Scene, state: str, at: datetime) -> int:
    waits = state == "queued"
    moments = (at, at + 1000 * DAY if waits else None, None if waits else at)
    ((number,),) = await scene.fetch(LETTER, f"{state} {at}", state, *moments)
    await scene.execute(
        "INSERT INTO letter_attempts (letter_id, at, outcome, reply) VALUES ($1, $2, '', '')", number, at
    )
    await scene.execute("INSERT INTO letter_alerts (letter_id, alert_id, level, reason) VALUES ($1, 1, '', '')", number)
    return int(number)


async def left(scene: Scene) -> list[set[int]]:
    tables = (("id", "letters"), ("letter_id", "letter_attempts"), ("letter_id", "letter_alerts"))
    return [{row[0] for row in await scene.fetch(f"SELECT {key} FROM {table}")} for key, table in tables]


async def test_what_ended_before_is_forgotten_whole_and_what_waits_is_not(scene: Scene) -> None:
    for state in ("sent", "refused", "failed"):
        await letter(scene, state, NOON - DAY)
    kept = {await letter(scene, "queued", NOON - DAY), await letter(scene, "sent", NOON)}
    erasure = LetterErasure(scene.database)
    assert await erasure.older_than(NOON, NOON) == 3
    assert await left(scene) == [kept, kept, kept]
    assert await erasure.older_than(NOON, NOON) == 0


async def test_more_than_a_batch_is_forgotten_at_once(scene: Scene) -> None:
    await scene.execute(
        "INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, ended_at) "
        "SELECT 'operator', 'a@test.ru', '', n::text, '', 'sent', $1, $1 FROM generate_series(1, 1001) AS n",
        NOON - DAY,
    )
    assert await LetterErasure(scene.database).older_than(NOON, NOON) == 1001


async def test_a_mailer_forgets_by_its_own_clock(scene: Scene, tmp_path: Path) -> None:
    kept_until_later = await letter(scene, "sent", NOON + DAY)
    await letter(scene, "sent", NOON)
    mailer = scene.mailer(Maildir(tmp_path), erasure=LetterErasure(scene.database), keep=30 * DAY)
    scene.clock.at += 30 * DAY

    async def only_one_is_left() -> bool:
        return await left(scene) == [{kept_until_later}] * 3

    async with running(mailer):
        assert not await only_one_is_left()
        with capture_logs() as logs:
            scene.clock.at += timedelta(hours=1) + SECOND
            await until(only_one_is_left, mailer)
            await until(lambda: [log["letters"] for log in logs if log["event"] == "letters.forgotten"] == [1], mailer)
