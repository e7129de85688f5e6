"""What no operator's test bench does on request."""

import pytest
from till import Item, NotConfirmed, Till

TEA = Item("Чай чёрный 100 пак.", 16900)


def test_lost_answer(ofd, till):
    """The operator has stored the receipt, and the till does not know. It sends again, and nothing is there twice."""
    with ofd.faults.close_before_answer(fn=till.fn, times=1) as fault:
        with pytest.raises(NotConfirmed):
            till.sell([TEA])
        assert fault.hits == 1
    assert len(till.queue) == 1
    confirmation = till.send()
    assert (confirmation.fd, confirmation.code) == (3, 0)
    assert len(ofd.documents(kind="receipt")) == 1


def test_next_receipt_waits_for_the_one_before(ofd, till):
    with ofd.faults.reset(fd=3, times=1), pytest.raises(NotConfirmed):
        till.sell([TEA])
    till.sell([TEA])
    assert [document.fd for document in ofd.documents(kind="receipt")] == [3, 4]
    assert not till.queue


def test_no_answer(ofd):
    till = Till((ofd.host, ofd.port), timeout=0.3)
    with ofd.faults.no_answer(times=1), pytest.raises(NotConfirmed, match="timed out"):
        till.register()
    assert till.send().code == 0


def test_late_answer(ofd):
    till = Till((ofd.host, ofd.port), timeout=0.3)
    with ofd.faults.delay(delay="30s"), pytest.raises(NotConfirmed, match="timed out"):
        till.register()


@pytest.mark.parametrize(
    "what",
    ["half_answer", "bad_container_crc", "wrong_fd", "wrong_fn_in_document", "service_message", "missing_trailer"],
)
def test_useless_answer(ofd, till, what):
    with ofd.faults.add(what, times=1) as fault:
        with pytest.raises(NotConfirmed):
            till.sell([TEA])
        assert fault.hits == 1
    assert till.send().code == 0


def test_nobody_there(ofd):
    till = Till((ofd.host, 1), timeout=0.3)
    with pytest.raises(NotConfirmed):
        till.register()
    assert ofd.documents() == []
