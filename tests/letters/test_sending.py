"""The outbox against a real mail server: each letter once, again after faults, never to dead addresses."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from ofd_gateway.alerts.letters import RetryParameters
from ofd_gateway.mail import Maildir, Reply
from ofd_gateway.storage import DatabaseUnavailable
from ofd_gateway.storage.alert_records import OPERATOR
from ofd_gateway.storage.dead_addresses import revive
from tests.letters.peer import Peer, serving
from tests.letters.scene import HOUR, INN, NOTICES, OTHER_INN, SECOND, WAIT, Scene, running, server_of, until

DAY = 24 * HOUR


async def write(scene: Scene, *emails: str, inn: str = INN, register: int = 1) -> None:
    """One letter for each address."""
    await scene.customer(inn, emails=emails or ("shop@test.ru",))
    await scene.alert(register=register, inn=inn)
    scene.clock.at += WAIT
    await scene.plan()


def in_state(scene: Scene, state: str, count: int = 1):
    async def condition() -> bool:
        return len(await scene.letters(state=state)) == count

    return condition


async def attempts(scene: Scene) -> list[tuple]:
    return await scene.fetch("SELECT outcome, code, reply FROM letter_attempts ORDER BY id")


async def test_news_is_planned_and_sent(scene: Scene) -> None:
    await scene.customer()
    await scene.alert()
    scene.clock.at += WAIT
    async with serving(Peer()) as peer:
        mailer = scene.mailer(server_of(peer))
        with capture_logs() as logs:
            async with running(mailer):
                await until(in_state(scene, "sent"), mailer)
    (letter,) = await scene.letters()
    (message,) = peer.messages
    assert message["Subject"] == letter.subject
    assert message["Message-ID"] == letter.message_id
    assert (peer.recipients, letter.attempts, letter.sent_at) == (["shop@test.ru"], 1, scene.clock.at)
    assert await attempts(scene) == [("sent", 250, "2.0.0 queued as 1")]
    (sent,) = [line for line in logs if line["event"] == "letter.sent"]
    assert (sent["letter"], sent["recipient"], sent["address"], sent["alerts"]) == (letter.id, INN, "shop@test.ru", 1)
    assert scene.metrics.letters.labels("sent")._value.get() == 1


async def test_a_letter_is_tried_again_after_a_pause(scene: Scene) -> None:
    await write(scene)
    async with serving(Peer()) as peer:
        peer.rcpt["shop@test.ru"] = "451 4.3.0 busy"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(lambda: peer.attempts == 1, mailer)
            await until(
                lambda: bool(mailer._log) and scene.metrics.letters.labels("deferred")._value.get() == 1, mailer
            )
            (letter,) = await scene.letters()
            assert (letter.state, letter.attempts) == ("queued", 1)
            assert letter.next_attempt_at == scene.clock.at + timedelta(seconds=30)
            scene.clock.at = letter.next_attempt_at - SECOND
            mailer.wake()
            peer.rcpt.clear()
            scene.clock.at += SECOND
            await until(in_state(scene, "sent"), mailer)
    assert await attempts(scene) == [("deferred", 451, "4.3.0 busy"), ("sent", 250, "2.0.0 queued as 1")]
    assert len(peer.messages) == 1


async def test_a_letter_is_not_tried_before_its_time(scene: Scene) -> None:
    await write(scene)
    await scene.execute("UPDATE letters SET next_attempt_at = $1", scene.clock.at + SECOND)
    async with scene.store.take(scene.clock.at) as taken:
        assert taken is None
    async with scene.store.take(scene.clock.at + SECOND) as taken:
        assert taken is not None


@pytest.mark.parametrize("fault", ["disconnect", "data"])
async def test_faults_while_the_message_is_handed_over(scene: Scene, fault: str) -> None:
    await write(scene)
    async with serving(Peer()) as peer:
        peer.cut_data = fault == "disconnect"
        peer.data = "451 later"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(lambda: scene.metrics.letters.labels("deferred")._value.get() == 1, mailer)
            (letter,) = await scene.letters()
            peer.cut_data, peer.data = False, None
            scene.clock.at += HOUR
            await until(in_state(scene, "sent"), mailer)
    assert [str(message["Message-ID"]) for message in peer.messages] == [letter.message_id]


async def test_a_letter_whose_content_is_refused(scene: Scene) -> None:
    """The address lives, and other letters go there."""
    await write(scene)
    async with serving(Peer()) as peer:
        peer.data = "552 5.3.4 too big"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
            peer.data = None
            await scene.alert(register=2)
            scene.clock.at += HOUR
            await until(in_state(scene, "sent"), mailer)
    assert await attempts(scene) == [("refused", 552, "5.3.4 too big"), ("sent", 250, "2.0.0 queued as 1")]
    assert await scene.fetch("SELECT * FROM dead_addresses") == []


async def test_a_letter_is_given_up_after_the_attempts_allowed(scene: Scene) -> None:
    await write(scene)
    async with serving(Peer()) as peer:
        peer.rcpt["shop@test.ru"] = "450 not now"
        mailer = scene.mailer(server_of(peer), retry=RetryParameters(first=SECOND, longest=SECOND, attempts=2))
        with capture_logs() as logs:
            async with running(mailer):
                await until(lambda: scene.metrics.letters.labels("deferred")._value.get() == 1, mailer)
                scene.clock.at += HOUR
                await until(in_state(scene, "failed"), mailer)
    assert [outcome for outcome, _, _ in await attempts(scene)] == ["deferred", "given_up"]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["letter.given_up"]


async def test_a_server_that_is_down_for_an_hour(scene: Scene) -> None:
    """Letters wait with growing pauses; with the first that gets through the others leave at once."""
    await write(scene)
    await write(scene, "other@test.ru", inn=OTHER_INN, register=2)
    peer = Peer()
    async with serving(peer):
        pass
    mailer = scene.mailer(server_of(peer), retry=RetryParameters(attempts=40))
    async with running(mailer):
        for minute in range(60):
            scene.clock.at += timedelta(minutes=1)
            tried = 2 if minute == 0 else 0

            async def rested(tried: int = tried) -> bool:
                due = await scene.store.next_attempt_at()
                return due is not None and due > scene.clock.at and len(await attempts(scene)) >= tried

            await until(rested, mailer)
        assert 14 <= len(await attempts(scene)) <= 18
        assert len(await scene.letters(state="queued")) == 2
        first = min(letter.next_attempt_at for letter in await scene.letters() if letter.next_attempt_at)
        await scene.execute(
            "UPDATE letters SET next_attempt_at = $1 WHERE id = (SELECT max(id) FROM letters)", first + HOUR
        )
        async with serving(peer, port=peer.port):
            scene.clock.at = first
            await until(in_state(scene, "sent", 2), mailer)
    assert sorted(peer.recipients) == ["other@test.ru", "shop@test.ru"]
    assert all(reply for _, code, reply in await attempts(scene) if code is None)


async def test_a_wrong_setting_is_an_error_once_and_kills_no_address(scene: Scene) -> None:
    await write(scene)
    async with serving(Peer()) as peer:
        peer.sender = "553 5.7.1 sender not allowed"
        mailer = scene.mailer(server_of(peer))
        with capture_logs() as logs:
            async with running(mailer):
                for count in (1, 2):
                    await until(
                        lambda count=count: scene.metrics.letters.labels("deferred")._value.get() == count, mailer
                    )
                    scene.clock.at += HOUR
                peer.sender = None
                await until(in_state(scene, "sent"), mailer)
    deferred = [line["log_level"] for line in logs if line["event"] == "letter.deferred"]
    assert deferred[0] == "error"
    assert set(deferred[1:]) == {"warning"}
    assert await scene.fetch("SELECT * FROM dead_addresses") == []


async def test_a_dead_address_is_left_alone_and_the_operator_is_told(scene: Scene) -> None:
    await write(scene, "dead@test.ru", "live@test.ru")
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 5.1.1 no such user"
        mailer = scene.mailer(server_of(peer))
        with capture_logs() as logs:
            async with running(mailer):
                await until(in_state(scene, "refused"), mailer)
                await until(in_state(scene, "sent"), mailer)
                tried = peer.attempts
                await scene.alert(register=2)
                scene.clock.at += HOUR
                await until(in_state(scene, "sent", 3), mailer)
    assert [letter.address for letter in await scene.letters(state="refused")] == ["dead@test.ru"]
    assert peer.recipients.count("live@test.ru") == 2
    assert peer.attempts == tried + 2
    (told,) = await scene.subjects(OPERATOR)
    assert told == f"Письма не доставляются: dead@test.ru (ИНН {INN})"
    ((subject_kind, subject, episode, critical, facts),) = await scene.fetch(
        "SELECT subject_kind, subject, episode, critical, facts FROM alerts WHERE rule = 'address_dead'"
    )
    assert (subject_kind, subject, critical) == ("customer", INN, False)
    assert episode.startswith("dead@test.ru ")
    assert msgspec.json.decode(facts)["reply"] == "550 5.1.1 no such user"
    assert [line["address"] for line in logs if line["event"] == "letter.address_dead"] == ["dead@test.ru"]


async def test_letters_that_wait_for_an_address_that_dies_are_held(scene: Scene) -> None:
    await write(scene, "dead@test.ru")
    await write(scene, "dead@test.ru", inn=OTHER_INN, register=2)
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer), parallel=1)
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
    (held,) = await scene.letters(state="queued")
    assert (held.attempts, held.next_attempt_at, peer.attempts) == (0, None, 1)
    subjects = await scene.fetch("SELECT subject, critical FROM alerts WHERE rule = 'address_dead' ORDER BY subject")
    assert subjects == [(INN, True), (OTHER_INN, True)]


async def test_a_new_address_gets_what_was_never_delivered(scene: Scene) -> None:
    await write(scene, "dead@test.ru")
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
            await scene.alert(register=2)
            scene.clock.at += HOUR
            await until(in_state(scene, "sent"), mailer)  # to the operator
            async with scene.database.acquire() as connection, connection.transaction():
                await connection.execute("UPDATE customers SET emails = '{new@test.ru}'")
                await revive(connection, INN, ["new@test.ru"], scene.clock.at, NOTICES, who="ivan")
            scene.clock.at += WAIT
            await until(lambda: "new@test.ru" in peer.recipients, mailer)
    assert await scene.subjects() == [
        "ККТ 0000000000000001: обслуживание ОФД заканчивается 01.12.2026 (через 7 дн.)",
        "ККТ: 2 кассы, обслуживание ОФД заканчивается",
    ]
    assert await scene.fetch("SELECT resolved_at IS NULL, end_reason FROM alerts WHERE rule = 'address_dead'") == [
        (False, "over")
    ]
    assert await scene.fetch("SELECT who FROM alert_changes WHERE kind = 'resolved'") == [("ivan",)]


async def test_an_address_that_dies_again_is_told_again(scene: Scene) -> None:
    await write(scene, "dead@test.ru")
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
            async with scene.database.acquire() as connection, connection.transaction():
                await revive(connection, INN, ["dead@test.ru"], scene.clock.at, NOTICES, who="ivan")
            scene.clock.at += HOUR
            await until(in_state(scene, "refused", 2), mailer)
    assert await scene.fetch("SELECT resolved_at IS NULL FROM alerts WHERE rule = 'address_dead' ORDER BY id") == [
        (False,),
        (True,),
    ]


async def test_two_mailers_share_one_outbox(scene: Scene) -> None:
    for number in range(30):
        await scene.customer(f"{number:010d}", emails=(f"shop{number}@test.ru",))
        await scene.alert(register=number, inn=f"{number:010d}")
    scene.clock.at += WAIT
    async with serving(Peer()) as peer:
        both = [scene.mailer(server_of(peer), parallel=3) for _ in range(2)]
        async with running(*both):
            await until(in_state(scene, "sent", 30), *both)
    assert sorted(peer.recipients) == sorted(f"shop{number}@test.ru" for number in range(30))
    assert await scene.fetch("SELECT count(*) FROM letter_attempts") == [(30,)]


async def test_a_letter_is_locked_while_it_is_sent_and_free_when_its_sender_dies(scene: Scene) -> None:
    """The first sender's connection is cut in the middle; another sends the letter under the same Message-ID."""
    await write(scene)
    async with serving(Peer()) as peer:
        peer.gate = asyncio.Event()
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(peer.at_gate.is_set, mailer)
            assert not await _is_free(scene)
            await scene.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                " AND datname = current_database()"
            )
            await until(lambda: peer.attempts == 2, mailer)
            peer.gate.set()
            await until(in_state(scene, "sent"), mailer)
    assert len(peer.messages) == 2
    assert len({message["Message-ID"] for message in peer.messages}) == 1
    assert await attempts(scene) == [("sent", 250, "2.0.0 queued as 1")]


async def _is_free(scene: Scene) -> bool:
    async with scene.store.take(scene.clock.at) as taken:
        return taken is not None


async def test_a_letter_in_hand_is_finished_before_the_end(scene: Scene) -> None:
    await write(scene)
    async with serving(Peer()) as peer:
        peer.gate = asyncio.Event()
        mailer = scene.mailer(server_of(peer))
        task = asyncio.create_task(mailer.run())
        await until(peer.at_gate.is_set, mailer)
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
        assert not task.done()
        peer.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [letter.state for letter in await scene.letters()] == ["sent"]
    assert len(peer.messages) == 1


async def test_a_server_that_hangs_holds_nobody_up(scene: Scene) -> None:
    """A mailer that is cancelled leaves a letter that hangs, unharmed."""
    await write(scene)

    class Hanging:
        async def send(self, **_letter) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    mailer = scene.mailer(Hanging())
    task = asyncio.create_task(mailer.run())

    async def taken() -> bool:
        return not await _is_free(scene)

    await until(taken, mailer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _is_free(scene)


async def test_whatever_a_transport_raises_costs_one_letter_one_attempt(scene: Scene) -> None:
    await write(scene, "a@test.ru", "b@test.ru")
    sent = []

    class Odd:
        async def send(self, *, address: str, **_letter) -> Reply:
            if address == "a@test.ru":
                raise ZeroDivisionError("odd")
            sent.append(address)
            return Reply(None, "")

    mailer = scene.mailer(Odd())
    async with running(mailer):
        await until(in_state(scene, "sent"), mailer)
        await until(lambda: scene.metrics.letters.labels("deferred")._value.get() == 1, mailer)
    assert sent == ["b@test.ru"]
    assert ("deferred", 0, "ZeroDivisionError('odd')") in await attempts(scene)


async def test_an_outage_of_the_database_is_survived_and_told_once(scene: Scene, monkeypatch) -> None:
    await write(scene)
    down = True
    asked = 0
    next_due_at, take = scene.planner.plan_due, scene.store.take

    async def plan_due(now):
        nonlocal asked
        asked += 1
        if down:
            raise DatabaseUnavailable("gone")
        return await next_due_at(now)

    @contextlib.asynccontextmanager
    async def broken_take(now):
        if down:
            raise DatabaseUnavailable("gone")
        async with take(now) as taken:
            yield taken

    monkeypatch.setattr(scene.planner, "plan_due", plan_due)
    monkeypatch.setattr(scene.store, "take", broken_take)
    async with serving(Peer()) as peer:
        mailer = scene.mailer(server_of(peer))
        with capture_logs() as logs:
            async with running(mailer):
                await until(lambda: asked >= 3, mailer)
                down = False
                await until(in_state(scene, "sent"), mailer)
    events = [line["event"] for line in logs]
    assert (events.count("letters.stalled"), events.count("letters.recovered")) == (1, 1)


async def test_a_group_without_words_is_logged_and_counted(scene: Scene) -> None:
    await scene.customer(locale="ru", quiet_hours="nonsense")
    await scene.alert()
    scene.clock.at += WAIT
    mailer = scene.mailer(Maildir.__new__(Maildir))
    with capture_logs() as logs:
        async with running(mailer):
            await until(lambda: scene.metrics.letters.labels("unplanned")._value.get() == 1, mailer)
    (failed,) = [line for line in logs if line["event"] == "letter.unplanned"]
    assert failed["recipient"] == INN
    assert "quiet hours" in failed["reason"]


async def test_without_a_server_letters_lie_in_a_maildir(scene: Scene, tmp_path) -> None:
    await write(scene)
    mailer = scene.mailer(Maildir(tmp_path / "mail"))
    async with running(mailer):
        await until(in_state(scene, "sent"), mailer)
    (letter,) = await scene.letters()
    (file,) = (tmp_path / "mail" / "new").iterdir()
    assert file.name == letter.message_id.strip("<>")


async def test_a_letter_that_is_queued_again_by_a_person(scene: Scene) -> None:
    await write(scene, "dead@test.ru")
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
            (letter,) = await scene.letters(recipient=INN)
            peer.rcpt.clear()
            assert await scene.archive.retry(letter.id, scene.clock.at, NOTICES, who="ivan")
            await until(lambda: "dead@test.ru" in peer.recipients, mailer)
            await until(in_state(scene, "sent"), mailer)
            assert not await scene.archive.retry(letter.id, scene.clock.at, NOTICES, who="ivan")
    assert await scene.fetch("SELECT * FROM dead_addresses") == []
    assert await scene.fetch("SELECT resolved_at IS NULL FROM alerts WHERE rule = 'address_dead'") == [(False,)]
    (alert_id,) = (await scene.fetch("SELECT alert_id FROM letter_alerts WHERE letter_id = $1", letter.id))[0]
    (told,) = await scene.archive.letters_of(alert_id)
    assert [attempt.outcome for attempt in told.history] == ["refused", "sent"]
    assert [(alert.rule, alert.reason) for alert in told.alerts] == [("service_ending", "FIRST")]


async def test_a_new_address_of_the_operator_gets_what_was_never_delivered(scene: Scene) -> None:
    """The operator's addresses are settings: they change with a restart."""
    await scene.alert("many_registers", inn=None, critical=True)
    scene.clock.at += WAIT
    async with serving(Peer()) as peer:
        peer.rcpt["operator@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
        await scene.planner.start(scene.clock.at)
        scene.clock.at += HOUR
        assert [planned.letters for planned in await scene.plan()] == [0, 0]
        scene.planner = scene.new_planner(emails=("new@test.ru",))
        mailer = scene.mailer(server_of(peer))
        async with running(mailer):
            await until(lambda: _resolved(scene), mailer)
            scene.clock.at += HOUR
            await until(lambda: "new@test.ru" in peer.recipients, mailer)
    assert peer.subjects[0] == "Сразу у многих касс: нет чеков (25 из 100); вероятная причина общая"


async def _resolved(scene: Scene) -> bool:
    return await scene.fetch("SELECT end_reason FROM alerts WHERE rule = 'address_dead'") == [("over",)]


@pytest.mark.parametrize("how", ["set anew", "retry"])
async def test_letters_of_others_that_wait_for_an_address_go_out_when_it_lives_again(scene: Scene, how: str) -> None:
    await write(scene, "dead@test.ru")
    await write(scene, "dead@test.ru", inn=OTHER_INN, register=2)
    async with serving(Peer()) as peer:
        peer.rcpt["dead@test.ru"] = "550 no"
        mailer = scene.mailer(server_of(peer), parallel=1)
        async with running(mailer):
            await until(in_state(scene, "refused"), mailer)
            peer.rcpt.clear()
            if how == "retry":
                (refused,) = await scene.letters(state="refused")
                assert await scene.archive.retry(refused.id, scene.clock.at, NOTICES, who="ivan")
            else:
                async with scene.database.acquire() as connection, connection.transaction():
                    await revive(connection, INN, ["dead@test.ru"], scene.clock.at, NOTICES, who="ivan")

            async def sent() -> bool:
                return bool(await scene.letters(state="sent", recipient=OTHER_INN))

            await until(sent, mailer)
    assert await scene.fetch("SELECT count(*) FROM alerts WHERE rule = 'address_dead' AND resolved_at IS NULL") == [
        (0,)
    ]
