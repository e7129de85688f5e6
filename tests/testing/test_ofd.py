"""What a test has in its hands, against the real gateway."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.testing import ApiRefused, GatewayGone, NoDocument
from ofd_gateway.testing.client import ApiClient
from tests.messages import DEBUG_FN, container, message

if TYPE_CHECKING:
    from ofd_gateway.testing import Ofd

TEA = {"name": "Чай", "price": 5000, "quantity": "0.876"}


def test_the_address_is_where_registers_connect(ofd: Ofd) -> None:
    assert ofd.address == f"{ofd.host}:{ofd.port}"
    assert ofd.host == "127.0.0.1"
    assert ofd.address in repr(ofd)


def test_a_document_is_fns_json_and_more(ofd: Ofd) -> None:
    register = ofd.registers.new(ffd="1.2")
    answer = register.sell([TEA])
    document = ofd.wait_for(register.fn, answer.fd)
    assert document["receipt"]["totalSum"] == document.total_kopecks == 4380
    assert document.items[0]["quantity"] == Decimal("0.876")
    assert (document.fn, document.fd, document.generation, document.kind) == (register.fn, 3, 0, "receipt")
    assert (document.ffd, document.response_code, document.operator_message, document.shift) == ("1.2", 0, 0, 1)
    assert document.registration_number == register.registration_number
    assert document.fields is document["receipt"]
    assert "receipt" in document
    assert "bso" not in document
    assert document.container.hex() == document.hex
    assert document.fields["fiscalSign"] == document.fiscal_sign
    assert document.issued_at is not None
    assert abs((document.received_at.replace(tzinfo=None) - document.issued_at).total_seconds()) < 86_400
    assert repr(document) == f"<Document ФН {register.fn} ФД 3 receipt 43.80 ₽, код / code 0>"
    [listed] = ofd.documents(kind="receipt")
    assert listed == document
    assert hash(listed) == hash(document)
    assert listed == document.json
    assert listed != ofd.documents()[0]
    assert listed != 3


def test_documents_are_listed_by_kind_and_fn(ofd: Ofd) -> None:
    first, second = ofd.registers.new(), ofd.registers.new()
    first.open_shift()
    assert [document.fn for document in ofd.documents()] == [first.fn, second.fn, first.fn]
    assert [document.kind for document in ofd.documents(fn=first.fn)] == ["fiscalReport", "openShift"]
    assert [document.fn for document in ofd.documents(kind="fiscalReport", fn=second.fn)] == [second.fn]


def test_waiting_ends_when_the_document_is_there(ofd: Ofd) -> None:
    register = ofd.registers.new(registered=False)
    timer = threading.Timer(0.3, register.register)
    timer.start()
    assert ofd.wait_for(register.fn, 1, timeout=30).kind == "fiscalReport"
    timer.join(10)


@pytest.mark.parametrize("timeout", [0, 0.2, 1])
def test_waiting_in_vain_says_what_came_instead(ofd: Ofd, timeout: float) -> None:
    register, other = ofd.registers.new(), ofd.registers.new()
    with pytest.raises(NoDocument) as missing:
        ofd.wait_for(register.fn, 2, timeout=timeout)
    text = str(missing.value)
    assert f"waited {timeout:g} s" in text
    assert "ФД 1 fiscalReport" in text
    assert other.fn in text


def test_waiting_in_vain_shows_the_quarantine(ofd: Ofd) -> None:
    import socket

    with socket.create_connection((ofd.host, ofd.port), timeout=10) as link:
        link.sendall(message(container(body=b"\x03\x00\xff\xff")))
        assert link.recv(1) == b""
    [rejected] = ofd.quarantine()
    assert (rejected.fn, rejected.fd, rejected.bytes > 30) == (DEBUG_FN, 1, True)
    with pytest.raises(NoDocument, match=rejected.reason):
        ofd.wait_for(DEBUG_FN, 1, timeout=0)


async def test_waiting_lets_the_loop_go_on(ofd: Ofd) -> None:
    import asyncio

    register = ofd.registers.new(registered=False)
    waiting = asyncio.create_task(ofd.document(register.fn, 1, timeout=30))
    await asyncio.to_thread(register.register)
    assert (await waiting).kind == "fiscalReport"
    with pytest.raises(NoDocument):
        await ofd.document(register.fn, 7, timeout=0)


def test_alerts_are_told(ofd: Ofd) -> None:
    register = ofd.registers.new()
    register.sell([TEA], total=1)
    [alert] = ofd.alerts(open=True)
    assert (alert.rule, alert.subject, alert.state) == ("fns_rejected", register.registration_number, "firing")
    assert ofd.alerts(rule="register_silent") == []


def test_everything_can_be_forgotten(ofd: Ofd) -> None:
    register = ofd.registers.new()
    document = ofd.documents()[0]
    ofd.clear()
    assert (ofd.documents(), ofd.alerts(), ofd.quarantine(), ofd.faults.list()) == ([], [], [], [])
    with pytest.raises(ApiRefused, match="404"):
        document.fields["code"]
    register.open_shift()
    assert [one.fd for one in ofd.documents()] == [2]


def test_a_wrong_question_is_refused_in_words(ofd: Ofd) -> None:
    with pytest.raises(ApiRefused, match="is no FN number"):
        ofd.wait_for("12", 1, timeout=0)


def test_nobody_there_is_told(unused_port: int) -> None:
    with pytest.raises(GatewayGone, match=str(unused_port)):
        ApiClient(f"127.0.0.1:{unused_port}").get("/v1/documents")


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_waiting_works_under_trio(ofd: Ofd) -> None:
    trio = pytest.importorskip("trio", reason="trio is not here")
    register = ofd.registers.new()

    async def wait() -> str:
        return (await ofd.document(register.fn, 1)).kind

    assert trio.run(wait) == "fiscalReport"
