"""From stored containers to documents on their way: FNS JSON as it is made for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.crypto import BodyUnreadable
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import FormatError, decode, to_fns_json, to_json_bytes
from ofd_gateway.ffd.dictionary import document_kind
from ofd_gateway.fns.transport import Outgoing
from ofd_gateway.protocol import ProtocolError, parse_container

if TYPE_CHECKING:
    from ofd_gateway.crypto import CryptoModule
    from ofd_gateway.dispatch import QueuedDocument

__all__ = ["DocumentUnreadable", "Renderer"]


class DocumentUnreadable(OfdGatewayError):
    """A stored document can no longer be read. It could when it came: the code or the data has changed since."""


class Renderer:
    """Opens stored containers with one crypto module."""

    def __init__(self, crypto: CryptoModule) -> None:
        self._crypto = crypto

    def render(self, queued: QueuedDocument) -> Outgoing:
        """The document as it goes out; raises DocumentUnreadable."""
        try:
            container = parse_container(queued.container)
            document = decode(self._crypto.unwrap(container), version_hint=queued.ffd)
        except (ProtocolError, BodyUnreadable, FormatError) as error:
            raise DocumentUnreadable(f"FN {queued.fn}, FD {queued.fd}: {error}") from error
        return Outgoing(
            fn=queued.fn,
            generation=queued.generation,
            fd=queued.fd,
            ffd=queued.ffd,
            kind=document_kind(queued.document_code),
            received_at=queued.received_at,
            document=to_json_bytes(to_fns_json(document, message_sign=container.message_sign)),
        )
