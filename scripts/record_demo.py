#!/usr/bin/env python3
"""Records the demo: docs/images/demo.cast (asciicast v2) and docs/images/demo.svg, one scene of it.

    python scripts/record_demo.py [--day 52]

The recording is made in this process, with a frame a second, on a terminal of 116 columns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from ofd_gateway.demo.ending import print_ending
from ofd_gateway.demo.play import DemoOrder, run_demo
from ofd_gateway.demo.stage import Stage, picture

if TYPE_CHECKING:
    from ofd_gateway.demo.scene import Scene

IMAGES: Final = Path(__file__).resolve().parents[1] / "docs" / "images"
COLUMNS: Final = 116
ROWS: Final = 40
FRAME_S: Final = 1.0


class Cast(StringIO):
    """What is written to a terminal, with the time of each piece."""

    def __init__(self) -> None:
        super().__init__()
        self.began_s = time.monotonic()
        self.events: list[tuple[float, str, str]] = []

    def write(self, text: str) -> int:
        """Keeps a piece."""
        if text:
            self.events.append((round(time.monotonic() - self.began_s, 3), "o", text.replace("\n", "\r\n")))
        return len(text)

    def save(self, path: Path) -> None:
        """Writes the recording."""
        head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "ofd-gateway demo"}
        lines = [json.dumps(head), *(json.dumps(event, ensure_ascii=False) for event in self.events)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Recording:
    """The stage with fewer frames, and the scene of one day kept for the picture."""

    def __init__(self, console: Console, day: int) -> None:
        self.scene: Scene | None = None
        self._stage = Stage(console)
        self._day = day
        self._shown_s = 0.0

    def starting(self, text: str) -> None:
        """Passed on."""
        self._stage.starting(text)

    def show(self, scene: Scene) -> None:
        """Passed on once a second."""
        if scene.day <= self._day and any(register.shift_open for register in scene.registers):
            self.scene = scene
        if time.monotonic() - self._shown_s >= FRAME_S:
            self._shown_s = time.monotonic()
            self._stage.show(scene)

    def end(self) -> None:
        """Passed on."""
        self._stage.end()


def main() -> None:
    """Plays and writes both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=int, default=57, help="the day in the picture")
    parser.add_argument("--seconds", type=float, default=45.0)
    options = parser.parse_args()
    cast = Cast()
    console = Console(file=cast, force_terminal=True, width=COLUMNS, height=ROWS, color_system="256", highlight=False)
    console.print("$ make demo")
    view = Recording(console, options.day)
    folder = Path(tempfile.mkdtemp(prefix="ofd-gateway-demo-"))
    ending = asyncio.run(run_demo(DemoOrder(state_dir=folder, seconds=options.seconds), view, asyncio.Event()))
    print_ending(ending, Path("demo-state"), console, command=".venv/bin/ofd-gateway")
    cast.save(IMAGES / "demo.cast")
    shutil.rmtree(folder)
    if view.scene is not None:
        still = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
        still.print(picture(view.scene, width=COLUMNS, height=ROWS))
        still.save_svg(str(IMAGES / "demo.svg"), title="make demo")


if __name__ == "__main__":
    main()
