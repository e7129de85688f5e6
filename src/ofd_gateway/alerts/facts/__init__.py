"""Facts of registers, FNs and customers: small structures that grow from documents and administrative events."""

from ofd_gateway.alerts.facts.customer import CustomerFacts, observe_customer
from ofd_gateway.alerts.facts.fn import Conflict, DayRun, FnFacts, FnMode, KeyLife, Shift, Unsent
from ofd_gateway.alerts.facts.numbering import Gap
from ofd_gateway.alerts.facts.observe import Observed, observe_register
from ofd_gateway.alerts.facts.register import LastDocument, RegisterFacts, Rejections

__all__ = [
    "Conflict",
    "CustomerFacts",
    "DayRun",
    "FnFacts",
    "FnMode",
    "Gap",
    "KeyLife",
    "LastDocument",
    "Observed",
    "RegisterFacts",
    "Rejections",
    "Shift",
    "Unsent",
    "observe_customer",
    "observe_register",
]
