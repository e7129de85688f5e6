"""What the till sends is what the operator stores."""

import pytest
from till import Item, Till

from ofd_gateway.testing import assert_receipt

TEA = Item("Чай чёрный 100 пак.", 16900, 2)
SUGAR = Item("Сахар 1 кг", 8900)


def test_first_document(ofd):
    till = Till((ofd.host, ofd.port))
    assert till.register().code == 0
    document = ofd.wait_for(till.fn, 1)
    assert document.kind == "fiscalReport"
    assert document["fiscalReport"]["userInn"] == "7707083893"
    assert document.violations == []


def test_sale(ofd, till):
    assert till.sell([TEA, SUGAR], cash=10000).code == 0
    assert_receipt(
        ofd.wait_for(till.fn, 3),
        total=42700,
        operation="income",
        items=[
            {"name": "Чай чёрный 100 пак.", "price": 16900, "quantity": 2, "sum": 33800},
            {"name": "Сахар 1 кг", "sum": 8900},
        ],
        payments={"cash": 10000, "ecash": 32700},
    )


def test_refund(ofd, till):
    till.sell([TEA])
    till.refund([TEA])
    sale, refund = ofd.documents(kind="receipt", fn=till.fn)
    assert_receipt(sale, total=33800, operation="income")
    assert_receipt(refund, total=33800, operation="income_return", items=[{"name": TEA.name}])


def test_shift(ofd, till):
    till.sell([SUGAR])
    till.close_shift()
    assert [document.kind for document in ofd.documents()] == ["fiscalReport", "openShift", "receipt", "closeShift"]
    assert [document.violations for document in ofd.documents()] == [[]] * 4


def test_wrong_sum(ofd, till):
    """A mistake of the till: the total is not the sum of the items. The operator takes the document and says 14."""
    confirmation = till.issue_receipt([TEA], 1, total=100, cash=100)
    assert confirmation.code == 14
    document = ofd.wait_for(till.fn, 3)
    assert [violation.rule for violation in document.violations if violation.severity == "error"] == ["R-S2"]
    assert document.violations[0].tag == 1020


@pytest.mark.ofd(checks="off")
def test_wrong_sum_at_an_operator_that_does_not_look(till):
    assert till.issue_receipt([TEA], 1, total=100, cash=100).code == 0
