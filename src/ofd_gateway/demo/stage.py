"""The play on a terminal: the chain day by day, and what the gateway says of it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich import box
from rich.align import Align
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ofd_gateway.demo.chain import OWNER_NAME
from ofd_gateway.demo.words import RULES, SHORT, SIGNS, level_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.demo.scene import NewsItem, RegisterView, Scene

__all__ = ["Stage", "picture"]

SHOWN_NEWS: Final = 9
_BARS: Final = " ▁▂▃▄▅▆▇█"
_BUSY_DAY: Final = 20
_WEEKDAYS: Final = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_KIND_STYLES: Final = {"opened": "yellow", "raised": "bold yellow", "resolved": "green"}


class Stage:
    """A live view that is drawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def starting(self, text: str) -> None:
        """A line with a spinner until the first scene."""
        self._live.update(Spinner("dots", Text(text)), refresh=True)

    def show(self, scene: Scene) -> None:
        """Draws the scene over the one before."""
        self._live.update(picture(scene), refresh=True)

    def end(self) -> None:
        """Leaves the last scene where it is."""
        self._live.stop()


def picture(scene: Scene) -> RenderableType:
    """One scene as rich draws it."""
    return Group(_head(scene), _registers(scene.registers), _news(scene.news), _foot(scene))


def _head(scene: Scene) -> RenderableType:
    now = scene.now
    title = Text.assemble(
        (f" {OWNER_NAME} ", "bold black on cyan"),
        ("  день ", "dim"),
        (f"{scene.day}", "bold"),
        (f" из / of {scene.days}   ", "dim"),
        (f"{_WEEKDAYS[now.weekday()]} {now:%d.%m.%Y}", "bold"),
        (f"  {now:%H:%M} UTC", "dim"),
    )
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column()
    line.add_column(ratio=1)
    line.add_row(title, Align.right(ProgressBar(total=scene.days, completed=scene.day, width=30)))
    return line


def _registers(registers: Sequence[RegisterView]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False)
    table.add_column("касса / register", no_wrap=True)
    table.add_column("смена", justify="center")
    table.add_column("чеков / receipts", no_wrap=True)
    table.add_column("сегодня", justify="right")
    table.add_column("продано, ₽ / sold", justify="right")
    table.add_column("в очереди", justify="right")
    table.add_column("что не так / what is wrong", ratio=1)
    for _, store in groupby(registers, lambda register: register.store):
        members = list(store)
        for register in members:
            table.add_row(
                Text(register.name, style="" if register.works else "dim strike"),
                Text("●", "green") if register.shift_open else Text("○", "dim"),
                _spark(register.history),
                Text(str(register.receipts_today or "·")),
                Text(f"{register.sold_kopecks // 100:,}".replace(",", " ")),
                Text(str(register.unconfirmed or ""), "yellow"),
                _troubles(register),
                end_section=register is members[-1],
            )
    return table


def _spark(history: Sequence[int]) -> Text:
    text = Text()
    for count in history:
        level = min(len(_BARS) - 1, -(-count * (len(_BARS) - 1) // _BUSY_DAY))
        text.append(_BARS[level] if count else "·", "cyan" if count else "dim red")
    return text


def _troubles(register: RegisterView) -> Text:
    text = Text()
    if not register.works:
        text.append("выключена ", "dim")
    for rule, level, critical in register.alerts:
        label = f"{SHORT.get(rule, rule)} {level_words(rule, level)}".strip()
        text.append(f" {label} ", "bold white on red" if critical else "black on yellow")
        text.append(" ")
    return text or Text("в порядке / fine", "dim green")


def _news(news: Sequence[NewsItem]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    shown = list(news[-SHOWN_NEWS:])
    for item in shown:
        style = "bold red" if item.critical and item.kind != "resolved" else _KIND_STYLES[item.kind]
        grid.add_row(
            Text(f"{item.at:%d.%m %H:%M}", "dim"),
            Text(SIGNS[item.kind], style),
            Text(item.about, "bold"),
            Text(f"{RULES.get(item.rule, item.rule)} {level_words(item.rule, item.level)}", style),
        )
    for _ in range(SHOWN_NEWS - len(shown)):
        grid.add_row("", "", "", "")
    return Panel(grid, title="уведомления / alerts", title_align="left", border_style="yellow", box=box.ROUNDED)


def _foot(scene: Scene) -> RenderableType:
    figures = (
        ("документов подтверждено / confirmed", f"{scene.documents:,}".replace(",", " "), "green"),
        ("писем / letters", str(scene.letters), "cyan"),
        ("сообщений осталось / messages left", str(scene.messages_left), "yellow" if scene.messages_left <= 50 else ""),
        ("расхождений / mismatches", str(scene.mismatches), "red" if scene.mismatches else "green"),
    )
    return Columns([Text.assemble((f"{name} ", "dim"), (value, f"bold {style}")) for name, value, style in figures])
