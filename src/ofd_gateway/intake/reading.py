"""One complete message read into an arrival, or the reason why it cannot be. Pure but for the crypto module's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.crypto import BodyUnreadable, CryptoModule
from ofd_gateway.ffd import FormatError, decode
from ofd_gateway.ffd.checks import CheckPolicy, check
from ofd_gateway.ledger import Arrival

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.ffd import Document
    from ofd_gateway.protocol import MessageReceived

__all__ = ["Reader", "Unreadable"]

CODES_FROM_REGISTERS: Final = frozenset({1, 11, 2, 21, 3, 31, 4, 41, 5, 6})


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message with a sound frame did not become a document.

    `never_answered` is set where an answer could only harm, as when the document names another FN or FD than its
    container. Any other unreadable body may be answered with code 11, if the operator so chooses.
    """

    reason: str
    detail: str
    never_answered: bool = False


class Reader:
    """Opens containers with one crypto module and checks documents under one policy."""

    def __init__(self, crypto: CryptoModule, policy: CheckPolicy) -> None:
        self._crypto = crypto
        self._policy = policy

    def read(
        self, message: MessageReceived, *, received_at: datetime, peer: str, connection_id: str
    ) -> Arrival | Unreadable:
        """The arrival that the ledger takes, with the violations found in the document itself."""
        container = message.container
        if container.document_code not in CODES_FROM_REGISTERS:
            return Unreadable(
                reason="document_code",
                detail=f"container byte 5: a register does not send document {container.document_code}",
            )
        try:
            body = self._crypto.unwrap(container)
        except BodyUnreadable as error:
            return Unreadable(reason=error.reason, detail=str(error))
        try:
            document = decode(body, version_hint=message.header.ffd_hint)
        except FormatError as error:
            return Unreadable(reason=error.reason, detail=str(error))
        mistake = _mistaken_identity(document, container.fn, container.fd)
        if mistake is not None:
            return mistake
        return Arrival(
            container=container,
            document=document,
            violations=check(document, now=received_at, policy=self._policy),
            received_at=received_at,
            peer=peer,
            connection_id=connection_id,
            session_version=message.header.version,
        )


def _mistaken_identity(document: Document, fn: str, fd: int) -> Unreadable | None:
    """An absent 1041 or 1040 is a matter for the checks; a different one is somebody else's document."""
    named_fn, named_fd = document.fn, document.fd
    if named_fn is not None and named_fn != fn:
        return Unreadable(
            reason="document_fn", detail=f"tag 1041 is {named_fn!r}, the container names {fn}", never_answered=True
        )
    if named_fd is not None and named_fd != fd:
        return Unreadable(
            reason="document_fd", detail=f"tag 1040 is {named_fd}, the container names {fd}", never_answered=True
        )
    return None
