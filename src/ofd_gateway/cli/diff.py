"""`ofd-gateway diff`: two documents or two confirmations, field by field."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ofd_gateway.captures.comparison import Difference, Value, compare, same_order
from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.reading import Reading, UnreadableInput
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    fail,
    print_json,
    with_database,
)
from ofd_gateway.cli.inputs import read_file, read_pieces
from ofd_gateway.cli.reading import read_bytes, read_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.captures.piece import Piece
    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, DocumentRecord

__all__ = ["diff"]

_STORED: Final = re.compile(r"([0-9]{15,16})/([0-9]{1,8})")
_NUMBERED: Final = re.compile(r"(.+)#([0-9]{1,9})")
_DIFFERENT: Final = 1
_UNREADABLE: Final = 2
_WHAT: Final = "A file that decode reads (FILE#3: its third message), hex, or FN/FD of a stored document."
_SHOWN: Final = 64


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    second: Annotated[str, typer.Argument(metavar="B", help="The other one, given in the same ways.")],
    ignore: Annotated[
        str,
        typer.Option(
            metavar="TAG,…", help="Не сравнивать эти теги и всё в них. / Tags to pass over with what they hold."
        ),
    ] = "",
    frames: Annotated[
        bool, typer.Option("--frames", help="И заголовки сеанса и контейнера. / Session header and container as well.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Сравнивает два документа или подтверждения по полям. / Compares two documents or confirmations field by field.

    Код выхода 0: одинаковы; 1: различаются; 2: не читаются. / Exit 0 equal, 1 different, 2 unreadable.
    """
    ignored = _tags(ignore)
    sides = []
    for text in (first, second):
        try:
            if (named := _STORED.fullmatch(text)) and not _exists(text):
                sides.append(_stored(named[1], int(named[2]), config=config, database=database, state_dir=state_dir))
            else:
                sides.append(_given(text))
        except (UnreadableInput, OSError) as error:
            raise fail(f"{text[:_SHOWN]}: {error}", code=_UNREADABLE) from error
    one, two = sides
    found = compare(one, two, ignored_tags=ignored, with_frames=frames)
    if as_json:
        for difference in found:
            print_json(difference)
    elif found:
        _print_table(found)
    if one.document is not None and two.document is not None and not same_order(one.document, two.document):
        sys.stderr.write("порядок реквизитов различается / the fields stand in another order\n")
    raise typer.Exit(_DIFFERENT if found else 0)


def _tags(text: str) -> frozenset[int]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r}: 1012,1077", param_hint="--ignore")
    return frozenset(map(int, parts))


def _given(text: str) -> Reading:
    """The message of a file, the n-th one of `FILE#n`, or of hex on the command line."""
    numbered = _NUMBERED.fullmatch(text)
    if text == "-" or _exists(text):
        return _only(read_pieces(read_file(text)).pieces, None)
    if numbered and _exists(numbered[1]):
        return _only(read_pieces(read_file(numbered[1])).pieces, int(numbered[2]))
    return read_message(read_bytes(text.encode()))


def _exists(name: str) -> bool:
    """Whether there is such a file; hex of a message is longer than a name may be, which the system calls an error."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def _only(pieces: Sequence[Piece], number: int | None) -> Reading:
    count = len(pieces)
    if number is None and count != 1:
        many = f"сообщений / messages: {count}; укажите / choose one: FILE#1"
        raise UnreadableInput("several_messages" if count else "no_messages", 0, many)
    if number is not None and not 0 < number <= count:
        raise UnreadableInput("no_such_message", 0, f"сообщений / messages: {count}")
    opened = open_piece(pieces[(number or 1) - 1])
    if opened.fault is not None:
        raise opened.fault
    return opened.reading


def _stored(fn: str, fd: int, *, config: Path | None, database: str | None, state_dir: Path | None) -> Reading:
    from ofd_gateway.storage import DocumentStore

    async def work(opened: Database, _settings: Settings) -> DocumentRecord | None:
        return await DocumentStore(opened).get(fn, fd, None)

    record = with_database(work, config=config, database=database, state_dir=state_dir)
    if record is None:
        raise UnreadableInput("no_such_document", 0, f"нет документа: ФН {fn}, ФД {fd} / no such document")
    return read_message(record.container)


def _print_table(found: Sequence[Difference]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ofd_gateway.cli.output import console, printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("тег / tag", no_wrap=True, justify="right")
    for name in ("реквизит / field", "A", "B"):
        table.add_column(name, overflow="fold")
    for difference in found:
        tag = "" if difference.tag is None else str(difference.tag)
        name = f"{difference.path}\n{difference.name}" if difference.name else difference.path
        cells = (tag, name, _shown(difference.first), _shown(difference.second))
        table.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in cells))
    console().print(table)


def _shown(value: Value | None) -> str:
    if value is None:
        return "нет / absent"
    short = value.hex if len(value.hex) <= _SHOWN else f"{value.hex[:_SHOWN]}…"
    return "\n".join(part for part in (value.meaning, short) if part) or "есть / present"
