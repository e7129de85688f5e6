"""Whose thresholds a register is judged by, and whose alerts its alerts are."""

from __future__ import annotations

from tests.alerted import FULL_FD, INN, Gateway, rows
from tests.messages import PLAIN_FN

ALERTS = "SELECT watch, customer_inn, level FROM alerts WHERE rule = 'fn_filling' ORDER BY id"


async def test_the_first_document_is_judged_by_the_thresholds_of_the_owner_it_names(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.customer(parameters={"fn_filling": {"percent": "70"}})
        await gateway.document(FULL_FD)
        await gateway.wait(gateway.now - gateway.now)
    assert await rows(dsn, ALERTS) == [("rnm:0000000000024136", INN, "70")]


async def test_nothing_is_raised_by_thresholds_that_the_owner_does_not_have(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.customer(parameters={"fn_filling": {"percent": "99"}})
        await gateway.document(FULL_FD)
    assert await rows(dsn, ALERTS) == []


async def test_alerts_of_an_fn_follow_it_to_its_register_and_the_registers_customer(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.document(1, fn="8710000100000002")
        await gateway.document(FULL_FD, register=None, inn=None)
        assert await rows(dsn, ALERTS) == [(f"fn:{PLAIN_FN}", None, "80")]
        await gateway.document(FULL_FD + 1)
    assert await rows(dsn, ALERTS) == [("rnm:0000000000024136", INN, "80")]
    assert await rows(dsn, "SELECT recipient FROM letter_groups") == [(INN,)]


async def test_an_alert_that_was_found_in_the_batch_that_named_the_register_is_the_registers(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.documents((FULL_FD, None), (FULL_FD + 1, "0000000000024136"))
    assert await rows(dsn, ALERTS) == [("rnm:0000000000024136", INN, "80")]
