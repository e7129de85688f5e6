"""Messages to phones against a centre with faults: none lost, none doubled but where nobody can know."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ofd_gateway.alerts import decode_state
from tests.buyers.sending.scene import BASE, INN, PHONE, Scene, until
from tests.buyers.sending.smsc import (
    NO_SUCH_NUMBER,
    QUEUE_FULL,
    SYSTEM_ERROR,
    THROTTLED,
    WRONG_SENDER,
    Smsc,
    serving,
)

MINUTE = timedelta(minutes=1)
CYRILLIC = "ООО Булочная у реки и у моря и у озера".encode("cp866")


def phones(count: int) -> list[str]:
    return [f"+7999123{number:04}" for number in range(count)]


async def test_a_message_as_the_centre_gets_it(scene: Scene) -> None:
    await scene.queued(PHONE)
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        with capture_logs() as logs:
            await until(scene.all_in("sent"), texting)
    (message,) = smsc.submitted
    assert (message.destination_addr, message.dest_addr_ton, message.dest_addr_npi) == ("79991234567", 1, 1)
    assert (message.source_addr, message.source_addr_ton) == ("OFD", 5)
    assert (message.registered_delivery, message.data_coding, message.esm_class) == (1, 0, 0)
    assert message.validity_period == "000001000000000R"
    assert bytes(message.short_message).startswith(b"Romashka 123.45 " + BASE.encode() + b"/check?t=")
    assert b"gateway\0secret08\0" in smsc.binds[0]
    (kept,) = await scene.messages()
    assert (kept.attempts, kept.sent_at, kept.reply) == (1, scene.clock.at, "id-1")
    assert PHONE not in str(logs)
    assert "79991234567" not in str(logs)
    assert smsc.unbinds == 1


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("", ("", 0, 0)),
        ("Romashka", ("Romashka", 5, 0)),
        ("+79990000000", ("79990000000", 1, 1)),
        ("1234", ("1234", 0, 1)),
    ],
)
async def test_who_a_message_comes_from(scene: Scene, sender: str, address: tuple[str, int, int]) -> None:
    await scene.queued(PHONE)
    async with serving(Smsc()) as smsc, scene.texter(smsc, sender=sender) as texting:
        await until(scene.all_in("sent"), texting)
    (message,) = smsc.submitted
    assert (message.source_addr, message.source_addr_ton, message.source_addr_npi) == address


async def test_a_long_text_goes_in_parts(scene: Scene) -> None:
    await scene.queued(PHONE, t1048=CYRILLIC)
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        await until(scene.all_in("sent"), texting)
    assert [(one.esm_class, one.data_coding) for one in smsc.submitted] == [(0x40, 8)] * 2
    headers = [bytes(one.short_message)[:6] for one in smsc.submitted]
    assert [header[:3] + header[4:] for header in headers] == [b"\5\0\3\2\1", b"\5\0\3\2\2"]
    text = b"".join(bytes(one.short_message)[6:] for one in smsc.submitted).decode("utf-16-be")
    assert text.startswith("ООО Булочная у реки и у моря и у озера 123.45 https://")
    assert await scene.fetch("SELECT part, smsc_id FROM sms_parts ORDER BY part") == [(1, "id-1"), (2, "id-2")]


@pytest.mark.parametrize("status", [THROTTLED, QUEUE_FULL])
async def test_a_centre_that_is_full_gets_everything_in_the_end(scene: Scene, status: int) -> None:
    await scene.queued(*phones(20))
    async with serving(Smsc()) as smsc, scene.texter(smsc, window=4) as texting:
        smsc.script = [status, status, 0, status]

        async def all_sent() -> bool:
            scene.clock.at += timedelta(seconds=1)
            return await scene.all_in("sent", 20)()

        await until(all_sent, texting)
    accepted = set(smsc.destinations)
    assert accepted == {phone[1:] for phone in phones(20)}
    assert len(smsc.submitted) == 23
    assert await scene.balance() == 80
    assert {attempts for (attempts,) in await scene.fetch("SELECT attempts FROM buyer_messages")} == {1}
    assert scene.counted("sms", "throttled") == 3


async def test_a_refusal_is_refunded_and_the_alerts_see_it(scene: Scene) -> None:
    await scene.customer(messages=51)
    await scene.receipts(PHONE)
    await scene.plan()
    assert await scene.fetch("SELECT level, resolved_at FROM alerts") == [("50", None)]
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        smsc.script = [NO_SUCH_NUMBER]
        await until(scene.all_in("refused"), texting)
    (message,) = await scene.messages()
    assert (message.charged, message.refunded, message.next_attempt_at) == (1, 1, None)
    assert await scene.balance() == 51
    movement = (await scene.packages.get(INN)).movements[0]
    assert (movement.messages, movement.reason) == (1, "возврат: ФН 8710000100000001, ФД 1: центр СМС отказал")
    ((state,),) = await scene.fetch("SELECT state FROM watches WHERE subject = $1", f"inn:{INN}")
    assert (decode_state(state).facts.balance, decode_state(state).facts.spent) == (51, 0)
    assert await scene.fetch("SELECT level FROM alerts") == [("50",)]
    assert await scene.attempts() == [("refused", NO_SUCH_NUMBER)]


async def test_a_failure_is_tried_again_and_given_up_with_a_refund(scene: Scene) -> None:
    await scene.queued(PHONE, messages=5)
    async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
        smsc.script = [SYSTEM_ERROR] * 3

        async def failed() -> bool:
            scene.clock.at += MINUTE
            return await scene.all_in("failed")()

        await until(failed, texting)
    assert len(smsc.submitted) == 3
    assert await scene.balance() == 5
    assert [outcome for outcome, _ in await scene.attempts()] == ["deferred", "deferred", "given_up"]


async def test_our_own_settings_are_an_error_once(scene: Scene) -> None:
    await scene.queued(PHONE, "+79991234568")
    async with serving(Smsc()) as smsc:
        smsc.script = [WRONG_SENDER] * 2
        with capture_logs() as logs:
            async with scene.texter(smsc, window=1) as texting:
                await until(lambda: scene.counted("sms", "deferred") == 2, texting)
    levels = [line["log_level"] for line in logs if line["event"] == "buyer_message.deferred"]
    assert levels == ["error", "warning"]


class TestUnknownOutcome:
    async def test_it_is_recorded_and_sent_again_without_a_charge(self, scene: Scene) -> None:
        await scene.queued(PHONE, messages=5)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            smsc.script = ["cut"]
            await until(lambda: scene.counted("sms", "unknown") == 1, texting)
            (message,) = await scene.messages()
            assert (message.state, message.attempts) == ("queued", 1)
            assert message.next_attempt_at == scene.clock.at + timedelta(seconds=30)
            scene.clock.at += MINUTE
            await until(scene.all_in("sent"), texting)
        assert len(smsc.submitted) == 2
        assert await scene.balance() == 4
        assert [outcome for outcome, _ in await scene.attempts()] == ["unknown", "sent"]

    async def test_or_left_alone_where_the_settings_say_so(self, scene: Scene) -> None:
        await scene.queued(PHONE, messages=5)
        async with serving(Smsc()) as smsc, scene.texter(smsc, resend_unknown=False) as texting:
            smsc.script = ["cut"]
            await until(scene.all_in("unknown"), texting)
            scene.clock.at += timedelta(days=1)
            await until(lambda: len(smsc.binds) == 2, texting)
        assert len(smsc.submitted) == 1
        assert await scene.balance() == 4

    async def test_no_answer_in_time(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc, scene.texter(smsc, timeout_s=0.3) as texting:
            smsc.script = ["silent"]
            await until(lambda: scene.counted("sms", "unknown") == 1, texting)
            scene.clock.at += MINUTE
            await until(scene.all_in("sent"), texting)
        assert len(smsc.submitted) == 2

    async def test_nonsense_for_an_answer(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            smsc.script = ["garbage"]
            await until(lambda: scene.counted("sms", "unknown") == 1, texting)
            scene.clock.at += MINUTE
            await until(scene.all_in("sent"), texting)

    async def test_only_the_parts_that_the_centre_has_not_are_sent_again(self, scene: Scene) -> None:
        await scene.queued(PHONE, t1048=CYRILLIC)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            smsc.script = [0, "cut"]
            await until(lambda: scene.counted("sms", "unknown") == 1, texting)
            scene.clock.at += MINUTE
            await until(scene.all_in("sent"), texting)
        parts = [bytes(one.short_message)[3:6] for one in smsc.submitted]
        assert [part[2] for part in parts] == [1, 2, 2]
        assert len({part[0] for part in parts}) == 1

    @pytest.mark.parametrize("resend", [True, False])
    async def test_a_process_that_dies_between_submit_and_answer(self, scene: Scene, resend: bool) -> None:
        await scene.queued(PHONE, messages=5)
        async with serving(Smsc()) as smsc:
            smsc.script = ["silent"]
            dying = scene.texter(smsc)
            await dying.__aenter__()
            await until(lambda: len(smsc.submitted) == 1, dying)
            assert await scene.states() == [(1, "sms", "sending")]
            await dying.die()
            async with scene.texter(smsc, resend_unknown=resend) as heir:
                await until(lambda: scene.counted("sms", "unknown") == 1, heir)
                scene.clock.at += MINUTE
                await until(scene.all_in("sent" if resend else "unknown"), heir)
        assert len(smsc.submitted) == (2 if resend else 1)
        assert await scene.balance() == 4

    async def test_a_living_sender_keeps_what_it_has_in_hand(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc:
            smsc.script = ["silent"]
            async with scene.texter(smsc, timeout_s=2.0) as first:
                await until(lambda: len(smsc.submitted) == 1, first)
                async with scene.sms_store.sender() as other:
                    assert await other.adopt_orphans(lambda _: pytest.fail("it lives"), scene.clock.at) == []
                await until(lambda: scene.counted("sms", "unknown") == 1, first)


class TestSession:
    async def test_a_centre_that_takes_leave_is_bound_to_again(self, scene: Scene) -> None:
        await scene.queued(*phones(6))
        async with serving(Smsc()) as smsc, scene.texter(smsc, window=1) as texting:
            smsc.script = [0, 0, "unbind"]
            await until(scene.all_in("sent", 6), texting)
        assert len(smsc.binds) == 2
        assert sorted(smsc.destinations) == sorted(phone[1:] for phone in phones(6))

    async def test_a_centre_that_restarts_in_the_middle(self, scene: Scene) -> None:
        await scene.queued(*phones(30))
        smsc = Smsc()
        async with serving(smsc):
            port = smsc.port
            texting = scene.texter(smsc, window=3)
            await texting.__aenter__()
            await until(lambda: len(smsc.submitted) >= 5, texting)
        async with serving(smsc, port=port):

            async def all_sent() -> bool:
                scene.clock.at += timedelta(seconds=10)
                return await scene.all_in("sent", 30)()

            await until(all_sent, texting)
            await texting.__aexit__()
        assert set(smsc.destinations) == {phone[1:] for phone in phones(30)}
        assert await scene.balance() == 70

    async def test_a_dead_line_is_noticed(self, scene: Scene) -> None:
        await scene.customer(messages=5)
        async with serving(Smsc()) as smsc, scene.texter(smsc, enquire_s=0.1, timeout_s=0.3) as texting:
            await until(lambda: smsc.enquiries >= 2, texting)
            assert len(smsc.binds) == 1
            smsc.deaf = True
            await until(lambda: smsc.connections == 0, texting)
            smsc.deaf = False
            await until(lambda: len(smsc.binds) >= 2, texting)
            await scene.receipts(PHONE)
            await scene.plan()
            await until(scene.all_in("sent"), texting)

    async def test_nothing_is_claimed_while_the_centre_refuses_us(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc:
            smsc.bind_status = 0x0E
            with capture_logs() as logs:
                async with scene.texter(smsc) as texting:
                    await until(lambda: len(smsc.binds) >= 2, texting)
                    assert await scene.states() == [(1, "sms", "queued")]
                    smsc.bind_status = 0
                    await until(scene.all_in("sent"), texting)
        unreachable = [line for line in logs if line["event"] == "sms.unreachable"]
        assert [line["log_level"] for line in unreachable] == ["error"]
        assert "ESME_RINVPASWD" in unreachable[0]["reason"]
        assert "secret08" not in str(logs)

    async def test_a_centre_that_is_not_there_is_said_once(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        smsc = Smsc()
        async with serving(smsc):
            port = smsc.port
        with capture_logs() as logs:
            async with scene.texter(smsc) as texting:
                await until(lambda: any(line["event"] == "sms.unreachable" for line in logs), texting)
                async with serving(smsc, port=port):
                    await until(scene.all_in("sent"), texting)
        assert [line["log_level"] for line in logs if line["event"] == "sms.unreachable"] == ["warning"]

    async def test_two_senders_share_the_work(self, scene: Scene) -> None:
        await scene.queued(*phones(60))
        async with serving(Smsc()) as smsc, scene.texter(smsc, window=3) as one, scene.texter(smsc, window=3) as other:
            await until(scene.all_in("sent", 60), one, other)
        assert sorted(smsc.destinations) == sorted(phone[1:] for phone in phones(60))


class TestReports:
    @pytest.mark.parametrize(("stat", "state"), [("DELIVRD", "delivered"), ("UNDELIV", "undelivered")])
    async def test_a_report_is_noted_and_costs_nothing(self, scene: Scene, stat: str, state: str) -> None:
        await scene.queued(PHONE, messages=5)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await until(scene.all_in("sent"), texting)
            await smsc.report("id-1", "ENROUTE")
            await smsc.report("id-1", stat)
            await until(scene.all_in(state), texting)
            await until(lambda: smsc.delivered == [0, 0])
        assert await scene.attempts() == [("sent", 0), (state, None)]
        assert await scene.balance() == 4

    async def test_each_part_is_reported(self, scene: Scene) -> None:
        await scene.queued(PHONE, t1048=CYRILLIC)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await until(scene.all_in("sent"), texting)
            await smsc.report("id-1", "DELIVRD")
            await until(lambda: smsc.delivered == [0])
            assert await scene.states() == [(1, "sms", "sent")]
            await smsc.report("id-2", "EXPIRED")
            await until(scene.all_in("undelivered"), texting)

    async def test_days_later_to_another_process(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc:
            async with scene.texter(smsc) as texting:
                await until(scene.all_in("sent"), texting)
            scene.clock.at += timedelta(days=2)
            async with scene.texter(smsc) as texting:
                await until(lambda: smsc.connections == 1)
                await smsc.report("id-1", "DELIVRD")
                await until(scene.all_in("delivered"), texting)

    async def test_before_the_acceptance_is_noted(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await scene.execute("UPDATE buyer_messages SET next_attempt_at = next_attempt_at + interval '1 day'")
            await until(lambda: len(smsc.binds) == 1, texting)
            await smsc.report("id-1", "DELIVRD")
            await until(lambda: smsc.delivered == [0])
            scene.clock.at += timedelta(days=1)
            await until(scene.all_in("delivered"), texting)
        assert await scene.fetch("SELECT * FROM sms_reports") == []

    async def test_about_nothing_of_ours(self, scene: Scene) -> None:
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await until(lambda: len(smsc.binds) == 1)
            await smsc.report("other", "DELIVRD")
            await until(lambda: smsc.delivered == [0])
            assert await scene.fetch("SELECT smsc_id, outcome FROM sms_reports") == [("other", "delivered")]
            scene.clock.at += timedelta(days=4)

            async def forgotten() -> bool:
                return await scene.fetch("SELECT * FROM sms_reports") == []

            await until(forgotten, texting)

    async def test_an_id_in_hex_of_the_same_number_only(self, scene: Scene) -> None:
        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await until(scene.all_in("sent"), texting)
            await scene.execute("UPDATE sms_parts SET smsc_id = 'ff'")
            await smsc.report("255", "DELIVRD", address="70000000000")
            await until(lambda: len(smsc.delivered) == 1)
            assert await scene.states() == [(1, "sms", "sent")]
            await smsc.report("255", "DELIVRD")
            await until(scene.all_in("delivered"), texting)

    async def test_the_centre_brings_it_again_while_the_database_is_away(self, scene: Scene, monkeypatch) -> None:
        from ofd_gateway.storage import DatabaseUnavailable

        async def fail(*_: object) -> None:
            raise DatabaseUnavailable("away")

        await scene.queued(PHONE)
        async with serving(Smsc()) as smsc, scene.texter(smsc) as texting:
            await until(scene.all_in("sent"), texting)
            with monkeypatch.context() as patch:
                patch.setattr(scene.sms_store, "report", fail)
                await smsc.report("id-1", "DELIVRD")
                await until(lambda: smsc.delivered == [0x64])
            await smsc.report("id-1", "DELIVRD")
            await until(scene.all_in("delivered"), texting)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_centre_does_the_books_balance(scene: Scene, seed: int) -> None:
    """Every message ends, what did not go is refunded, and doubles come from unknown outcomes alone."""
    dice = random.Random(seed)
    kinds = [THROTTLED, QUEUE_FULL, SYSTEM_ERROR, NO_SUCH_NUMBER, "silent", "cut", "taken", "garbage", "unbind"]
    numbers = phones(30)
    await scene.queued(*numbers)
    async with serving(Smsc()) as smsc:
        smsc.script = [dice.choice([*kinds, *[0] * 12]) for _ in range(50)]
        options = {"window": 4, "timeout_s": 0.5}
        async with scene.texter(smsc, **options) as one, scene.texter(smsc, **options) as other:

            async def all_ended() -> bool:
                scene.clock.at += timedelta(seconds=5)
                return not {"queued", "sending"} & {message.state for message in await scene.messages()}

            await until(all_ended, one, other, deadline_s=100.0)
    messages = await scene.messages()
    assert {message.state for message in messages} <= {"sent", "refused", "failed"}
    assert await scene.balance() == 100 - sum(message.charged - message.refunded for message in messages)
    assert {(message.state == "sent", message.charged - message.refunded) for message in messages} <= {
        (True, 1),
        (False, 0),
    }
    rows = await scene.fetch("SELECT fd, outcome FROM buyer_attempts")
    for message in messages:
        outcomes = [outcome for fd, outcome in rows if fd == message.fd]
        taken = smsc.accepted.count(numbers[message.fd - 1][1:])
        unknown = outcomes.count("unknown") + (message.state == "failed")
        assert (message.state == "sent") <= taken <= (message.state == "sent") + unknown


async def test_the_rate_is_kept(scene: Scene) -> None:
    """Parts take turns: the moments of the turns are exact, whatever the machine does."""
    from ofd_gateway.buyers.submission import SmsParameters
    from ofd_gateway.buyers.texting import Texter
    from ofd_gateway.pace import Pace
    from tests.buyers.sending.scene import RETRY

    parameters = SmsParameters(sender="OFD", retry=RETRY, rate=50.0)
    texter = Texter(scene.sms_store, None, scene.writer, Pace(scene.clock, "buyers"), scene.metrics, parameters)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(6):
        await texter._take_turn()
    assert loop.time() - begun >= 5 / 50
    assert texter._next_part_at >= begun + 6 / 50
