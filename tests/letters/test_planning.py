"""From news to letters: grouping, repeats, quiet hours, silences, ends, addresses."""

from __future__ import annotations

import msgspec
import pytest

from ofd_gateway.alerts.letters import Composer
from ofd_gateway.alerts.model import EndReason, TransitionKind
from ofd_gateway.storage.alert_records import OPERATOR
from tests.letters.scene import HOUR, INN, NOON, NOTICES, OTHER_INN, SECOND, WAIT, Scene

DAY = 24 * HOUR


async def group(scene: Scene, recipient: str = INN, urgency: str = "prompt"):
    (row,) = await scene.fetch(
        "SELECT waiting_since, due_at, last_sent_at FROM letter_groups WHERE recipient = $1 AND urgency = $2",
        recipient,
        urgency,
    )
    return row


async def test_news_waits_for_company_and_then_is_one_letter(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    scene.clock.at = NOON + WAIT - SECOND
    assert await scene.plan() == []
    scene.clock.at = NOON + WAIT
    (planned,) = await scene.plan()
    assert (planned.recipient, planned.letters, planned.failure) == (INN, 1, None)
    (letter,) = await scene.letters()
    assert (letter.recipient, letter.address, letter.state) == (INN, "shop@test.ru", "queued")
    assert letter.subject == ("ККТ 0000000000000001: обслуживание ОФД заканчивается 01.12.2026 (через 7 дн.)")
    assert letter.next_attempt_at == scene.clock.at
    assert await group(scene) == (None, None, scene.clock.at)
    assert await scene.fetch("SELECT recipient, weight, told_at, ended FROM told") == [
        (INN, 1.0, scene.clock.at, False)
    ]
    assert await scene.fetch("SELECT level, reason FROM letter_alerts") == [("1", "FIRST")]


async def test_forty_registers_are_one_letter_with_a_table(scene: Scene) -> None:
    await scene.customer()
    for register in range(1, 41):
        await scene.alert(register=register)
    await scene.execute(
        "INSERT INTO registers (registration_number, name, place, watch_unsold, created_at, changed_at) "
        "VALUES ('0000000000000007', 'Кофейня', 'Тверская, 1', false, $1, $1)",
        NOON,
    )
    scene.clock.at += WAIT
    await scene.plan()
    (letter,) = await scene.letters()
    assert letter.subject == "ККТ: 40 касс, обслуживание ОФД заканчивается"
    lines = (await scene.text(letter)).splitlines()
    rows = [line for line in lines if "обслуживание ОФД заканчивается 01.12.2026" in line]
    assert len(rows) == 40
    assert any("Кофейня · Тверская, 1" in row and "0000000000000007" in row for row in rows)
    assert await scene.fetch("SELECT count(*) FROM letter_alerts") == [(40,)]


async def test_letters_keep_their_distance(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    sent_at = scene.clock.at
    await scene.alert(register=2)
    scene.clock.at = sent_at + NOTICES.group_interval - SECOND
    await scene.plan()
    assert len(await scene.letters()) == 1
    scene.clock.at = sent_at + NOTICES.group_interval
    await scene.plan()
    assert len(await scene.letters()) == 2


async def test_a_moment_to_look_again_does_not_shorten_the_wait(scene: Scene) -> None:
    """A repeat that is due early takes the group up; the news of this moment still waits for company."""
    await scene.customer()
    await scene.alert("documents_unsent", critical=True)
    scene.clock.at += WAIT
    await scene.plan()
    scene.clock.at += DAY - SECOND
    await scene.alert(register=2)
    since = scene.clock.at
    scene.clock.at += SECOND
    await scene.plan()
    assert len(await scene.letters()) == 1
    assert await group(scene) == (since, since + WAIT, NOON + WAIT)
    scene.clock.at = since + WAIT
    await scene.plan()
    assert [letter.subject for letter in await scene.letters()][1] == "Предупреждения: 2 по 2 кассам"


async def test_a_critical_alert_is_repeated_daily_until_acknowledged(scene: Scene) -> None:
    await scene.customer()
    await scene.alert("documents_unsent", critical=True)
    scene.clock.at += WAIT
    await scene.plan()
    scene.clock.at += DAY - SECOND
    assert await scene.plan() == []
    scene.clock.at += SECOND
    await scene.plan()
    assert await scene.fetch("SELECT reason FROM letter_alerts ORDER BY letter_id") == [("FIRST",), ("REPEATED",)]
    await scene.execute(
        "UPDATE alerts SET acked_at = $1, acked_weight = weight, acked_critical = critical", scene.clock.at
    )
    scene.clock.at += DAY
    await scene.plan()
    assert len(await scene.letters()) == 2


async def test_a_heavier_level_is_told_and_the_same_one_is_not(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    await scene.alert(kind=TransitionKind.RAISED, weight=2.0)
    scene.clock.at += HOUR
    await scene.plan()
    await scene.alert(kind=TransitionKind.RAISED, weight=2.0)
    scene.clock.at += HOUR
    await scene.plan()
    assert await scene.fetch("SELECT level, reason FROM letter_alerts ORDER BY letter_id") == [
        ("1", "FIRST"),
        ("2", "RAISED"),
    ]


async def test_quiet_hours_hold_letters_until_they_end(scene: Scene) -> None:
    await scene.customer(quiet_hours="11:00-15:00", timezone="Europe/Moscow")
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.letters() == []
    assert await group(scene) == (None, NOON + 3 * HOUR, None)
    await scene.alert("documents_unsent", critical=True)
    scene.clock.at += WAIT
    await scene.plan()
    assert [letter.subject for letter in await scene.letters()] == [
        "ККТ 0000000000000001: 3 док. не переданы с 04.11.2026; ФН заблокируется 04.12.2026"
    ]
    scene.clock.at = NOON + 3 * HOUR
    await scene.plan()
    assert await scene.fetch("SELECT reason FROM letter_alerts ORDER BY letter_id") == [("FIRST",), ("FIRST",)]


async def test_a_silenced_alert_is_told_when_the_silence_ends(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    await scene.execute("UPDATE alerts SET silenced_until = $1", NOON + HOUR)
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.letters() == []
    scene.clock.at = NOON + HOUR
    await scene.plan()
    assert len(await scene.letters()) == 1


async def test_the_end_is_told_only_to_who_heard_of_the_beginning(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    await scene.alert(register=2)
    await scene.resolve(register=2)
    await scene.resolve(paid_until="2027-11-30T21:00:00+00:00")
    scene.clock.at += HOUR
    await scene.plan()
    assert (await scene.subjects())[1:] == ["ККТ 0000000000000001: обслуживание ОФД продлено до 01.12.2027"]
    scene.clock.at += DAY
    await scene.plan()
    assert len(await scene.letters()) == 2


@pytest.mark.parametrize("how", ["switch", "superseded"])
async def test_ends_that_nobody_wants(scene: Scene, how: str) -> None:
    await scene.customer(tell_resolved=how != "switch")
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    await scene.resolve(end_reason=EndReason.SUPERSEDED if how == "superseded" else EndReason.OVER)
    scene.clock.at += HOUR
    (planned,) = await scene.plan()
    assert planned.letters == 0
    assert len(await scene.letters()) == 1


async def test_a_refused_document_is_told_although_it_is_over(scene: Scene) -> None:
    await scene.customer()
    await scene.alert("fns_rejected")
    await scene.resolve("fns_rejected")
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.fetch("SELECT reason FROM letter_alerts") == [("OCCURRED",)]
    scene.clock.at += DAY
    await scene.alert(register=2)
    scene.clock.at += HOUR
    await scene.plan()
    assert await scene.fetch("SELECT reason FROM letter_alerts ORDER BY letter_id") == [("OCCURRED",), ("FIRST",)]


async def test_types_that_are_switched_off(scene: Scene) -> None:
    await scene.customer(notify=["silence"])
    await scene.alert()
    await scene.alert("register_silent")
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.subjects() == ["ККТ 0000000000000001: нет чеков с 23.11.2026 12:00 (24 ч), смена закрыта"]


async def test_each_address_gets_the_letter(scene: Scene) -> None:
    await scene.customer(emails=("a@test.ru", "b@test.ru", "a@test.ru"))
    await scene.alert()
    scene.clock.at += WAIT
    (planned,) = await scene.plan()
    assert planned.letters == 2
    letters = await scene.letters()
    assert [letter.address for letter in letters] == ["a@test.ru", "b@test.ru"]
    assert len({letter.message_id for letter in letters}) == 2


async def test_a_recipient_that_is_gone_has_no_group(scene: Scene) -> None:
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.fetch("SELECT * FROM letter_groups") == []
    assert await scene.letters() == []


async def test_findings_for_the_operator_go_daily(scene: Scene) -> None:
    await scene.alert("fd_gap", inn=None)
    scene.clock.at += WAIT
    await scene.plan()
    assert await scene.subjects(OPERATOR) == ["Пропущены ФД 3–4"]
    await scene.alert("fd_gap", register=2, inn=None)
    scene.clock.at += HOUR
    await scene.plan()
    assert len(await scene.letters()) == 1
    scene.clock.at = NOON + WAIT + DAY
    await scene.plan()
    assert len(await scene.letters()) == 2


async def test_an_incident_of_the_operator_holds_the_letters_of_customers(scene: Scene) -> None:
    await scene.customer()
    await scene.alert("many_registers", inn=None, critical=True, episode="incident")
    scene.clock.at += SECOND
    await scene.alert("register_silent")
    scene.clock.at += WAIT
    await scene.plan()
    assert [letter.recipient for letter in await scene.letters()] == [OPERATOR]
    assert (await scene.subjects(OPERATOR)) == ["Сразу у многих касс: нет чеков (25 из 100); вероятная причина общая"]
    await scene.resolve("many_registers", inn=None, critical=True, episode="incident")
    scene.clock.at += HOUR
    await scene.plan()
    assert await scene.subjects() == ["ККТ 0000000000000001: нет чеков с 23.11.2026 12:00 (24 ч), смена закрыта"]


async def test_an_incident_holds_for_a_day_at_most(scene: Scene) -> None:
    await scene.customer()
    await scene.alert("many_registers", inn=None, critical=True)
    await scene.alert("register_silent")
    scene.clock.at += DAY - SECOND
    await scene.plan()
    assert await scene.subjects() == []
    scene.clock.at += SECOND
    await scene.plan()
    assert len(await scene.subjects()) == 1


class Failing(Composer):
    def compose(self, recipient, lines):
        if recipient.id == INN:
            raise RuntimeError("no words")
        return super().compose(recipient, lines)


async def test_a_group_that_fails_keeps_no_other_waiting(scene: Scene) -> None:
    await scene.customer()
    await scene.customer(OTHER_INN)
    await scene.alert()
    scene.clock.at += SECOND
    await scene.alert(register=2, inn=OTHER_INN)
    scene.clock.at += WAIT
    failing = scene.new_planner(composer=Failing(operator_name="", register_timezone="Europe/Moscow"))
    failed, done = await scene.plan(failing)
    assert (failed.recipient, failed.failure) == (INN, "RuntimeError: no words")
    assert (done.recipient, done.letters) == (OTHER_INN, 1)
    assert await scene.plan(failing) == []
    scene.clock.at += HOUR
    await scene.plan()
    assert len(await scene.subjects()) == 1


async def test_a_customer_with_thousands_of_alerts_it_knows(scene: Scene) -> None:
    """What the recipient knows is not read again, so that one more alert costs what one alert costs."""
    await scene.customer()
    await scene.execute(
        """
        INSERT INTO alerts (watch, type, rule, subject_kind, subject, episode, customer_inn, level, weight, critical,
            opened_at, raised_at, facts, evidence)
        SELECT 'rnm:' || n, 'service', 'service_ending', 'register', n, 'one', $1, '7d', 1, false, $2, $2, '{}', '[]'
        FROM generate_series(100, 5099) n
        """,
        INN,
        NOON,
    )
    await scene.execute("INSERT INTO told SELECT id, customer_inn, 1, opened_at, false FROM alerts")
    await scene.execute("ANALYZE")
    await scene.alert()
    scene.clock.at += WAIT
    await scene.plan()
    (letter,) = await scene.letters()
    assert letter.subject.startswith("ККТ 0000000000000001: ")


async def test_text_of_a_register_breaks_nothing(scene: Scene) -> None:
    await scene.customer(name="ООО <b>\r\nBcc: evil@test.ru")
    await scene.alert(registration_number="1\r\nBcc: evil@test.ru", place="<script>\x1b[2J")
    scene.clock.at += WAIT
    await scene.plan()
    (letter,) = await scene.letters()
    found = await scene.archive.letter(letter.id)
    assert found is not None
    head = found[1].split(b"\r\n\r\n")[0]
    assert b"\nBcc:" not in head
    assert "ККТ 1 Bcc: evil@test.ru: " in letter.subject
    assert "\x1b" not in await scene.text(letter)


async def test_addresses_that_mail_cannot_be_written_to(scene: Scene) -> None:
    """One of several: the others get the letter, and the operator hears of it."""
    await scene.customer(emails=("a@test.ru", "кому@почта.рф", "b@почта.рф"))
    await scene.alert()
    scene.clock.at += WAIT
    (planned,) = await scene.plan()
    assert (planned.letters, planned.dead) == (2, ("кому@почта.рф",))
    assert [letter.address for letter in await scene.letters()] == ["a@test.ru", "b@почта.рф"]
    facts = msgspec.json.decode((await scene.fetch("SELECT facts FROM alerts WHERE rule = 'address_dead'"))[0][0])
    assert (facts["address"], facts["inn"], facts["last_address"]) == ("кому@почта.рф", INN, False)


async def test_the_operator_hears_of_what_is_open_when_its_addresses_are_set(scene: Scene) -> None:
    await scene.alert("many_registers", inn=None, critical=True)
    scene.clock.at += WAIT
    nobody = scene.new_planner(emails=())
    await scene.plan(nobody)
    assert await scene.letters() == []
    scene.clock.at += HOUR
    await scene.planner.start(scene.clock.at)
    scene.clock.at += WAIT
    await scene.plan()
    assert len(await scene.subjects(OPERATOR)) == 1
