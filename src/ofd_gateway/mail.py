"""Ways out for letters: a mail server over SMTP, or a Maildir in the state directory."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from typing import TYPE_CHECKING, Final, Literal, Protocol

import aiosmtplib
import msgspec

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DeliveryFailure",
    "Maildir",
    "PermanentFailure",
    "Reply",
    "SmtpServer",
    "Stage",
    "TransientFailure",
    "Transport",
]

Stage = Literal["connect", "tls", "auth", "sender", "recipient", "data", "file"]

_LONGEST_REPLY: Final = 500
_WHOLE_PER_COMMAND: Final = 10
"""The whole transaction may take so many times what one answer may."""
_QUIT_TIMEOUT_S: Final = 2.0
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.@=+-]")


class Reply(msgspec.Struct, frozen=True):
    """What took the letter: the server's code and text; no code from a folder."""

    code: int | None
    text: str


class DeliveryFailure(OfdGatewayError):
    """A letter was not delivered.

    `stage` is what was being done, `code` and `reply` are the server's answer; the code is None where there was none.
    """

    def __init__(self, stage: Stage, code: int | None, reply: str) -> None:
        super().__init__(f"{stage}: {reply}" if code is None else f"{stage}: {code} {reply}")
        self.stage: Stage = stage
        self.code = code
        self.reply = reply


class TransientFailure(DeliveryFailure):
    """It may work later: no connection, no answer in time, or an answer 4xx."""


class PermanentFailure(DeliveryFailure):
    """The server said no for good: an answer 5xx, a certificate that is not its own, no encryption or AUTH at all."""


class Transport(Protocol):
    """What takes letters; a mail server or a folder."""

    async def send(self, *, sender: str, address: str, message_id: str, message: bytes) -> Reply:
        """Hands one letter over; raises DeliveryFailure."""
        ...


class SmtpServer:
    """A mail server. Each letter has a connection of its own; `timeout_s` is for each answer.

    With TLS the server's certificate is checked against its name and the machine's authorities, or by `tls_context`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Literal["off", "starttls", "tls"] = "off",
        user: str = "",
        password: str = "",
        timeout_s: float = 30.0,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._user = user
        self._password = password
        self._timeout_s = timeout_s
        self._tls_context = tls_context

    async def send(self, *, sender: str, address: str, message_id: str, message: bytes) -> Reply:
        """Hands the message over for one address and returns the server's answer once it has taken it.

        Raises:
            TransientFailure: not now.
            PermanentFailure: not ever; the stage says what was refused.
        """
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout_s,
            use_tls=self._tls == "tls",
            start_tls=False,
            tls_context=self._tls_context if self._tls != "off" else None,
        )
        at = _Progress()
        try:
            async with asyncio.timeout(self._timeout_s * _WHOLE_PER_COMMAND):
                reply = await self._transact(client, at, sender, address, message)
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(at.stage, error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
            kind = PermanentFailure if _needs_a_person(error) else TransientFailure
            raise kind(at.stage, None, _line(str(error)) or type(error).__name__) from error
        else:
            await _quit(client)
            return reply
        finally:
            client.close()

    async def _transact(
        self, client: aiosmtplib.SMTP, at: _Progress, sender: str, address: str, message: bytes
    ) -> Reply:
        await client.connect()
        await client.ehlo()
        if self._tls == "starttls":
            at.stage = "tls"
            await client.starttls()
        if self._user:
            at.stage = "auth"
            await client.login(self._user, self._password)
        at.stage = "sender"
        await client.mail(sender)
        at.stage = "recipient"
        await client.rcpt(address)
        at.stage = "data"
        answer = await client.data(message)
        return Reply(answer.code, _line(answer.message))


class Maildir:
    """A folder that mail programs read (Maildir); a letter delivered twice is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, *, sender: str, address: str, message_id: str, message: bytes) -> Reply:
        """Stores the message durably under a name made of its Message-ID.

        Raises:
            TransientFailure: the folder cannot be written.
        """
        try:
            path = await asyncio.to_thread(self._store, message_id, message)
        except OSError as error:
            raise TransientFailure("file", None, f"{error.filename or self._folder}: {error.strerror}") from error
        return Reply(None, str(path))

    def _store(self, message_id: str, message: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("tmp", "new", "cur"):
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
        name = _UNSAFE.sub("_", message_id.strip("<>"))
        delivered = [*self._folder.glob(f"new/{name}"), *self._folder.glob(f"cur/{name}:*")]
        if delivered:
            return delivered[0]
        written, final = self._folder / "tmp" / name, self._folder / "new" / name
        with written.open("wb") as file:
            file.write(message.replace(b"\r\n", b"\n"))
            file.flush()
            os.fsync(file.fileno())
        written.rename(final)
        for folder in (final.parent, written.parent):
            _sync_folder(folder)
        return final


class _Progress:
    """What a transaction is doing, for the error that ends it."""

    stage: Stage = "connect"


def _judged(stage: Stage, code: int, text: str) -> DeliveryFailure:
    kind = PermanentFailure if code >= 500 else TransientFailure
    return kind(stage, code, _line(text))


def _needs_a_person(error: BaseException) -> bool:
    """Whether a failure without an answer lasts until somebody changes the settings or the server."""
    unsupported = type(error) is aiosmtplib.SMTPException
    return unsupported or any(
        isinstance(one, ssl.SSLCertVerificationError) for one in (error, error.__cause__, error.__context__)
    )


def _line(text: str) -> str:
    """An answer as one line without control characters, of bounded length."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(plain.split())[:_LONGEST_REPLY]


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Takes leave; the letter is delivered whatever the server says to that."""
    try:
        await client.quit(timeout=_QUIT_TIMEOUT_S)
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
