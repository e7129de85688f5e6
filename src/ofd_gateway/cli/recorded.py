"""How recorded traffic is shown: each piece with its connection, direction and time, then what is in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from ofd_gateway.captures.opened import Opened, open_piece
from ofd_gateway.captures.piece import Sender, Sort
from ofd_gateway.captures.recording import read_recording
from ofd_gateway.cli.decoding import error_object, reading_object, violations_of
from ofd_gateway.cli.output import console, print_json, printable
from ofd_gateway.cli.rendering import print_fault, print_reading
from ofd_gateway.protocol import FROM_FN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ofd_gateway.captures.conversations import Note
    from ofd_gateway.cli.decoding import Names
    from ofd_gateway.ffd.checks import Violation
    from ofd_gateway.protocol import Container, SessionHeader
    from ofd_gateway.settings import FfdSettings

__all__ = ["piece_object", "piece_title", "print_notes", "print_piece", "print_recording"]

_DIRECTIONS: Final = {
    Sender.REGISTER: "касса → ОФД / register → operator",
    Sender.OPERATOR: "ОФД → касса / operator → register",
}
_SORTS: Final = {
    Sort.MESSAGE: "",
    Sort.PARTIAL: "не до конца / cut short",
    Sort.FOREIGN: "не сообщение / no message",
    Sort.GAP: "пропуск / gap",
}
_ENCRYPTED: Final = "тело зашифровано / encrypted body"


def print_recording(data: bytes, settings: FfdSettings | None, *, as_json: bool) -> bool:
    """Every piece of a recording in its order; returns whether anything could not be read."""
    capture = read_recording(data)
    names: Names = settings.names if settings else "2021"
    failed = False
    for number, piece in enumerate(capture.pieces, start=1):
        opened = open_piece(piece)
        failed = failed or opened.fault is not None
        if as_json:
            print_json(piece_object(opened, names, number=number))
        else:
            print_piece(opened, number=number, violations=violations_of(opened.reading, settings))
    print_notes(capture.notes)
    return failed or any(note.is_fault for note in capture.notes)


def print_notes(notes: Sequence[Note]) -> None:
    """What concerns the file rather than a message, on standard error."""
    for note in notes:
        place = "" if note.offset is None else f" (смещение / offset {note.offset})"
        sys.stderr.write(f"{note.reason}: {note.text}{place}\n")


def piece_object(opened: Opened, names: Names, *, number: int | None = None) -> dict[str, object]:
    """What `decode --json` prints of the bytes alone, and beside it `capture`: where, when, under which headers."""
    piece, fault = opened.piece, opened.fault
    said = reading_object(opened.reading, names) if fault is None else error_object(fault)
    capture: dict[str, object] = {} if number is None else {"number": number}
    capture |= {
        "connection": piece.connection,
        "direction": piece.sender.value,
        "time": None if piece.at is None else piece.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "source": piece.source,
        "destination": piece.destination,
        "sort": piece.sort.value,
        "kind": opened.kind,
        "fn": opened.fn,
        "fd": opened.fd,
        "encrypted": opened.encrypted,
        "session": _session_object(opened.reading.header),
        "container": _container_object(opened.reading.container),
    }
    if fault is not None:
        capture |= {"hex": piece.raw.hex(), "missing_bytes": piece.missing_bytes}
    return {**said, "capture": capture}


def print_piece(
    opened: Opened,
    *,
    number: int | None = None,
    violations: Sequence[Violation] = (),
    brief: bool = False,
    out: Console | None = None,
) -> None:
    """A title, then trees of what could be read, then the bytes around a fault; only the title when `brief`."""
    out = out or console()
    out.print(piece_title(opened, number=number))
    if brief:
        return
    print_reading(opened.reading, base=0, violations=violations, out=out)
    fault = opened.fault
    if fault is not None and opened.piece.raw:
        print_fault(opened.piece.raw, fault.offset, f"{fault.reason}: {fault}", out=out)


def piece_title(opened: Opened, *, number: int | None = None) -> Text:
    """One line: number, time, connection, direction, kind, FN, FD, response code, fault."""
    piece = opened.piece
    words = [] if number is None else [f"#{number}"]
    if piece.at is not None:
        words.append(f"{piece.at.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3])
    words.append(f"соединение / connection {piece.connection}")
    words.append(_DIRECTIONS[piece.sender])
    title = Text("  ".join(words), style="bold")
    facts = [_SORTS[piece.sort], opened.kind]
    facts += [f"ФН {opened.fn}" if opened.fn else None, f"ФД {opened.fd}" if opened.fd else None]
    if opened.response_code is not None:
        facts.append(f"код / code {opened.response_code}")
    title.append("  ".join(["", *(fact for fact in facts if fact)]), style="not bold")
    if opened.encrypted:
        title.append(f"  {_ENCRYPTED}", style="yellow")
    elif opened.fault is not None:
        title.append(printable(f"  {opened.fault.reason}: {opened.fault}"), style="red")
    return title


def _session_object(header: SessionHeader | None) -> dict[str, Any] | None:
    if header is None:
        return None
    return {
        "version": header.version.hex(),
        "fn": header.fn,
        "length": header.body_length,
        "flags": header.flags,
        "crc": header.crc,
        "answerExpected": header.expects_answer,
    }


def _container_object(container: Container | None) -> dict[str, Any] | None:
    if container is None:
        return None
    sign = "messageSign" if container.kind == FROM_FN else "confirmationSign"
    return {
        "type": container.kind,
        "documentCode": container.document_code,
        "fn": container.fn,
        "fd": container.fd,
        "nonce": container.nonce.hex(),
        "keyId": container.key_id.hex(),
        sign: container.trailer.hex(),
    }
