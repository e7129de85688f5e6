"""From TCP bytes to a committed document and its confirmation."""

from ofd_gateway.intake.batcher import Batcher
from ofd_gateway.intake.faults import Faults
from ofd_gateway.intake.limits import SPARE_FILES, Limits
from ofd_gateway.intake.proxies import TrustedBalancers
from ofd_gateway.intake.quarantine import QuarantineWriter
from ofd_gateway.intake.reading import Reader, Unreadable
from ofd_gateway.intake.server import IntakeServer

__all__ = [
    "SPARE_FILES",
    "Batcher",
    "Faults",
    "IntakeServer",
    "Limits",
    "QuarantineWriter",
    "Reader",
    "TrustedBalancers",
    "Unreadable",
]
