"""The last page of the demo: the letters, how long each register still works and what stops it, where to look next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ofd_gateway.demo.words import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ofd_gateway.demo.scene import Countdown, Ending, SentLetter

__all__ = ["last_page", "print_ending"]

_SOON_DAYS: Final = 7
_NEAR_DAYS: Final = 30
_TYPES: Final = {
    "service": "услуга / service",
    "messages": "сообщения / messages",
    "silence": "молчание / silence",
    "fault": "неисправность / fault",
    "operator": "оператору / operator",
}


def print_ending(ending: Ending, state_dir: Path, console: Console, *, command: str) -> None:
    """Prints the page; `command` is how the console command is called here."""
    console.print(last_page(ending))
    for words, meaning in _commands(ending, state_dir):
        console.print(Text(f"# {meaning}", "dim"))
        # A command is copied, so it is one line however narrow the terminal is.
        console.print(Text(f"{command} {words}" if words else f"rm -r {state_dir}", "cyan"), soft_wrap=True)


def last_page(ending: Ending) -> RenderableType:
    """The page up to the commands, as rich draws it."""
    types = ", ".join(_TYPES.get(name, name) for name in ending.alert_types)
    return Group(
        Text(),
        _heading("письма / letters"),
        _letters(ending.letters),
        Text(),
        _heading("сколько ещё проработает касса / how long each register still works"),
        _countdowns(ending.countdowns),
        Text(),
        Text.assemble(
            ("Сыграно / played: ", "dim"),
            f"{ending.scene.day} дн. / days, {ending.scene.documents} документов / documents, "
            f"{len(ending.letters)} писем / letters, {ending.seconds:.0f} с.  ",
            ("Виды / types: ", "dim"),
            types,
        ),
        Text(),
        _heading("что посмотреть дальше / where to look next"),
    )


def _heading(words: str) -> Text:
    return Text.assemble(("── ", "dim"), (words, "bold"), (" ──", "dim"))


def _letters(letters: Sequence[SentLetter]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for letter in letters:
        table.add_row(str(letter.number), f"{letter.at:%d.%m %H:%M}", letter.address, Text(letter.subject))
    return table


def _countdowns(countdowns: Sequence[Countdown]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("касса / register", no_wrap=True)
    table.add_column("дней / days", justify="right")
    table.add_column("когда / when", no_wrap=True)
    table.add_column("что остановит / what stops it")
    for one in countdowns:
        if one.at is None or one.days_left is None or one.cause is None:
            table.add_row(one.name, "–", "", Text("ничто не грозит / nothing in sight", "dim"))
            continue
        style = "bold red" if one.days_left <= _SOON_DAYS else "yellow" if one.days_left <= _NEAR_DAYS else "green"
        cause = RULES.get(one.cause, one.cause)
        table.add_row(one.name, Text(str(one.days_left), style), f"{one.at:%d.%m.%Y}", Text(cause))
    return table


def _commands(ending: Ending, state_dir: Path) -> tuple[tuple[str, str], ...]:
    """What to type and what it shows; nothing to type means that the folder is removed."""
    where = f"--state-dir {state_dir}"
    first = ending.letters[0].number if ending.letters else 1
    return (
        (f"registers list {where}", "кассы и сроки / registers and countdowns"),
        (f"alerts list --open {where}", "что открыто / what is open"),
        (f"alerts explain 1 {where}", "почему / why"),
        (f"letters show {first} {where}", "письмо целиком / a whole letter"),
        (f"documents list --limit 20 {where}", "документы / documents"),
        (f"serve {where}", "шлюз на этих данных / a gateway on this data"),
        ("", "убрать за собой / clean up"),
    )
