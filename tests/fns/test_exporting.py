"""The leg against a real HTTP peer and a real database: every document goes on, in order, whatever the peer does."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from ofd_gateway.dispatch import Trouble
from tests.fns.peer import Peer, response, serving
from tests.fns.scene import MINUTE, NOON, PARAMETERS, SECOND, Scene, fn, register, until


async def test_documents_go_on_as_the_tax_service_writes_them(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    with capture_logs() as logs:
        async with scene.exporting(peer, token="s3cret", path="/base/") as exporter:
            await scene.until_empty(exporter)
    (sent,) = peer.bodies.values()
    document = sent.pop("document")
    assert sent == {
        "fn": fn(1),
        "generation": 0,
        "fd": 1,
        "ffd": "1.05",
        "kind": "receipt",
        "received_at": "2026-11-24T09:00:00Z",
    }
    receipt = document["receipt"]
    assert (receipt["fiscalDriveNumber"], receipt["kktRegId"]) == (fn(1), register(1))
    raw = base64.b64decode(receipt["rawData"])
    assert int.from_bytes(raw[-8:], "big") == receipt["messageFiscalSign"]
    head = peer.heads[0]
    assert head["request"] == "POST /base/v1/documents HTTP/1.1"
    assert (head["authorization"], head["content-type"]) == ("bearer s3cret", "application/json")
    assert await scene.fetch(
        "SELECT fn, fd, status, code, text, attempts, received_at, first_sent_at, decided_at FROM fns_answers"
    ) == [(fn(1), 1, "accepted", 0, "", 1, NOON, NOON, NOON)]
    assert [(line["event"], line["documents"]) for line in logs if line["event"] == "fns.sent"] == [("fns.sent", 1)]
    assert scene.metrics.fns_answers.labels("accepted")._value.get() == 1


async def test_the_documents_of_each_fn_keep_their_order(scene: Scene, peer: Peer) -> None:
    for number in range(1, 8):
        await scene.document(number, count=10 * number)
    async with scene.exporting(peer, parallel=4) as exporter:
        await scene.until_empty(exporter)
    for number in range(1, 8):
        assert peer.order_of(fn(number)) == list(range(1, 10 * number + 1))
    assert max(len(request) for request in peer.requests) <= PARAMETERS.batch
    assert max(request.count(key) for request in peer.requests for key in request) == 1
    assert len(await scene.answers()) == 280


async def test_requests_are_under_way_together_and_connections_are_kept(scene: Scene, peer: Peer) -> None:
    for number in range(60):
        await scene.document(number)
    peer.gate = asyncio.Event()
    async with scene.exporting(peer, parallel=3) as exporter:
        await until(lambda: peer.under_way == 3, exporter)
        taken = [key[0] for request in peer.requests for key in request]
        assert len(set(taken)) == len(taken) == 60
        peer.gate.set()
        await scene.until_empty(exporter)
        await scene.document(1)
        await scene.until_empty(exporter)
    assert peer.most_under_way == 3
    assert peer.connections == 3


async def test_every_kind_of_answer_is_kept(scene: Scene, peer: Peer) -> None:
    said = {
        1: ("accepted", 0, ""),
        2: ("soft_quarantine", 7, "нет данных о кассе"),
        3: ("hard_quarantine", 502, "время"),
        4: ("refused", 420, "нет реквизита"),
    }
    for number in said:
        await scene.document(number)
    peer.decide = lambda document: said[int(document["fn"]) - int(fn(0))]
    with capture_logs() as logs:
        async with scene.exporting(peer) as exporter:
            await scene.until_empty(exporter)
    assert await scene.answers() == [(fn(n), 1, status, code) for n, (status, code, _) in said.items()]
    assert {(line["event"], line["log_level"], line["code"]) for line in logs if "code" in line} == {
        ("fns.quarantined", "info", 7),
        ("fns.refused", "warning", 502),
        ("fns.refused", "warning", 420),
    }


async def test_a_postponed_document_holds_its_fn_alone(scene: Scene, peer: Peer) -> None:
    await scene.document(1, count=3)
    await scene.document(2, count=3)
    peer.decide = lambda one: (
        ("postponed", 3, "занято") if (one["fn"], one["fd"]) == (fn(1), 2) else ("accepted", 0, "")
    )
    async with scene.exporting(peer) as exporter:
        await until(lambda: peer.times(fn(1), 2) == 1 and peer.order_of(fn(2)) == [1, 2, 3], exporter)
        await until(lambda: bool(scene.metrics.fns_answers.labels("postponed")._value.get()), exporter)
        assert await scene.queued() == [(fn(1), 2), (fn(1), 3)]
        assert await scene.lines() == [(fn(1), 2, 1, "postponed: 3 занято")]
        peer.decide = lambda one: ("accepted", 0, "")
        scene.clock.at += SECOND / 2
        for _ in range(5):
            exporter.wake()
            await asyncio.sleep(0.02)
        assert peer.times(fn(1), 2) == 1
        scene.clock.at += SECOND
        await scene.until_empty(exporter)
    assert peer.order_of(fn(1)) == [1, 2, 3]
    assert await scene.lines() == []
    assert await scene.fetch("SELECT attempts FROM fns_answers WHERE fn = $1 ORDER BY fd", fn(1)) == [(1,), (2,), (1,)]


async def test_an_endpoint_that_is_down(scene: Scene) -> None:
    peer = Peer()
    async with serving(peer):
        pass
    for number in range(30):
        await scene.document(number, count=2)
    with capture_logs() as logs:
        async with scene.exporting(peer) as exporter:
            await until(scene.is_down, exporter)
            for _ in range(20):
                scene.clock.at += MINUTE
                exporter.wake()
                await asyncio.sleep(0.02)
            assert len(await scene.queued()) == 60
            assert await scene.lines() == []
            async with serving(peer, port=peer.port):
                scene.clock.at += MINUTE
                await scene.until_empty(exporter)
                assert not await scene.is_down()
    assert len(peer.requests[0]) <= 5
    assert [line["event"] for line in logs if line["event"].startswith("fns.endpoint")] == [
        "fns.endpoint_down",
        "fns.endpoint_up",
    ]
    assert sorted(peer.order) == sorted((fn(n), 0, fd) for n in range(30) for fd in (1, 2))
    assert await scene.alerts("fns_rejected") == []


async def test_nobody_asks_a_silent_endpoint_before_its_time(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    peer.fault = lambda keys: response(503, b"busy", Retry_After="90")
    async with scene.exporting(peer) as exporter:
        await until(scene.is_down, exporter)
        assert await scene.fetch("SELECT next_attempt_at - failing_since, failures, trouble FROM fns_endpoint") == [
            (timedelta(seconds=90), 1, "http_503: busy")
        ]
        peer.fault = lambda keys: None
        scene.clock.at += 89 * SECOND
        for _ in range(5):
            exporter.wake()
            await asyncio.sleep(0.02)
        assert len(peer.requests) == 1
        scene.clock.at += SECOND
        await scene.until_empty(exporter)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("Tue, 24 Nov 2026 09:00:30 GMT", 30 * SECOND),
        ("Tue, 24 Nov 2026 08:00:00 GMT", SECOND),
        ("999999999999", timedelta(hours=1)),
        ("soon", SECOND),
        ("-5", SECOND),
        ("", SECOND),
    ],
)
async def test_what_retry_after_may_say(scene: Scene, peer: Peer, header: str, pause: timedelta) -> None:
    await scene.document(1)
    peer.fault = lambda keys: response(429, Retry_After=header)
    async with scene.exporting(peer) as exporter:
        await until(scene.is_down, exporter)
    assert await scene.fetch("SELECT next_attempt_at - failing_since FROM fns_endpoint") == [(pause,)]


async def test_pauses_double_and_survive_a_restart(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    peer.fault = lambda keys: response(502)
    pauses = []
    for failures in (1, 2, 3):
        async with scene.exporting(peer) as exporter:
            await until(lambda wanted=failures: _failed(scene, wanted), exporter)
        ((until_at,),) = await scene.fetch("SELECT next_attempt_at FROM fns_endpoint")
        pauses.append(until_at - scene.clock.at)
        scene.clock.at = until_at
    assert pauses == [SECOND, 2 * SECOND, 4 * SECOND]


async def _failed(scene: Scene, times: int) -> bool:
    return (await scene.fetch("SELECT failures FROM fns_endpoint"))[0][0] == times


async def test_a_clock_that_was_far_ahead_locks_nobody_out(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    await scene.document(2)
    later = NOON + timedelta(days=300)
    await scene.execute("UPDATE fns_endpoint SET failing_since = $1, next_attempt_at = $1, failures = 3", later)
    await scene.execute(
        "INSERT INTO fns_lines (fn, generation, fd, failures, failing_since, next_attempt_at, trouble, is_told)"
        " VALUES ($1, 0, 1, 2, $2, $2, '', false)",
        fn(1),
        later,
    )
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)


async def test_a_pause_of_a_clock_that_was_far_ahead_is_replaced_by_the_next_failure(scene: Scene) -> None:
    """Else a silent endpoint would be asked without a pause until that clock is caught up."""
    later = NOON + timedelta(days=1)
    await scene.execute("UPDATE fns_endpoint SET failing_since = $1, next_attempt_at = $1, failures = 3", later)
    await scene.endpoint().failed(Trouble("timeout"), NOON, lambda failures: failures * MINUTE)
    ((until, failures),) = await scene.fetch("SELECT next_attempt_at, failures FROM fns_endpoint")
    assert (until, failures) == (NOON + 4 * MINUTE, 4)


FAULTS = {
    "server error": lambda keys: response(500, b"oops"),
    "no JSON": lambda keys: response(200, b"<html>"),
    "no answers": lambda keys: response(200, b'{"answers": []}'),
    "another shape": lambda keys: response(200, b'{"answers": 7}'),
    "no HTTP": lambda keys: b"220 mail.example ESMTP\r\n\r\n",
    "too long": lambda keys: response(200, b"[" + b" " * 2_000_000),
    "dropped": lambda keys: "drop",
    "half an answer": lambda keys: response(200, b'{"answers": []}')[:-4] + b"",
    "moved": lambda keys: response(302, Location="http://127.0.0.1:1/"),
    "wrong token": lambda keys: response(401),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_endpoint_that_answers_nothing_useful_is_left_alone(scene: Scene, peer: Peer, fault: str) -> None:
    """No FN is blamed, and everything goes as soon as the endpoint is well."""
    for number in range(12):
        await scene.document(number, count=2)
    peer.fault = FAULTS[fault]
    async with scene.exporting(peer, timeout_s=0.5 if fault == "half an answer" else 10.0, parallel=1) as exporter:
        await until(scene.is_down, exporter)
        assert (await scene.lines(), len(await scene.queued())) == ([], 24)
        assert len(peer.requests) <= 3
        peer.fault = lambda keys: None
        scene.clock.at += MINUTE
        await scene.until_empty(exporter)
    assert len(await scene.answers()) == 24
    assert await scene.alerts("fns_rejected") == []


@pytest.mark.parametrize("fault", ["server error", "bad request", "no JSON", "dropped", "slow"])
async def test_one_poisonous_document_holds_up_its_fn_alone(scene: Scene, peer: Peer, fault: str) -> None:
    for number in range(20):
        await scene.document(number, count=3)
    faults = {**FAULTS, "bad request": lambda keys: response(400, b"no such tag"), "slow": lambda keys: SLOW}
    poison = (fn(13), 0, 2)
    peer.fault = lambda keys: faults[fault](keys) if poison in keys else None
    async with scene.exporting(peer, timeout_s=0.3 if fault == "slow" else 10.0) as exporter:
        await until(lambda: len(peer.order) == 58, exporter)
        await until(lambda: _paused(scene), exporter)
        await until(lambda: _waiting(scene, 2), exporter)
        assert await scene.queued() == [(fn(13), 2), (fn(13), 3)]
        assert not await scene.is_down()
        peer.fault = lambda keys: None
        scene.clock.at += MINUTE
        await scene.until_empty(exporter)
    assert peer.order_of(fn(13)) == [1, 2, 3]
    assert await scene.lines() == []


SLOW = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


async def _paused(scene: Scene) -> bool:
    return [line[:2] for line in await scene.lines()] == [(fn(13), 2)]


async def _waiting(scene: Scene, count: int) -> bool:
    return len(await scene.queued()) == count


@pytest.mark.parametrize("is_with_others", [True, False])
async def test_a_single_document_that_is_alone_is_not_blamed_without_evidence(
    scene: Scene, peer: Peer, is_with_others: bool
) -> None:
    """When others go, beside it or in between, the endpoint proves to be well, and only the culprit waits."""
    await scene.document(2)
    peer.fault = lambda keys: response(500) if (fn(2), 0, 1) in keys else None
    async with scene.exporting(peer) as exporter:
        await until(scene.is_down, exporter)
        assert await scene.lines() == []
    for number in (1, 3) if is_with_others else (3, 4):
        await scene.document(number)
    scene.clock.at += MINUTE
    async with scene.exporting(peer) as exporter:
        if not is_with_others:
            exporter._outbox._after = fn(2)
        await until(lambda: len(peer.order) == 2, exporter)
        await until(lambda: _failures(scene, 1), exporter)
        assert [line[:2] for line in await scene.lines()] == [(fn(2), 1)]
        await until(lambda: _is_up(scene), exporter)
        scene.clock.at += MINUTE
        await until(lambda: _failures(scene, 2), exporter)
        assert not await scene.is_down()


async def _is_up(scene: Scene) -> bool:
    return not await scene.is_down()


async def _failures(scene: Scene, count: int) -> bool:
    return [line[2] for line in await scene.lines()] == [count]


async def test_answers_twice_to_strangers_and_too_few(scene: Scene, peer: Peer) -> None:
    for number in (1, 2, 3):
        await scene.document(number)

    def edit(answers):
        kept = [one for one in answers if one["fn"] != fn(2)]
        stranger = {**answers[0], "fn": "9999000000000001"}
        twice = {**kept[0], "status": "refused", "code": 1}
        broken = [
            {"fn": 7},
            "text",
            {**kept[0], "fd": "1"},
            {**kept[0], "status": "lost"},
            {**kept[0], "code": 1 << 40},
        ]
        return {"answers": [*broken, *kept, stranger, twice]}

    peer.edit = edit
    with capture_logs() as logs:
        async with scene.exporting(peer) as exporter:
            await until(lambda: _waiting(scene, 1), exporter)
            assert await scene.lines() == [(fn(2), 1, 1, "no_answer")]
            peer.edit = lambda answers: {"answers": answers}
            scene.clock.at += MINUTE
            await scene.until_empty(exporter)
    assert await scene.answers() == [(fn(n), 1, "accepted", 0) for n in (1, 2, 3)]
    assert [line["odd"] for line in logs if line["event"] == "fns.odd_answers"] == [7]


async def test_what_was_taken_before_the_connection_broke_is_sent_again(scene: Scene, peer: Peer) -> None:
    """The peer decides and the answer is lost: the same documents come again and get the same answers."""
    for number in (1, 2, 3):
        await scene.document(number, count=2)

    def lose(answers):
        raise ConnectionResetError

    peer.edit = lose
    async with scene.exporting(peer) as exporter:
        await until(scene.is_down, exporter)
        waiting = await scene.fetch("SELECT attempts, last_error FROM fns_queue WHERE fd = 2")
        assert {attempts for attempts, _ in waiting} == {1}
        assert all(error.startswith("connection_lost: ") for _, error in waiting)
        peer.edit = lambda answers: {"answers": answers}
        scene.clock.at += MINUTE
        await scene.until_empty(exporter)
    assert len(peer.order) == 6
    assert peer.times(fn(1), 2) == 2
    assert await scene.fetch("SELECT attempts FROM fns_answers WHERE fn = $1 AND fd = 2", fn(1)) == [(2,)]


async def test_two_exporters_share_the_queue(scene: Scene, peer: Peer) -> None:
    for number in range(50):
        await scene.document(number, count=4)
    async with scene.exporting(peer) as first, scene.exporting(peer) as second:
        await scene.until_empty(first)
        second.wake()
    assert len(peer.order) == 200
    assert sum(map(len, peer.requests)) == 200
    assert all(peer.order_of(fn(n)) == [1, 2, 3, 4] for n in range(50))


async def test_an_exporter_that_is_cut_off_leaves_its_lines_to_the_others(scene: Scene, peer: Peer) -> None:
    for number in range(5):
        await scene.document(number, count=4)
    peer.gate = asyncio.Event()
    async with scene.exporting(peer, parallel=1) as first:
        await until(peer.at_gate.is_set, first)
        assert len(peer.requests[0]) == 20
        async with scene.outbox().take(scene.clock.at) as taken:
            assert taken is None
        await scene.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        peer.gate, gate = None, peer.gate
        async with scene.exporting(peer) as second:
            await scene.until_empty(second)
            gate.set()
    assert len(peer.order) == 20
    assert [len(request) for request in peer.requests] == [20, 20]


async def test_requests_in_hand_are_finished_when_it_stops(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    peer.gate = asyncio.Event()
    async with scene.exporting(peer) as exporter:
        await until(peer.at_gate.is_set, exporter)
        asyncio.get_running_loop().call_later(0.2, peer.gate.set)
    assert await scene.answers() == [(fn(1), 1, "accepted", 0)]


async def test_no_lock_is_left_behind(scene: Scene, peer: Peer) -> None:
    for number in range(5):
        await scene.document(number)
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
        peer.fault = lambda keys: response(500)
        await scene.document(1)
        await until(scene.is_down, exporter)
    assert (
        await scene.fetch(
            "SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        == []
    )


async def test_a_document_that_cannot_be_read_any_more(scene: Scene, peer: Peer) -> None:
    await scene.document(1, count=3)
    await scene.document(2)
    await scene.execute("UPDATE documents SET container = 'x' WHERE fn = $1 AND fd = 2", fn(1))
    with capture_logs() as logs:
        async with scene.exporting(peer) as exporter:
            await until(lambda: _waiting(scene, 2), exporter)
            await until(lambda: _line_of(scene, fn(1)), exporter)
    assert await scene.queued() == [(fn(1), 2), (fn(1), 3)]
    (unreadable, *_) = [line for line in logs if line["event"] == "fns.unreadable"]
    assert (unreadable["log_level"], unreadable["fd"]) == ("error", 2)


async def _line_of(scene: Scene, wanted: str) -> bool:
    return [line[:2] for line in await scene.lines()] == [(wanted, 2)]


async def test_rows_without_a_document_are_dropped(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    await scene.execute("DELETE FROM documents")
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
    assert peer.requests == []


async def test_a_database_that_goes_away_stalls_the_leg_and_nothing_is_lost(scene: Scene, peer: Peer) -> None:
    with capture_logs() as logs:
        async with scene.exporting(peer) as exporter:
            await scene.execute("ALTER TABLE fns_queue RENAME TO elsewhere")
            await until(lambda: any(line["event"] == "fns.stalled" for line in logs), exporter)
            await scene.execute("ALTER TABLE elsewhere RENAME TO fns_queue")
            await scene.document(1)
            await scene.until_empty(exporter)
            await until(lambda: any(line["event"] == "fns.recovered" for line in logs), exporter)
    assert msgspec.json.encode([line["event"] for line in logs if line["log_level"] == "error"]) == b'["fns.stalled"]'
