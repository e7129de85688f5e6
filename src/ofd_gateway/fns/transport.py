"""The seam to the tax service (ФНС): what the exporter asks of a transport, and how a transport fails.

The real transport between operators and the tax service is not public. An operator that has it writes a class with the
two methods of `FnsTransport` and gives it to the exporter; `http.HttpTransport` is ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from ofd_gateway.dispatch import Answer, DocumentKey, Trouble
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EndpointUnavailable", "FnsTransport", "Outgoing", "RequestFailed", "TransportFailure"]


class Outgoing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One document on its way. `document` is its FNS JSON, `{"receipt": {…}}`, in UTF-8."""

    fn: str
    generation: int
    fd: int
    ffd: str
    kind: str
    received_at: datetime
    document: bytes


class TransportFailure(OfdGatewayError):
    """There are no answers. `may_have_arrived`: the tax service may have taken the documents nevertheless."""

    def __init__(self, trouble: Trouble, *, may_have_arrived: bool) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.may_have_arrived = may_have_arrived


class EndpointUnavailable(TransportFailure):
    """The endpoint takes nothing now, whatever is sent. `retry_after_s` is when it wants to be asked again."""

    def __init__(self, trouble: Trouble, *, may_have_arrived: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(trouble, may_have_arrived=may_have_arrived)
        self.retry_after_s = retry_after_s


class RequestFailed(TransportFailure):
    """One request failed; another one may not. `blames_request`: the endpoint says that the request is at fault."""

    def __init__(self, trouble: Trouble, *, may_have_arrived: bool = True, blames_request: bool = False) -> None:
        super().__init__(trouble, may_have_arrived=may_have_arrived)
        self.blames_request = blames_request


class FnsTransport(Protocol):
    """A way to the tax service. The exporter has several requests under way at the same time."""

    async def send(self, documents: Sequence[Outgoing]) -> Mapping[DocumentKey, Answer]:
        """Hands over documents of one or many FNs, those of one FN in order, and returns the answers to them.

        A document may be sent that was taken before: it gets the answer it got then. Answers may be fewer.

        Raises:
            EndpointUnavailable: nothing can be sent now.
            RequestFailed: these documents cannot be sent together.
        """
        ...

    async def close(self) -> None:
        """Closes what is open."""
        ...
