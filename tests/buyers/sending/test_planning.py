"""From the intake's queue to messages: whose, by which way, at whose cost; on every server at hand."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from ofd_gateway.storage import CustomerBook
from tests.buyers.sending.scene import EMAIL, INN, OTHER_INN, PHONE, RNM, Scene

ALERTS = "SELECT level, resolved_at IS NULL FROM alerts WHERE rule = 'messages_low' ORDER BY id"
LEVELS = "SELECT kind, level FROM alert_changes WHERE rule = 'messages_low' ORDER BY id"


async def test_both_ways_of_a_receipt(scene: Scene) -> None:
    await scene.customer(messages=5)
    await scene.receipts(f"{EMAIL}, {PHONE}")
    await scene.plan()
    email, sms = await scene.messages()
    assert (email.channel, email.contact, email.state, email.charged) == ("email", EMAIL, "queued", 0)
    assert (sms.channel, sms.contact, sms.state, sms.charged, sms.parts) == ("sms", PHONE, "queued", 1, 1)
    assert (sms.customer_inn, sms.next_attempt_at, sms.planned_at) == (INN, scene.clock.at, scene.clock.at)
    assert await scene.balance() == 4
    assert await scene.fetch("SELECT * FROM buyer_queue") == []
    (movement,) = (await scene.packages.get(INN)).movements[:1]
    assert (movement.messages, movement.balance, movement.reason) == (-1, 4, "СМС: ФН 8710000100000001, ФД 1")


async def test_e_mail_is_free_and_also_for_registers_of_nobody(scene: Scene) -> None:
    await scene.receipts(f"{EMAIL}; {PHONE}")
    await scene.plan()
    email, sms = await scene.messages()
    assert (email.state, email.customer_inn) == ("queued", None)
    assert (sms.state, sms.reason, sms.contact, sms.charged) == ("no_package", "no_customer", None, 0)


async def test_the_customer_of_the_register_pays(scene: Scene) -> None:
    """The register is another's than the taxpayer in its documents."""
    await scene.customer(messages=5)
    await scene.customer(OTHER_INN, messages=5)
    await scene.execute(
        "INSERT INTO registers (registration_number, customer_inn, watch_unsold, created_at, changed_at) "
        "VALUES ($1, $2, false, $3, $3)",
        RNM,
        OTHER_INN,
        scene.clock.at,
    )
    await scene.receipts(PHONE)
    await scene.plan()
    assert [message.customer_inn for message in await scene.messages()] == [OTHER_INN]
    assert (await scene.balance(INN), await scene.balance(OTHER_INN)) == (5, 4)


@pytest.mark.parametrize(
    ("wanted", "states"),
    [
        (("email", "sms"), [("email", "queued"), ("sms", "queued")]),
        (("email",), [("email", "queued"), ("sms", "off")]),
        (("sms",), [("email", "off"), ("sms", "queued")]),
        ((), [("email", "off"), ("sms", "off")]),
    ],
)
async def test_what_the_customer_wants(scene: Scene, wanted: tuple[str, ...], states: list[tuple[str, str]]) -> None:
    await scene.customer(messages=5, receipts=wanted)
    await scene.receipts(f"{EMAIL}, {PHONE}")
    await scene.plan()
    assert [(channel, state) for _, channel, state in await scene.states()] == states
    assert await scene.balance() == (4 if "sms" in wanted else 5)


async def test_ways_that_are_closed(scene: Scene) -> None:
    await scene.customer(messages=5)
    await scene.receipts(f"{EMAIL}, {PHONE}")
    await scene.plan(by_sms=False)
    email, sms = await scene.messages()
    assert (email.state, sms.state, sms.reason, sms.contact) == ("queued", "off", "gateway", None)
    assert await scene.balance() == 5


@pytest.mark.parametrize(
    ("contact", "reason"), [("нет", "placeholder"), ("a,b@c.ru", "phone_syntax"), ("1", "phone_digits")]
)
async def test_unusable_contacts_are_recorded(scene: Scene, contact: str, reason: str) -> None:
    await scene.receipts(contact)
    await scene.plan()
    (message,) = await scene.messages()
    assert (message.channel, message.state, message.reason, message.contact) == ("none", "unusable", reason, None)
    assert message.ended_at == scene.clock.at


@pytest.mark.parametrize(("charge_by", "cost"), [("message", 1), ("part", 2)])
async def test_messages_or_parts_are_charged(scene: Scene, charge_by: str, cost: int) -> None:
    await scene.customer(messages=10)
    await scene.receipts(PHONE, t1048="ООО Булочная у реки и у моря и у озера".encode("cp866"))
    await scene.plan(charge_by=charge_by)
    (message,) = await scene.messages()
    assert (message.parts, message.charged) == (2, cost)
    assert await scene.balance() == 10 - cost


async def test_low_packages_are_told_at_that_moment_and_nothing_goes_beyond_zero(scene: Scene) -> None:
    await scene.customer(messages=60)
    await scene.receipts(*[PHONE] * 9)
    await scene.plan()
    assert await scene.fetch(ALERTS) == []
    await scene.receipts(PHONE, first_fd=10)
    await scene.plan()
    assert await scene.balance() == 50
    assert await scene.fetch(ALERTS) == [("50", True)]
    await scene.receipts(*[PHONE] * 60, first_fd=11)
    await scene.plan()
    assert await scene.fetch(LEVELS) == [("opened", "50"), ("raised", "10"), ("raised", "0")]
    assert await scene.balance() == 0
    states = [state for _, _, state in await scene.states()]
    assert (states.count("queued"), states.count("no_package")) == (60, 10)
    (refused, *_) = await scene.messages(state="no_package")
    assert (refused.reason, refused.contact, refused.charged, refused.customer_inn) == ("empty", None, 0, INN)


async def test_a_package_pays_what_it_can(scene: Scene) -> None:
    """Two parts do not fit any more, one does."""
    await scene.customer(messages=1)
    await scene.receipts(PHONE, t1048="ООО Булочная у реки и у моря и у озера".encode("cp866"))
    await scene.receipts(PHONE, first_fd=2)
    await scene.plan(charge_by="part")
    assert await scene.states() == [(1, "sms", "no_package"), (2, "sms", "queued")]
    assert await scene.balance() == 0


async def test_a_repeated_document_is_sent_once(scene: Scene) -> None:
    await scene.customer(messages=5)
    await scene.receipts(PHONE)
    await scene.receipts(PHONE)
    await scene.plan()
    assert (await scene.states(), await scene.balance()) == ([(1, "sms", "queued")], 4)


async def test_planners_side_by_side_double_nothing(scene: Scene) -> None:
    await scene.customer(messages=1000)
    await scene.customer(OTHER_INN, messages=1000)
    for start in range(1, 601, 200):
        await scene.receipts(*[f"{EMAIL}, {PHONE}"] * 200, first_fd=start)
    await asyncio.gather(*(scene.plan() for _ in range(4)))
    states = await scene.states()
    assert len(states) == len(set(states)) == 1200
    assert await scene.balance() == 400
    movements = await scene.fetch("SELECT messages, balance FROM package_movements WHERE messages < 0 ORDER BY id")
    assert movements == [(-1, balance) for balance in range(999, 399, -1)]


async def test_a_failure_leaves_nothing_half_planned(scene: Scene) -> None:
    await scene.customer(messages=5)
    await scene.receipts(PHONE)

    class Cut(Exception):
        pass

    with pytest.raises(Cut):
        async with scene.queue.take(10) as taken:
            planner = scene.planner()
            await taken.plan([(one, planner._decide(one)) for one in taken.receipts], scene.clock.at)
            raise Cut
    assert (await scene.states(), await scene.balance()) == ([], 5)
    await scene.plan()
    assert (await scene.states(), await scene.balance()) == ([(1, "sms", "queued")], 4)


async def test_a_receipt_that_is_taken_is_not_taken_twice(scene: Scene) -> None:
    await scene.receipts(EMAIL, EMAIL)
    async with scene.queue.take(1) as first, scene.queue.take(5) as second:
        keys = [one.key for taken in (first, second) for one in taken.receipts]
    assert sorted(keys) == [("8710000100000001", 0, 1), ("8710000100000001", 0, 2)]


async def test_a_receipt_that_nobody_foresaw_stops_no_other(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from ofd_gateway.buyers import planner

    real = planner.plan_receipt

    def plan_receipt(document, **options):
        if options["key"][2] == 1:
            raise RuntimeError("nobody foresaw this")
        return real(document, **options)

    monkeypatch.setattr(planner, "plan_receipt", plan_receipt)
    await scene.receipts(EMAIL, EMAIL)
    with capture_logs() as logs:
        await scene.plan()
    assert await scene.states() == [(1, "none", "unusable"), (2, "email", "queued")]
    assert [line["fd"] for line in logs if line["event"] == "buyer_message.unplanned"] == [1]


async def test_a_document_that_is_gone_is_no_longer_waited_for(scene: Scene) -> None:
    await scene.receipts(EMAIL)
    await scene.execute("DELETE FROM documents")
    await scene.plan()
    assert (await scene.states(), await scene.fetch("SELECT * FROM buyer_queue")) == ([], [])


class TestResend:
    CODES = (3, 31, 4, 41)

    async def test_what_has_ended_is_planned_and_charged_anew(self, scene: Scene) -> None:
        await scene.queued(f"{EMAIL}, {PHONE}", messages=5)
        await scene.execute("UPDATE buyer_messages SET state = 'sent', attempts = 3, next_attempt_at = NULL")
        assert await scene.archive.resend("8710000100000001", 1, None, self.CODES, scene.clock.at)
        await scene.plan()
        email, sms = await scene.messages()
        assert (email.state, email.attempts) == ("queued", 0)
        assert (sms.state, sms.charged) == ("queued", 2)
        assert await scene.balance() == 3

    async def test_what_waits_or_is_in_hand_stays(self, scene: Scene) -> None:
        await scene.queued(f"{EMAIL}, {PHONE}", messages=5)
        await scene.execute(
            "UPDATE buyer_messages SET state = 'sending', sender = 1, next_attempt_at = NULL WHERE channel = 'sms'"
        )
        assert await scene.archive.resend("8710000100000001", 1, None, self.CODES, scene.clock.at)
        await scene.plan()
        assert await scene.states() == [(1, "email", "queued"), (1, "sms", "sending")]
        assert await scene.balance() == 4

    async def test_after_a_top_up(self, scene: Scene) -> None:
        await scene.queued(PHONE, messages=0)
        assert await scene.states() == [(1, "sms", "no_package")]
        await scene.packages.top_up(INN, 10, "", scene.directory, scene.clock.at)
        assert await scene.archive.resend("8710000100000001", 1, 0, self.CODES, scene.clock.at)
        await scene.plan()
        assert (await scene.states(), await scene.balance()) == ([(1, "sms", "queued")], 9)

    async def test_no_such_receipt(self, scene: Scene) -> None:
        assert not await scene.archive.resend("8710000100000001", 7, None, self.CODES, scene.clock.at)


async def test_the_setting_is_kept_with_the_customer(scene: Scene) -> None:
    await scene.customer(receipts=("sms",))
    customer = await CustomerBook(scene.database).get(INN)
    assert customer is not None
    assert customer.receipts == ("sms",)


async def test_contacts_are_masked_in_the_log(scene: Scene) -> None:
    await scene.customer(messages=5)
    await scene.receipts(f"{EMAIL}, {PHONE}")
    with capture_logs() as logs:
        await scene.plan()
    assert [line["contact"] for line in logs if line["event"] == "buyer_message.queued"] == [
        "i***@example.com",
        "+7999***4567",
    ]
    assert PHONE not in str(logs)
    assert scene.counted("sms", "queued") == 1
