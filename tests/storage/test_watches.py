"""Rules inside the intake's transaction: whose state a document changes, and what is written with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.alerts import Parameters, customise, decode_state
from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.rules import register_silent
from ofd_gateway.storage import watches
from ofd_gateway.storage.errors import StoreFailed
from tests.messages import PLAIN_FN, tlv
from tests.storage.arrivals import arrival, ledger
from tests.storage.watched import DAY, HOUR, REGISTER, START, TAXPAYER, body, watched

if TYPE_CHECKING:
    from ofd_gateway.ledger import Arrival
    from tests.storage.watched import Watched

OTHER_FN = "8710000100000002"
OTHER_REGISTER = "0000000000024137"
FILLED = 200_000
SILENT = "register_silent"


async def states(scene: Watched) -> dict[str, RegisterFacts]:
    rows = await scene.fetch("SELECT subject, state FROM watches ORDER BY subject")
    found = {}
    for subject, stored in rows:
        facts = decode_state(stored).facts
        assert isinstance(facts, RegisterFacts)
        found[subject] = facts
    return found


async def test_a_document_changes_the_watch_of_its_register(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        found = await states(scene)
        assert list(found) == [f"rnm:{REGISTER}"]
        assert found[f"rnm:{REGISTER}"].last_receipt_at == START
        assert [row[0] for row in await scene.fetch("SELECT customer_inn FROM watches")] == [TAXPAYER]


async def test_an_alert_is_as_durable_as_its_document(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document(fd=FILLED)
        assert await scene.alerts() == [("fn_filling", PLAIN_FN, "80", True)]
        assert [finding.change.rule for outcome in scene.outcomes for finding in outcome.findings] == ["fn_filling"]
        assert await scene.fetch("SELECT recipient FROM letter_groups") == [(TAXPAYER,)]


async def test_what_does_not_commit_leaves_no_alert(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.fetch("ALTER TABLE alerts ADD CHECK (false) NOT VALID")
        await scene.document()
        await scene.fetch("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;")
        await scene.fetch(
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION fail()"
        )
        with pytest.raises(StoreFailed):
            await scene.document(fd=FILLED)
        assert await scene.alerts() == []
        assert scene.outcomes == []


async def test_alerts_that_cannot_be_written_do_not_stop_a_document(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        await scene.fetch("ALTER TABLE alert_changes ADD CONSTRAINT broken CHECK (false) NOT VALID")
        decided = await scene.document(fd=FILLED)
        assert len(decided.documents) == 1
        assert [failure.rule for _, failure in scene.outcomes[-1].failures] == ["storage"]
        assert await scene.alerts() == []
        assert await scene.deadlines.next_at() == START + HOUR
        await scene.fetch("ALTER TABLE alert_changes DROP CONSTRAINT broken")
        await scene.document(fd=FILLED + 1)
        assert ("fn_filling", PLAIN_FN, "80", True) in await scene.alerts()


async def test_a_rule_that_raises_is_told_and_stops_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async with watched(dsn) as scene:
        object.__setattr__(register_silent.RULE, "judge", broken)
        try:
            decided = await scene.document(fd=FILLED)
        finally:
            object.__setattr__(register_silent.RULE, "judge", register_silent.judge)
        assert len(decided.documents) == 1
        assert [failure.rule for _, failure in scene.outcomes[-1].failures] == ["register_silent"]
        assert await scene.alerts() == [("fn_filling", PLAIN_FN, "80", True)]


async def test_a_state_that_cannot_be_read_is_told_and_begun_anew(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document(fd=FILLED)
        await scene.fetch("UPDATE watches SET state = 'no state'")
        await scene.document(fd=FILLED + 1)
        assert [failure.rule for _, failure in scene.outcomes[-1].failures] == ["storage"]
        assert await scene.alerts() == [("fn_filling", PLAIN_FN, "80", True)]


async def test_an_fn_brings_along_what_was_known_before_it_named_its_register(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document(fd=FILLED, register=None)
        assert list(await states(scene)) == [f"fn:{PLAIN_FN}"]
        await scene.document()
        found = await states(scene)
        assert list(found) == [f"rnm:{REGISTER}"]
        assert [fn.max_fd for fn in found[f"rnm:{REGISTER}"].fns] == [FILLED + 1]
        assert await scene.fetch("SELECT watch FROM alerts") == [(f"rnm:{REGISTER}",)]
        assert await scene.alerts() == [("fn_filling", PLAIN_FN, "80", True)]


async def test_an_fn_that_names_another_register_leaves_the_first(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        await scene.document(register=OTHER_REGISTER)
        await scene.document(register=None)
        found = await states(scene)
        assert found[f"rnm:{REGISTER}"].fns == ()
        assert [fn.max_fd for fn in found[f"rnm:{OTHER_REGISTER}"].fns] == [3]


async def test_a_register_keeps_its_watch_with_another_fn(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document(fd=FILLED)
        await scene.document(OTHER_FN, code=11)
        assert list(await states(scene)) == [f"rnm:{REGISTER}"]
        assert await scene.alerts() == [("fn_filling", PLAIN_FN, "80", False)]


async def test_documents_of_many_registers_in_one_batch(dsn: str) -> None:
    """Each watch once, whatever the order, also when two batches meet in it."""

    def one(number: int, fd: int) -> Arrival:
        fn, register = str(8710000100000000 + number), f"{number:016}"
        return arrival(fn, fd, body=body(fn, fd, 3, register, START), received_at=START)

    async with watched(dsn) as scene, watched(dsn) as second:
        forth = [one(number, fd) for number in range(20) for fd in (1, 2)]
        back = [one(number, fd) for number in reversed(range(20)) for fd in (3, 4)]
        await asyncio.gather(scene.commits.commit(forth, ledger(), START), second.commits.commit(back, ledger(), START))
        found = await states(scene)
        assert list(found) == [f"rnm:{number:016}" for number in range(20)]
        assert {facts.fns[-1].max_fd for facts in found.values()} == {4}


async def test_a_repeat_changes_nothing(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        before = await scene.fetch("SELECT state FROM watches")
        scene.now += HOUR
        await scene.commits.commit(
            [arrival(PLAIN_FN, 1, body=body(PLAIN_FN, 1, 3, REGISTER, START), received_at=scene.now)],
            ledger(),
            scene.now,
        )
        assert await scene.fetch("SELECT state FROM watches") == before


async def test_a_conflict_is_an_alert_for_the_operator(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document(fd=5)
        await scene.document(fd=5, extra=tlv(1021, b"another"))
        assert ("fd_conflict", PLAIN_FN, "conflict", True) in await scene.alerts()
        assert ("operator", "daily") in [
            tuple(r) for r in await scene.fetch("SELECT recipient, urgency FROM letter_groups")
        ]


async def test_a_deadline_opens_and_a_document_ends_an_alert(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        await scene.pass_time(23 * HOUR)
        assert await scene.alerts(SILENT) == []
        await scene.pass_time(HOUR)
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "24h", True)]
        await scene.pass_time(3 * DAY)
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "72h", True)]
        await scene.document()
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "72h", False)]
        kinds = await scene.fetch("SELECT kind, level FROM alert_changes WHERE rule = $1 ORDER BY id", SILENT)
        assert [tuple(row) for row in kinds] == [("opened", "24h"), ("raised", "72h"), ("resolved", "72h")]


async def test_a_document_that_arrives_with_its_deadline_is_in_time(dsn: str) -> None:
    """Whoever locks the watch first: either no alert, or one that the receipt ends."""
    async with watched(dsn) as scene:
        await scene.document()
        scene.now += DAY
        await asyncio.gather(scene.document(), scene.deadlines.look(scene.now))
        assert all(not still_open for _, _, _, still_open in await scene.alerts(SILENT))
        await scene.pass_time(23 * HOUR)
        assert all(not still_open for _, _, _, still_open in await scene.alerts(SILENT))
        await scene.pass_time(HOUR)
        assert [alert[3] for alert in await scene.alerts(SILENT)].count(True) == 1


async def test_two_processes_look_at_the_same_deadlines(dsn: str) -> None:
    async with watched(dsn) as scene, watched(dsn) as second:
        fns = [str(8710000100000000 + number) for number in range(30)]
        for number, fn in enumerate(fns):
            await scene.document(fn, register=f"{number:016}")
        await asyncio.gather(*(one.deadlines.look(START + DAY) for one in (scene, second, scene, second)))
        await scene.deadlines.look(START + DAY)
        found = await scene.alerts(SILENT)
        assert sorted(subject for _, subject, _, _ in found) == [f"{number:016}" for number in range(30)]
        assert {alert[2] for alert in found} == {"24h"}


async def test_a_later_document_does_not_move_the_deadline_in_the_index(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
        scene.now += HOUR
        await scene.document()
        assert await scene.deadlines.next_at() == START + DAY
        await scene.deadlines.look(START + DAY)
        assert await scene.alerts(SILENT) == []
        later = await scene.fetch("SELECT next_check_at FROM watches")
        assert later[0][0] <= START + DAY + HOUR
        await scene.deadlines.look(START + DAY + HOUR)
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "24h", True)]


async def test_other_thresholds_after_a_restart_look_at_every_watch(dsn: str) -> None:
    async with watched(dsn) as scene:
        await scene.document()
    short = customise(Parameters(), {"register_silent": {"after": "2h"}})
    async with watched(dsn, parameters=short) as scene:
        assert await scene.deadlines.next_at() == START
        await scene.pass_time(2 * HOUR)
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "2h", True)]
    async with watched(dsn, parameters=short) as scene:
        assert await scene.deadlines.next_at() != START


async def test_our_own_down_time_is_nobodys_silence(dsn: str) -> None:
    async with watched(dsn) as scene:
        run = "INSERT INTO service_runs (host, pid, version, started_at, last_seen_at) VALUES ('h', 1, '1', $1, $2)"
        now = (await scene.fetch("SELECT now()"))[0][0]
        scene.now = now - DAY
        await scene.fetch(run, scene.now - HOUR, scene.now + HOUR)
        await scene.document()
        await scene.fetch(run, scene.now + 4 * HOUR, scene.now + 30 * HOUR)
        began = scene.now
        await scene.deadlines.look(began + DAY + timedelta(seconds=1))
        assert await scene.alerts(SILENT) == []
        await scene.deadlines.look(began + 27 * HOUR - timedelta(seconds=1))
        assert await scene.alerts(SILENT) == []
        await scene.deadlines.look(began + 27 * HOUR)
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "24h", True)]


async def test_watches_are_locked_and_due_ones_found_by_index(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO watches SELECT 'rnm:' || n, NULL, '', now() + make_interval(secs => n) "
        "FROM generate_series(1, 20000) n; ANALYZE watches"
    )
    for query, arguments in (
        (watches._LOCK, (["rnm:5", "rnm:77"],)),
        (watches._LOCK_DUE, (START, 200)),
        ("SELECT min(next_check_at) FROM watches", ()),
    ):
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *arguments))
        assert "Seq Scan" not in plan
        assert "Index" in plan
    await connection.close()


async def test_registers_that_share_a_number_are_watched_alone(dsn: str) -> None:
    """As test registers do: whoever goes on beside another is no FN that was replaced."""
    async with watched(dsn) as scene:
        for fn in (PLAIN_FN, OTHER_FN) * 3:
            await scene.document(fn)
            scene.now += timedelta(seconds=1)
        found = await states(scene)
        assert list(found) == [f"fn:{PLAIN_FN}", f"rnm:{REGISTER}"]
        assert [fn.number for fn in found[f"rnm:{REGISTER}"].fns] == [OTHER_FN]
        assert [(fn.number, fn.max_fd, fn.in_use) for fn in found[f"fn:{PLAIN_FN}"].fns] == [(PLAIN_FN, 3, True)]
        await scene.pass_time(DAY)
        assert [alert[1] for alert in await scene.alerts(SILENT)] == [REGISTER, REGISTER]


async def test_one_watched_alone_joins_the_register_it_names_next(dsn: str) -> None:
    async with watched(dsn) as scene:
        for fn in (PLAIN_FN, OTHER_FN, PLAIN_FN):
            await scene.document(fn)
        await scene.document(PLAIN_FN, register=OTHER_REGISTER)
        found = await states(scene)
        assert list(found) == [f"rnm:{REGISTER}", f"rnm:{OTHER_REGISTER}"]
        assert [fn.max_fd for fn in found[f"rnm:{OTHER_REGISTER}"].fns] == [3]
