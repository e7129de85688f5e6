"""What goes on to the tax service (ФНС), what it answers, and what becomes of each FN's line. Pure.

::

    line of one FN   FD 12, FD 13, FD 14      sent in this order
    answers          accepted, postponed, –
    settlement       FD 12 is decided on; the line pauses at FD 13, which is sent again later

A document is decided on (решение ФНС) by any answer but `postponed`. A line pauses at its first document without a
decision: the later ones of the same FN wait behind it, other FNs do not.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "Answer",
    "Decision",
    "DispatchParameters",
    "DocumentKey",
    "Line",
    "Pause",
    "QueuedDocument",
    "Settlement",
    "Status",
    "Trouble",
    "backoff",
    "pause",
    "settle",
]

DocumentKey = tuple[str, int, int]
"""FN, generation, FD number."""

NO_ANSWER: Final = "no_answer"
_JITTER: Final = 0.2


class Status(enum.Enum):
    """What the tax service says of a document: принят, мягкий карантин, жёсткий карантин, отказ, позже."""

    ACCEPTED = "accepted"
    SOFT_QUARANTINE = "soft_quarantine"
    HARD_QUARANTINE = "hard_quarantine"
    REFUSED = "refused"
    POSTPONED = "postponed"

    @property
    def is_decision(self) -> bool:
        """Whether the document need not be sent again."""
        return self is not Status.POSTPONED

    @property
    def is_refusal(self) -> bool:
        """Whether the document is lost for the tax service unless its owner does something."""
        return self in (Status.HARD_QUARANTINE, Status.REFUSED)


class Answer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the tax service said of one document. `code` is its reason, 0 for none; `text` its words."""

    status: Status
    code: int = 0
    text: str = ""


class Trouble(msgspec.Struct, frozen=True, gc=False):
    """Why there is no decision: a word (`postponed`, `no_answer`, `timeout`, `http_500`, …) and what was said."""

    word: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.text}" if self.text else self.word


class QueuedDocument(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A stored document that waits. `attempts` are those that brought no decision.

    `is_suspect`: there were some, and the endpoint has answered to others since.
    """

    fn: str
    generation: int
    fd: int
    document_code: int
    ffd: str
    received_at: datetime
    container: bytes
    attempts: int = 0
    is_suspect: bool = False

    @property
    def key(self) -> DocumentKey:
        """FN, generation, FD number."""
        return self.fn, self.generation, self.fd


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The next documents of one FN, in order, at least one.

    `failures` counts the attempts at the first of them that brought no decision, `failing_since` is the moment of the
    first such attempt. `is_told`: its owner has heard of it. `is_paused`: one of the line's documents met with trouble.
    """

    fn: str
    documents: tuple[QueuedDocument, ...]
    is_paused: bool = False
    failures: int = 0
    failing_since: datetime | None = None
    is_told: bool = False

    def only(self, documents: tuple[QueuedDocument, ...]) -> Line:
        """The same line with some of its documents; what is known of its head goes with the head."""
        if documents[0].key == self.documents[0].key:
            return msgspec.structs.replace(self, documents=documents)
        return Line(fn=self.fn, documents=documents, is_paused=self.is_paused)


class DispatchParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How much goes at once and what happens when it does not go.

    A request holds up to `batch` documents. The first pause after a failure is `retry_min`, it doubles up to
    `retry_max`. A document without a decision after `tries` attempts or for `late_after` is told to its owner.
    """

    batch: int = 100
    retry_min: timedelta = timedelta(seconds=2)
    retry_max: timedelta = timedelta(minutes=5)
    tries: int = 3
    late_after: timedelta = timedelta(minutes=15)


class Decision(msgspec.Struct, frozen=True, gc=False):
    """A document and the final word about it."""

    document: QueuedDocument
    answer: Answer


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A line that stops at `document` until `next_attempt_at`. `is_news`: its owner is told now, for the first time."""

    document: QueuedDocument
    trouble: Trouble
    failures: int
    failing_since: datetime
    next_attempt_at: datetime
    is_news: bool
    is_told: bool


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What one exchange changes: documents decided on, and lines that pause."""

    decisions: tuple[Decision, ...] = ()
    pauses: tuple[Pause, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.decisions or self.pauses)

    def only(self, fn: str) -> Settlement:
        """What is about that FN."""
        return Settlement(
            decisions=tuple(decision for decision in self.decisions if decision.document.fn == fn),
            pauses=tuple(pause for pause in self.pauses if pause.document.fn == fn),
        )

    def without(self, fns: Collection[str]) -> Settlement:
        """What is about other FNs than those."""
        if not fns:
            return self
        return Settlement(
            decisions=tuple(decision for decision in self.decisions if decision.document.fn not in fns),
            pauses=tuple(pause for pause in self.pauses if pause.document.fn not in fns),
        )


def backoff(failures: int, parameters: DispatchParameters, draw: float) -> timedelta:
    """The pause after so many failures, at least one. `draw`, from 0 to 1, shortens it by up to a fifth."""
    length = parameters.retry_min
    for _ in range(failures - 1):
        if length >= parameters.retry_max:
            break
        length *= 2
    return min(length, parameters.retry_max) * (1 - _JITTER * draw)


def settle(
    lines: Iterable[Line],
    answers: Mapping[DocumentKey, Answer],
    now: datetime,
    parameters: DispatchParameters,
    draw: float,
) -> Settlement:
    """What the answers to these lines change. Answers to other documents change nothing.

    Every decision counts, also one behind a document without any; the line pauses at its first document without one.
    """
    decisions: list[Decision] = []
    pauses: list[Pause] = []
    for line in lines:
        undecided: tuple[int, Trouble] | None = None
        for place, document in enumerate(line.documents):
            answer = answers.get(document.key)
            if answer is not None and answer.status.is_decision:
                decisions.append(Decision(document, answer))
            elif undecided is None:
                undecided = place, _trouble(answer)
        if undecided is not None:
            place, trouble = undecided
            pauses.append(pause(line.only(line.documents[place:]), trouble, now, parameters, draw))
    return Settlement(decisions=tuple(decisions), pauses=tuple(pauses))


def pause(line: Line, trouble: Trouble, now: datetime, parameters: DispatchParameters, draw: float) -> Pause:
    """The pause of a line whose first document met with trouble."""
    failures = line.failures + 1
    failing_since = line.failing_since or now
    is_late = failures >= parameters.tries or now - failing_since >= parameters.late_after
    return Pause(
        document=line.documents[0],
        trouble=trouble,
        failures=failures,
        failing_since=failing_since,
        next_attempt_at=now + backoff(failures, parameters, draw),
        is_news=is_late and not line.is_told,
        is_told=is_late or line.is_told,
    )


def _trouble(answer: Answer | None) -> Trouble:
    if answer is None:
        return Trouble(NO_ANSWER)
    said = f"{answer.code} {answer.text}".strip() if answer.code else answer.text
    return Trouble(answer.status.value, said)
