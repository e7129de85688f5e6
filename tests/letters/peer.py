"""A mail server inside the tests, with faults at any stage."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

PASSWORD = "secret"


class Peer:
    """What the server answers and what it took. `gate`, where set, holds the answer to DATA until it is open."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.rcpt: dict[str, str] = {}
        self.data: str | None = None
        self.sender: str | None = None
        self.cut_data = False
        self.gate: asyncio.Event | None = None
        self.at_gate = asyncio.Event()
        self.attempts = 0
        self.was_encrypted = False

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.messages]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802  aiosmtpd's name
        self.attempts += 1
        self.was_encrypted = session.ssl is not None
        if self.sender is not None:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802  aiosmtpd's name
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        if self.gate is not None:
            self.at_gate.set()
            await self.gate.wait()
        if self.data is not None:
            return self.data
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.extend(envelope.rcpt_tos)
        return "250 2.0.0 queued as 1"


class _Server(SMTP):
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        handler: Peer = self.event_handler
        if handler.cut_data:
            await self.push("354 go on")
            assert isinstance(self.transport, asyncio.WriteTransport)
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


@contextlib.asynccontextmanager
async def serving(
    peer: Peer,
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    auth: bool = False,
    port: int = 0,
    sock: socket.socket | None = None,
) -> AsyncIterator[Peer]:
    """The peer on a free port of 127.0.0.1, or on a socket that is given."""
    loop = asyncio.get_running_loop()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def protocol() -> SMTP:
        return _Server(
            peer,
            loop=loop,
            hostname="mail.test",
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=False,
        )

    sock = sock or socket.create_server(("127.0.0.1", port))
    server = await loop.create_server(protocol, sock=sock, ssl=tls if implicit else None)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
