"""Places in the stream of documents, and how they are written.

A document's position is the number of the transaction that stored it. Transactions do not end in the order of their
numbers, so no single position says what a reader has had. A horizon does: it is a snapshot of the server, the first
number that was not taken and those below it that were still running. A document is within a horizon if its transaction
had ended by then, and what lies between two horizons is known exactly however late it was committed.

::

    horizon   era . next [ . running [ _ running … ] ]          1.1042.1037_1039
    cursor    horizon                                           all within it was had
              horizon ~ horizon ~ position . fn . generation . fd
                                                                the same, and of what lies between the two all up to
                                                                this document, in the order of these four
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ofd_gateway.errors import OfdGatewayError

__all__ = ["Cursor", "CursorUnreadable", "FeedKey", "Horizon", "read_cursor", "spell_cursor"]

_MOST_SIGNS: Final = 20_000
_HORIZON: Final = r"(\d{1,9})\.(\d{1,18})(?:\.(\d{1,18}(?:_\d{1,18})*))?"
_CURSOR: Final = re.compile(
    rf"{_HORIZON}(?:~{_HORIZON}~(\d{{1,18}})\.(\d{{15,16}})\.(\d{{1,9}})\.(\d{{1,10}}))?", re.ASCII
)


class CursorUnreadable(OfdGatewayError):
    """A text that no stream of this database gave out."""


class Horizon(NamedTuple):
    """What had ended at one moment: every position below `next` but those that were `running`."""

    era: int
    next: int
    running: tuple[int, ...] = ()

    @property
    def lowest_open(self) -> int:
        """No position below this one is open."""
        return min(self.running, default=self.next)


class FeedKey(NamedTuple):
    """The place of one document between two horizons."""

    position: int
    fn: str
    generation: int
    fd: int


class Cursor(NamedTuple):
    """What a reader has had: all within `seen`; up to `last` also of what lies between `seen` and `upto`."""

    seen: Horizon
    upto: Horizon | None = None
    last: FeedKey | None = None


def spell_cursor(cursor: Cursor) -> str:
    """The cursor as a text without spaces; `read_cursor` reads it back."""
    if cursor.upto is None or cursor.last is None:
        return _spell(cursor.seen)
    last = cursor.last
    key = f"{last.position}.{last.fn}.{last.generation}.{last.fd}"
    return f"{_spell(cursor.seen)}~{_spell(cursor.upto)}~{key}"


def read_cursor(text: str) -> Cursor:
    """The cursor that is written there; raises `CursorUnreadable`."""
    found = _CURSOR.fullmatch(text) if len(text) <= _MOST_SIGNS else None
    if found is None:
        raise CursorUnreadable(f"{text[:100]!r} is no cursor of this stream")
    seen = _read(found[1], found[2], found[3])
    if found[4] is None:
        return Cursor(seen)
    last = FeedKey(int(found[7]), found[8], int(found[9]), int(found[10]))
    return Cursor(seen, _read(found[4], found[5], found[6]), last)


def _spell(horizon: Horizon) -> str:
    running = "_".join(map(str, horizon.running))
    return f"{horizon.era}.{horizon.next}" + (f".{running}" if running else "")


def _read(era: str, following: str, running: str | None) -> Horizon:
    return Horizon(int(era), int(following), tuple(map(int, running.split("_"))) if running else ())
