"""The play where there is no terminal: a line for each day, and one for each change of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ofd_gateway.demo.words import RULES, SIGNS, level_words

if TYPE_CHECKING:
    from ofd_gateway.demo.scene import NewsItem, Scene

__all__ = ["Lines"]


class Lines:
    """Writes plain text."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._day = 0
        self._told = 0

    def starting(self, text: str) -> None:
        """One line."""
        self._write(text)

    def show(self, scene: Scene) -> None:
        """What is new since the last scene."""
        for item in scene.news[self._told :]:
            self._write(f"    {_news_line(item)}")
        self._told = len(scene.news)
        if scene.day != self._day:
            self._day = scene.day
            open_shifts = sum(register.shift_open for register in scene.registers)
            self._write(
                f"день / day {scene.day:>2}  {scene.now:%d.%m.%Y}  документов / documents {scene.documents:>6}  "
                f"смен открыто / open shifts {open_shifts:>2}  писем / letters {scene.letters:>3}  "
                f"сообщений / messages {scene.messages_left:>4}"
            )

    def end(self) -> None:
        """Nothing is left to write."""
        self._out.flush()

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _news_line(item: NewsItem) -> str:
    words = f"{RULES.get(item.rule, item.rule)} {level_words(item.rule, item.level)}".rstrip()
    return f"{item.at:%d.%m %H:%M} {SIGNS[item.kind]} {item.about}: {words}"
