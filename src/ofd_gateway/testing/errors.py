"""What can go wrong in a test that uses a gateway. What a test expected and did not get is an AssertionError."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ApiRefused",
    "ConfirmationWrong",
    "GatewayGone",
    "NoDocument",
    "NotConfirmed",
    "OfdTestingError",
    "OptionUnknown",
]


class OfdTestingError(OfdGatewayError):
    """The root of the errors of this package."""


class GatewayGone(OfdTestingError):
    """The gateway of the tests did not start, or does not answer any more; the message has its last words."""


class OptionUnknown(OfdTestingError):
    """A mark or an option of pytest names a setting that cannot be meant."""


class ApiRefused(OfdTestingError):
    """The gateway refused a request; `status` is that of HTTP, the message says which key or parameter is to blame."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


class NoDocument(OfdTestingError, AssertionError):
    """A document did not come in time; the message says what came instead."""


class NotConfirmed(OfdTestingError):
    """A virtual register got no answer to a document: the link was cut, or the time was over. It keeps the document."""

    def __init__(self, fn: str, fd: int, reason: str) -> None:
        super().__init__(f"ФН {fn} ФД {fd}: документ не подтверждён / not confirmed: {reason}")
        self.fn = fn
        self.fd = fd
        self.reason = reason


class ConfirmationWrong(OfdTestingError, AssertionError):
    """A drive would refuse this answer; `mismatches` are all deviations, as text. The register keeps the document."""

    def __init__(self, mismatches: Sequence[str]) -> None:
        super().__init__("\n".join(("подтверждение неверно / the confirmation is wrong:", *mismatches)))
        self.mismatches = tuple(mismatches)
