"""`assert_receipt`: what a test usually wants to know of a receipt, in the words of the shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ofd_gateway.testing.comparison import Comparison, compare
from ofd_gateway.testing.document import Document

__all__ = ["OPERATIONS", "PAYMENTS", "assert_receipt"]

OPERATIONS: Final = {"income": 1, "income_return": 2, "outlay": 3, "outlay_return": 4}
"""Kind of settlement (признак расчёта, 1054): приход, возврат прихода, расход, возврат расхода."""

PAYMENTS: Final = {
    "cash": "cashTotalSum",
    "ecash": "ecashTotalSum",
    "prepaid": "prepaidSum",
    "credit": "creditSum",
    "provision": "provisionSum",
}
"""Ways of payment and their sums: наличными 1031, безналичными 1081, аванс 1215, кредит 1216, иной 1217."""

_RECEIPTS: Final = ("receipt", "bso", "receiptCorrection", "bsoCorrection")


def assert_receipt(
    document: Document,
    *,
    total: int | None = None,
    operation: str | int | None = None,
    items: Sequence[Mapping[str, Any]] | None = None,
    payments: Mapping[str, int] | None = None,
    response_code: int | None = 0,
    **fields: Any,
) -> None:
    """Raises AssertionError with every difference unless the document is such a receipt.

    `total`, sums and prices are whole kopecks. `items` are as many as the receipt has, each with the fields that matter
    (`name`, `price`, `quantity`, `sum`, …). `payments` are all there are: `cash`, `ecash`, `prepaid`, `credit`,
    `provision`; those not named are zero. `response_code` is that of the confirmation, None for any. `fields` are
    further names of FNS JSON.

    Raises:
        TypeError: a sum is no whole number of kopecks.
        ValueError: an operation or a payment of another name.
    """
    __tracebackhide__ = True
    expected: dict[str, Any] = {}
    if operation is not None:
        expected["operationType"] = _operation(operation)
    if total is not None:
        expected["totalSum"] = _kopecks("total", total)
    if items is not None:
        expected["items"] = [
            {name: _kopecks(name, value) if name in ("price", "sum") else value for name, value in item.items()}
            for item in items
        ]
    found = document.fields
    if payments is not None:
        if unknown := payments.keys() - PAYMENTS.keys():
            raise ValueError(f"payments are {', '.join(PAYMENTS)}, not {', '.join(sorted(unknown))}")
        for name, key in PAYMENTS.items():
            if name in payments or found.get(key):
                expected[key] = _kopecks(name, payments.get(name, 0))
    problems = []
    if document.kind not in _RECEIPTS:
        problems.append(f"  это не чек, а {document.kind} / it is no receipt but {document.kind}")
    if response_code is not None and document.response_code != response_code:
        problems.append(
            f"  код ответа (тег 1022): ожидалось / expected {response_code}, получено / found {document.response_code}"
        )
        problems += [f"    {violation}" for violation in document.violations]
    comparison: Comparison = compare({**expected, **fields}, document)
    if problems or not comparison:
        lines = "\n".join(f"  {difference}" for difference in comparison.differences)
        raise AssertionError("\n".join(part for part in (f"{document!r}", *problems, lines) if part))


def _operation(operation: str | int) -> int:
    if isinstance(operation, int):
        return operation
    if operation not in OPERATIONS:
        raise ValueError(f"operations are {', '.join(OPERATIONS)}, not {operation}")
    return OPERATIONS[operation]


def _kopecks(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        hint = f", {int(Decimal(str(value)) * 100)}?" if isinstance(value, float | Decimal) else ""
        raise TypeError(f"{name}: sums are whole kopecks, not {value!r}{hint}")
    return value
