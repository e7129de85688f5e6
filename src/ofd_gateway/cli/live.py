"""What passes through the proxy, shown as it comes: trees on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from ofd_gateway.captures.journal import journal_line
from ofd_gateway.cli.decoding import reading_object
from ofd_gateway.cli.recorded import print_piece
from ofd_gateway.ffd import to_json_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.captures.opened import Opened
    from ofd_gateway.logs import LogStream

__all__ = ["LiveLines", "LiveTrees"]

_LEAST_COLUMNS: Final = 80


class LiveLines:
    """The lines of a journal, each with the `document` as FNS JSON."""

    name = "stdout"

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Packets are not shown."""

    def piece(self, opened: Opened) -> None:
        """Writes a line; a reader that is too slow loses lines, which the stream counts."""
        import msgspec

        line = msgspec.to_builtins(journal_line(opened))
        if opened.fault is None:
            line["document"] = reading_object(opened.reading, "2021")
        self._stream.write_line(to_json_bytes(line))

    def flush(self) -> None:
        """The stream writes by itself."""

    def close(self) -> None:
        """The stream belongs to its maker."""


class LiveTrees:
    """Each message field by field, or one line each when `brief`."""

    name = "stdout"

    def __init__(self, stream: LogStream, *, columns: int, brief: bool) -> None:
        self._stream = stream
        self._columns = max(columns, _LEAST_COLUMNS)
        self._brief = brief

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Packets are not shown."""

    def piece(self, opened: Opened) -> None:
        """Writes what `decode` would print."""
        from rich.console import Console

        text = io.StringIO()
        out = Console(file=text, force_terminal=True, width=self._columns, highlight=False, markup=False)
        print_piece(opened, brief=self._brief, out=out)
        self._stream.write_line(text.getvalue().rstrip("\n").encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """The stream writes by itself."""

    def close(self) -> None:
        """The stream belongs to its maker."""
