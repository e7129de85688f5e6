"""From a register's socket to a buyer's page, through the real command."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.ffd.domain import format_qr
from tests.buyers.samples import SALE
from tests.e2e.running import RunningGateway, exchange, running
from tests.messages import container, message
from tests.storage.test_receipts import qr_of

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = format_qr(qr_of(SALE))
LIMIT = {
    "OFD_GATEWAY_WEB__CHECK_RATE": "1/h",
    "OFD_GATEWAY_WEB__CHECK_BURST": "5",
    "OFD_GATEWAY_OFD__NAME": "ОФД Пример",
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with tempfile.TemporaryDirectory() as directory:
        yield from running(Path(directory) / "state", environment=LIMIT)


def ask(gateway: RunningGateway, query: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{gateway.http}/check?{query}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_receipt_that_was_confirmed_is_shown_until_the_limit(gateway: RunningGateway) -> None:
    assert ask(gateway, QUERY)[0] == 404
    assert SALE.fn is not None
    whole = container(SALE.fn, SALE.fd or 0, body=SALE.raw)
    assert exchange(gateway, message(whole, fn=SALE.fn, version=b"\x01\x20"))
    status, page = ask(gateway, QUERY)
    assert status == 200
    assert "Чек получен оператором фискальных данных ОФД Пример" in page
    status, text = ask(gateway, QUERY, Accept="application/json")
    assert (status, json.loads(text)["receipt"]["totalSum"]) == (200, 123456)
    shown = gateway.command("documents", "show", SALE.fn, str(SALE.fd), "--json").stdout
    assert json.loads(shown) == json.loads(text)
    assert ask(gateway, QUERY.replace("n=1", "n=2"))[0] == 404
    assert [ask(gateway, QUERY)[0], ask(gateway, QUERY)[0]] == [200, 429]
    with urllib.request.urlopen(f"{gateway.http}/metrics", timeout=5) as answer:
        lines = [line for line in answer.read().decode().splitlines() if "receipt_checks_total{" in line]
    assert sorted(lines) == [
        'ofd_gateway_receipt_checks_total{outcome="found"} 3.0',
        'ofd_gateway_receipt_checks_total{outcome="limited"} 1.0',
        'ofd_gateway_receipt_checks_total{outcome="not_found"} 2.0',
    ]
    assert "3678250787" not in json.dumps(gateway.records)
