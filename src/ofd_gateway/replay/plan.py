"""What is sent again: the register's messages of a recording, under their own or under other numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.piece import Sender, Sort
from ofd_gateway.captures.rewriting import MESSAGE_SIGN_BYTES, RewriteError, rewrite_message
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.protocol import FROM_FN, SESSION_HEADER_BYTES, SessionHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ofd_gateway.captures.opened import Opened
    from ofd_gateway.captures.piece import Piece
    from ofd_gateway.protocol import Container

__all__ = ["Numbering", "Planned", "ReplayPlan", "Skipped", "TooManyDrives", "plan_replay"]

_VERSIONS: Final = {"1.0": "0100", "1.05": "0105", "1.1": "0110", "1.2": "0120"}
_KEEPS_1206: Final = frozenset({"1.1", "1.2"})


class TooManyDrives(OfdGatewayError):
    """One FN number for documents of several drives: their FD numbers would meet; `fd_from` keeps them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """Other numbers for recorded documents; what is None stays as recorded.

    With `fd_from` the documents of each FN are counted from there, in recorded order; a document that was recorded
    twice gets the same number twice. `new_sign` makes the 6 bytes of a message sign; one document gets one.
    """

    fn: str | None = None
    fd_from: int | None = None
    new_sign: Callable[[int], bytes] | None = None

    @property
    def changes_nothing(self) -> bool:
        """Every byte is sent as recorded."""
        return self.fn is None and self.fd_from is None and self.new_sign is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One message to send; `number` is its place among the recorded pieces, counted from 1."""

    number: int
    connection: int
    at: datetime | None
    fn: str
    fd: int | None
    """None for a service message."""
    kind: str
    raw: bytes
    expects_answer: bool
    bits_1206_allowed: bool


class Skipped(NamedTuple):
    """A recorded piece of a register that is not sent, and why."""

    number: int
    text: str


class ReplayPlan(NamedTuple):
    """Messages in recorded order, and what is left out."""

    messages: tuple[Planned, ...]
    skipped: tuple[Skipped, ...]


def plan_replay(pieces: Iterable[Piece], numbering: Numbering) -> ReplayPlan:
    """The plan for a recording; a container without a session header gets one for the version of its document.

    Raises:
        TooManyDrives: `numbering` names an FN without `fd_from`, and there are documents of several.
    """
    planner = _Planner(numbering)
    for number, piece in enumerate(pieces, start=1):
        if piece.sender is Sender.REGISTER:
            planner.add(number, piece)
    if numbering.fn is not None and numbering.fd_from is None and len(planner.drives) > 1:
        names = ", ".join(sorted(planner.drives))
        raise TooManyDrives(f"в записи несколько ФН / the recording has several FNs: {names}; --fd-from is needed too")
    return ReplayPlan(tuple(planner.messages), tuple(planner.skipped))


class _Planner:
    def __init__(self, numbering: Numbering) -> None:
        self.messages: list[Planned] = []
        self.skipped: list[Skipped] = []
        self.drives: set[str] = set()
        self._numbering = numbering
        self._numbers: dict[tuple[str, int], int] = {}
        self._next: dict[str, int] = {}
        self._signs: dict[bytes, bytes] = {}

    def add(self, number: int, piece: Piece) -> None:
        opened = open_piece(piece)
        try:
            self.messages.append(self._planned(number, piece, opened))
        except (RewriteError, _NotSent) as error:
            self.skipped.append(Skipped(number, str(error)))

    def _planned(self, number: int, piece: Piece, opened: Opened) -> Planned:
        raw, header, container = _as_message(piece, opened)
        fn, fd = header.fn, None if container is None else container.fd
        if fd is not None:
            self.drives.add(fn)
            fn, fd, raw = self._renumbered(fn, fd, raw)
        document = opened.reading.document
        ffd = document.ffd if document is not None else header.ffd_hint
        return Planned(
            number=number,
            connection=piece.connection,
            at=piece.at,
            fn=fn,
            fd=fd,
            kind=opened.kind or "?",
            raw=raw,
            expects_answer=header.expects_answer,
            bits_1206_allowed=ffd in _KEEPS_1206,
        )

    def _renumbered(self, fn: str, fd: int, raw: bytes) -> tuple[str, int, bytes]:
        numbering = self._numbering
        if numbering.changes_nothing:
            return fn, fd, raw
        new_fn = numbering.fn or fn
        new_fd = fd
        if numbering.fd_from is not None:
            following = self._next.get(new_fn, numbering.fd_from)
            new_fd = self._numbers.get((fn, fd), following)
        sign = None
        if numbering.new_sign is not None:
            sign = self._signs.get(raw) or numbering.new_sign(MESSAGE_SIGN_BYTES)
        rewritten = rewrite_message(raw, fn=new_fn, fd=new_fd, message_sign=sign)
        if sign is not None:
            self._signs[raw] = sign
        if numbering.fd_from is not None and (fn, fd) not in self._numbers:
            self._numbers[fn, fd] = new_fd
            self._next[new_fn] = new_fd + 1
        return new_fn, new_fd, rewritten


class _NotSent(Exception):
    """A piece that is no message of a register."""


def _as_message(piece: Piece, opened: Opened) -> tuple[bytes, SessionHeader, Container | None]:
    """The bytes to send, their session header, and the container, None for a service message.

    A body that cannot be read (encrypted) is sent all the same: its headers are clear.
    """
    header, container = opened.reading.header, opened.reading.container
    if piece.sort is not Sort.MESSAGE or (header is None and container is None):
        raise _NotSent(str(opened.fault or "это не сообщение / it is no message"))
    if container is not None and container.kind != FROM_FN:
        raise _NotSent("контейнер ОФД / a container of the operator")
    if header is None and container is not None:
        header = _header_for(opened, container)
        return header.pack() + piece.raw, header, container
    assert header is not None  # noqa: S101  one of the two is there
    if container is None and header.body_length:
        raise _NotSent(str(opened.fault))
    return piece.raw[: SESSION_HEADER_BYTES + header.body_length], header, container


def _header_for(opened: Opened, container: Container) -> SessionHeader:
    document = opened.reading.document
    version = _VERSIONS.get(document.ffd if document is not None else "", "0105")
    return SessionHeader(version=bytes.fromhex(version), fn=container.fn, body_length=len(container.raw), flags=0x0014)
