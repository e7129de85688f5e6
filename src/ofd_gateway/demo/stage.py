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

MOST_NEWS: Final = 9
LEAST_NEWS: Final = 3
_ROWS_BESIDE_NEWS: Final = 23
_WIDE: Final = 100
_NARROW_DAYS: Final = 8
_BARS: Final = " ▁▂▃▄▅▆▇█"
_BUSY_DAY: Final = 20
_WEEKDAYS: Final = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_KIND_STYLES: Final = {"opened": "yellow", "raised": "bold yellow", "resolved": "green"}


class Stage:
    """A live view that is drawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def starting(self, text: str) -> None:
        """A line with a spinner until the first scene."""
        self._live.update(Spinner("dots", Text(text)), refresh=True)

    def show(self, scene: Scene) -> None:
        """Draws the scene over the one before."""
        size = self._console.size
        self._live.update(picture(scene, width=size.width, height=size.height), refresh=True)

    def end(self) -> None:
        """Leaves the last scene where it is."""
        self._live.stop()


def picture(scene: Scene, *, width: int, height: int) -> RenderableType:
    """One scene as rich draws it on a terminal of that size; a small one shows fewer columns and less news."""
    room = max(LEAST_NEWS, min(MOST_NEWS, height - _ROWS_BESIDE_NEWS))
    return Group(_head(scene), _registers(scene.registers, wide=width >= _WIDE), _news(scene.news, room), _foot(scene))


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
    line.add_row(title, Align.right(ProgressBar(total=scene.days, completed=scene.day, width=24)))
    return line


def _registers(registers: Sequence[RegisterView], *, wide: bool) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False)
    table.add_column("касса / register", no_wrap=True)
    table.add_column("смена", justify="center")
    table.add_column("чеков / receipts" if wide else "чеков", no_wrap=True)
    if wide:
        table.add_column("сегодня", justify="right", no_wrap=True)
        table.add_column("продано, ₽", justify="right", no_wrap=True)
    table.add_column("очередь", justify="right", no_wrap=True)
    table.add_column("что не так / trouble", ratio=1, no_wrap=True, overflow="ellipsis")
    for _, store in groupby(registers, lambda register: register.store):
        members = list(store)
        for register in members:
            cells = [
                Text(register.name, style="" if register.works else "dim strike"),
                Text("●", "green") if register.shift_open else Text("○", "dim"),
                _spark(register.history if wide else register.history[-_NARROW_DAYS:]),
                Text(str(register.unconfirmed or ""), "yellow"),
                _troubles(register),
            ]
            if wide:
                cells.insert(3, Text(str(register.receipts_today or "·")))
                cells.insert(4, Text(f"{register.sold_kopecks // 100:,}".replace(",", " ")))
            table.add_row(*cells, end_section=register is members[-1])
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


def _news(news: Sequence[NewsItem], room: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for _ in range(4):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    shown = list(news[-room:])
    for item in shown:
        style = "bold red" if item.critical and item.kind != "resolved" else _KIND_STYLES[item.kind]
        grid.add_row(
            Text(f"{item.at:%d.%m %H:%M}", "dim"),
            Text(SIGNS[item.kind], style),
            Text(item.about, "bold"),
            Text(f"{RULES.get(item.rule, item.rule)} {level_words(item.rule, item.level)}", style),
        )
    for _ in range(room - len(shown)):
        grid.add_row("", "", "", "")
    return Panel(grid, title="уведомления / alerts", title_align="left", border_style="yellow", box=box.ROUNDED)


def _foot(scene: Scene) -> RenderableType:
    figures = (
        ("документов / documents", f"{scene.documents:,}".replace(",", " "), "green"),
        ("писем / letters", str(scene.letters), "cyan"),
        ("сообщений / messages left", str(scene.messages_left), "yellow" if scene.messages_left <= 50 else ""),
        ("расхождений / mismatches", str(scene.mismatches), "red" if scene.mismatches else "green"),
    )
    return Columns([Text.assemble((f"{name} ", "dim"), (value, f"bold {style}")) for name, value, style in figures])
