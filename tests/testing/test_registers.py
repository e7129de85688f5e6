"""Virtual registers of the plugin against the real gateway."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ofd_gateway.simulator.refusal import FnRefused
from ofd_gateway.testing import ConfirmationWrong, NotConfirmed, assert_receipt
from ofd_gateway.testing.faults import WHATS

if TYPE_CHECKING:
    from ofd_gateway.testing import Ofd

TEA: dict[str, Any] = {"name": "Чай", "price": 5000, "quantity": 2}
WEIGHED: dict[str, Any] = {"name": "Яблоки, кг", "price": 12999, "quantity": "0.876", "nds": 2}


@pytest.mark.parametrize("ffd", ["1.0", "1.05", "1.1", "1.2"])
def test_the_life_of_a_register(ofd: Ofd, ffd: str) -> None:
    register = ofd.registers.new(ffd=ffd)
    register.open_shift()
    register.sell([TEA, WEIGHED], ecash=10000, cash=11387)
    register.refund([TEA])
    register.correct()
    register.sell()
    register.report_state()
    register.close_shift()
    register.close_archive()
    assert register.is_closed
    assert register.unconfirmed == 0
    documents = ofd.documents(fn=register.fn)
    assert [document.kind for document in documents] == [
        "fiscalReport",
        "openShift",
        "receipt",
        "receipt",
        "receiptCorrection",
        "receipt",
        "currentStateReport",
        "closeShift",
        "closeArchive",
    ]
    assert {document.ffd for document in documents} == {ffd}
    assert [document.violations for document in documents] == [[]] * 9
    assert {document.response_code for document in documents} == {0}
    assert_receipt(documents[2], total=21387, items=[TEA, {"sum": 11387}], payments={"cash": 11387, "ecash": 10000})
    assert_receipt(documents[3], operation="income_return", items=[TEA])


def test_a_wrong_total_is_told_with_code_14(ofd: Ofd) -> None:
    register = ofd.registers.new()
    assert register.sell([TEA], total=99999).response_code == 14
    [violation] = ofd.documents(kind="receipt")[0].violations
    assert (violation.rule, violation.tag, violation.severity) == ("R-S2", 1020, "error")
    assert "1020" in str(violation)


def test_registers_of_one_test_are_different_and_those_of_the_next_are_the_same(ofd: Ofd) -> None:
    first = [ofd.registers.new(registered=False).fn for _ in range(2)]
    assert len(set(first)) == 2
    from ofd_gateway.testing.registers import Registers

    assert [Registers(ofd.address).new(registered=False).fn] == first[:1]


def test_a_lost_answer_leaves_the_document_in_the_queue(ofd: Ofd) -> None:
    register = ofd.registers.new()
    with ofd.faults.close_before_answer(fn=register.fn, times=1) as fault:
        with pytest.raises(NotConfirmed) as lost:
            register.sell([TEA])
        assert (fault.hits, fault.spent) == (1, True)
    assert (lost.value.fn, lost.value.fd) == (register.fn, 2)
    assert register.unconfirmed == 1
    [answer] = register.send()
    assert (answer.fd, answer.response_code) == (2, 0)
    assert [document.fd for document in ofd.documents()] == [1, 2]


def test_what_waits_goes_before_the_new_document(ofd: Ofd) -> None:
    register = ofd.registers.new()
    register.open_shift()
    with ofd.faults.no_answer(times=1, connection="close"), pytest.raises(NotConfirmed):
        register.sell([TEA])
    assert register.sell([TEA]).fd == 4
    assert [document.fd for document in ofd.documents(kind="receipt")] == [3, 4]


def test_a_repeat_has_the_same_sign(ofd: Ofd) -> None:
    register = ofd.registers.new(registered=False)
    with pytest.raises(LookupError):
        register.repeat()
    answer = register.register()
    assert register.repeat().operator_sign == answer.operator_sign
    assert len(ofd.documents()) == 1


def test_a_late_answer_is_no_answer(ofd: Ofd) -> None:
    register = ofd.registers.new(timeout=0.3)
    with ofd.faults.delay(delay="5s"), pytest.raises(NotConfirmed, match=r"0\.3 с / no answer"):
        register.open_shift()


@pytest.mark.parametrize("what", ["wrong_fd", "bad_container_crc", "missing_trailer", "wrong_fn_in_document"])
def test_a_wrong_answer_is_refused_in_words(ofd: Ofd, what: str) -> None:
    register = ofd.registers.new()
    with ofd.faults.add(what), pytest.raises(ConfirmationWrong) as wrong:
        register.open_shift()
    assert wrong.value.mismatches
    assert register.fn in str(wrong.value)
    assert register.unconfirmed == 1
    assert [answer.fd for answer in register.send()] == [2]


def test_every_fault_of_the_gateway_has_its_name_here() -> None:
    from ofd_gateway.faults import What

    assert [what.value for what in What] == list(WHATS)


@pytest.mark.parametrize("what", WHATS)
def test_every_fault_can_be_added_by_name(ofd: Ofd, what: str) -> None:
    parameters = {"delay": {"delay": "1s"}, "response_code": {"code": 14}, "operator_message": {"bits": 2}}
    with getattr(ofd.faults, what)(fd=9, **parameters.get(what, {})) as fault:
        assert [one.what for one in ofd.faults.list()] == [what]
        assert (fault.seen, fault.hits) == (0, 0)
        assert what in repr(fault)
    assert ofd.faults.list() == []
    fault.remove()


def test_an_unknown_fault_is_named(ofd: Ofd) -> None:
    from ofd_gateway.testing import ApiRefused

    with pytest.raises(AttributeError, match="close_before_header"):
        ofd.faults.explode()
    with pytest.raises(ApiRefused, match="times") as refused:
        ofd.faults.reset(times=-1)
    assert refused.value.status == 422


def test_faults_can_all_be_taken_away(ofd: Ofd) -> None:
    ofd.faults.reset()
    ofd.faults.no_answer()
    ofd.faults.clear()
    assert ofd.faults.list() == []
    assert ofd.registers.new().last_fd == 1


def test_what_a_drive_refuses_is_not_sent(ofd: Ofd) -> None:
    register = ofd.registers.new()
    register.open_shift()
    with pytest.raises(FnRefused):
        register.open_shift()
    assert register.last_fd == 2


def test_an_item_without_sense_is_named(ofd: Ofd) -> None:
    register = ofd.registers.new()
    with pytest.raises(ValueError, match="quantitty"):
        register.sell([{"name": "Чай", "quantitty": 2}])
    with pytest.raises(ValueError, match="whole kopecks"):
        register.sell([{"name": "Чай", "price": 12.5}])
    with pytest.raises(ValueError, match="no quantity"):
        register.sell([{"name": "Чай", "price": 1, "quantity": -1}])


def test_it_judges_any_operator() -> None:
    """An endpoint that answers rubbish."""
    from ofd_gateway.testing.registers import Registers

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(20))

        thread = threading.Thread(target=serve)
        thread.start()
        registers = Registers("127.0.0.1:1")
        register = registers.new(address=f"127.0.0.1:{listener.getsockname()[1]}", registered=False)
        with pytest.raises(ConfirmationWrong, match="48 54 54 50"):
            register.register()
        thread.join(10)
    with pytest.raises(NotConfirmed, match="the link was cut"):
        register.send()
    registers.close()
