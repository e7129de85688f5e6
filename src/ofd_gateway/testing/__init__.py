"""A gateway for somebody's test suite: the pytest plugin, its documents, comparisons and virtual registers.

Importing this package imports nothing else: the plugin is loaded into every suite of an environment, also into those
that never ask for it. The names below are imported when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ofd_gateway.testing.comparison import Comparison, Difference, compare
    from ofd_gateway.testing.document import Document, Violation
    from ofd_gateway.testing.errors import (
        ApiRefused,
        ConfirmationWrong,
        GatewayGone,
        NoDocument,
        NotConfirmed,
        OfdTestingError,
    )
    from ofd_gateway.testing.faults import Fault, Faults
    from ofd_gateway.testing.ofd import Ofd
    from ofd_gateway.testing.receipts import assert_receipt
    from ofd_gateway.testing.records import Alert, Quarantined
    from ofd_gateway.testing.registers import Answer, Registers, VirtualRegister

__all__ = [
    "Alert",
    "Answer",
    "ApiRefused",
    "Comparison",
    "ConfirmationWrong",
    "Difference",
    "Document",
    "Fault",
    "Faults",
    "GatewayGone",
    "NoDocument",
    "NotConfirmed",
    "Ofd",
    "OfdTestingError",
    "Quarantined",
    "Registers",
    "Violation",
    "VirtualRegister",
    "assert_receipt",
    "compare",
]

_PLACES = {
    "comparison": ("Comparison", "Difference", "compare"),
    "document": ("Document", "Violation"),
    "errors": ("ApiRefused", "ConfirmationWrong", "GatewayGone", "NoDocument", "NotConfirmed", "OfdTestingError"),
    "faults": ("Fault", "Faults"),
    "ofd": ("Ofd",),
    "receipts": ("assert_receipt",),
    "records": ("Alert", "Quarantined"),
    "registers": ("Answer", "Registers", "VirtualRegister"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
