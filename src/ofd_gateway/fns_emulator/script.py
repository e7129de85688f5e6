"""The script (сценарий): which documents and requests get another answer than they deserve. Written in TOML."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ofd_gateway.durations import DurationError, parse_duration
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.fns_emulator.contract import CODE_TEXTS, Status, Verdict

__all__ = [
    "SHORT_FORMS",
    "Fault",
    "Match",
    "Rule",
    "Script",
    "ScriptError",
    "ScriptedAnswer",
    "read_script",
    "short_rule",
]

Texts: TypeAlias = str | list[str]
Body: TypeAlias = Literal[
    "not_json", "wrong_shape", "truncated", "fewer_answers", "unknown_documents", "doubled_answers", "reversed",
    "unknown_status",
]  # fmt: skip
Drop: TypeAlias = Literal["before_reading", "after_reading", "after_processing"]

SHORT_FORMS: Final[dict[str, Status]] = {
    "--refuse": "refused",
    "--soft": "soft_quarantine",
    "--hard": "hard_quarantine",
}
"""Options of the command that stand for a rule."""

_BY_SCRIPT: Final = "по сценарию эмулятора / by the emulator's script"
_LARGEST_FD: Final = 0xFFFFFFFF
_LARGEST_CODE: Final = 0x7FFFFFFF
_LONGEST_CODE: Final = 10


class ScriptError(OfdGatewayError):
    """A script that cannot be played. The message says where; whoever wrote it mends it."""


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule is about; every condition that is given must hold.

    `inn` is the user's (1018); `fn` is a number or a prefix with `*`; `fd` a number or a range `10-20`, `10-`.
    `after` and `before` bound the time: a duration since the script was loaded (`10s`), or a moment with an offset
    (`2026-11-24T10:00:00+03:00`).
    `share` takes that part, drawn from the script's `seed`: of documents by their number, so that the same document
    always has the same luck, of requests one by one. Of what is left `first` takes the first so many, `nth` that one
    alone, `every` each so-manieth.
    """

    inn: Texts = ()  # type: ignore[assignment]  # nothing is asked
    fn: Texts = ()  # type: ignore[assignment]
    kind: Texts = ()  # type: ignore[assignment]
    fd: int | str | None = None
    after: str | None = None
    before: str | None = None
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    first: Annotated[int, Meta(ge=1)] | None = None
    nth: Annotated[int, Meta(ge=1)] | None = None
    every: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        _ = self.fds
        for moment in (self.after, self.before):
            since(moment, datetime.now(UTC))

    @property
    def asks_for_documents(self) -> bool:
        """Whether the request must have been read to tell."""
        return bool(self.inn or self.fn or self.kind or self.fd is not None)

    @property
    def fds(self) -> tuple[int, int]:
        """The first and the last FD number."""
        if self.fd is None:
            return 0, _LARGEST_FD
        if isinstance(self.fd, int):
            return self.fd, self.fd
        low, dash, high = self.fd.partition("-")
        if not dash or not low.isdecimal() or not (high.isdecimal() or not high):
            raise ValueError(f"fd = {self.fd!r} is no number and no range like 10-20 or 10-")
        return int(low), int(high or _LARGEST_FD)


class ScriptedAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The verdict on each matching document, without an examination.

    `postpone` answers so many times `postponed`; then the following rules and the examination decide. With `again`
    documents that were decided before are decided anew, so that a sender's second try can end better.
    """

    status: Status | None = None
    code: Annotated[int, Meta(ge=0, le=0x7FFFFFFF)] = 0
    text: str | None = None
    postpone: Annotated[int, Meta(ge=1)] | None = None
    again: bool = False

    def __post_init__(self) -> None:
        if (self.status is None) == (self.postpone is None):
            raise ValueError("an answer has either a status or postpone")
        if self.code and self.status in (None, "accepted", "postponed"):
            raise ValueError("a code goes with refused, soft_quarantine and hard_quarantine")

    @property
    def verdict(self) -> Verdict:
        """What the sender gets."""
        text = _BY_SCRIPT if self.text is None else self.text
        if self.text is None and self.code in CODE_TEXTS and self.code:
            text = f"{CODE_TEXTS[self.code]} ({_BY_SCRIPT})"
        return Verdict(status=self.status or "postponed", code=self.code, text=text)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong with a whole request in which some document matches.

    `http_status` answers so and takes nothing; `retry_after` goes with it. `drop` cuts the connection: before the
    body is read, before anything is taken, or after everything was taken and kept. `body` takes everything and
    spoils the answer. `delay` comes after the documents are taken and before anything leaves.
    """

    http_status: Annotated[int, Meta(ge=400, le=599)] | None = None
    retry_after: str | None = None
    drop: Drop | None = None
    body: Body | None = None
    delay: str | None = None

    def __post_init__(self) -> None:
        chosen = [name for name in ("http_status", "drop", "body") if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other")
        if not chosen and self.delay is None:
            raise ValueError("a fault has one of http_status, drop, body, delay")
        if self.retry_after is not None and self.http_status is None:
            raise ValueError("retry_after goes with http_status")
        if self.delay is not None and self.drop == "before_reading":
            raise ValueError("a delay does not go with drop = 'before_reading'")
        _ = self.delay_s, self.retry_after_s

    @property
    def delay_s(self) -> float:
        """Seconds before anything leaves."""
        return 0.0 if self.delay is None else _duration(self.delay).total_seconds()

    @property
    def retry_after_s(self) -> int | None:
        """Whole seconds for the header Retry-After, rounded up."""
        return None if self.retry_after is None else -int(-_duration(self.retry_after).total_seconds() // 1)

    @property
    def takes_documents(self) -> bool:
        """Whether the documents are decided and kept in spite of the fault."""
        return self.http_status is None and self.drop in (None, "after_processing")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either an answer to documents or a fault of requests, for what matches."""

    name: str = ""
    match: Match = msgspec.field(default_factory=Match)
    answer: ScriptedAnswer | None = None
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if (self.answer is None) == (self.fault is None):
            raise ValueError("a rule has either an answer or a fault")
        if self.fault is not None and self.fault.drop == "before_reading" and self.match.asks_for_documents:
            raise ValueError("nothing is known of the documents before the request is read")


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules in order: the first that matches decides. `seed` is what shares are drawn from."""

    seed: int = 0
    rule: list[Rule] = []


def read_script(text: bytes) -> Script:
    """The script written in TOML. Raises ScriptError with the line, or the place of what makes no sense."""
    try:
        return msgspec.convert(tomllib.loads(text.decode()), Script)
    except UnicodeDecodeError as error:
        raise ScriptError(f"the script is no UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ScriptError("the script is nested too deep") from None
    except (ValueError, msgspec.ValidationError) as error:
        # Beside its own error tomllib lets through what Python says of a number with too many digits.
        raise ScriptError(str(error)) from None


def short_rule(option: str, pair: str) -> Rule:
    """The rule of `--refuse FN:CODE` and the other SHORT_FORMS. Raises ScriptError for another form."""
    fn, colon, code = pair.partition(":")
    digits = fn.removesuffix("*")
    if not colon or not (digits or fn == "*") or (digits and not digits.isdecimal()) or not code.isdecimal():
        raise ScriptError(f"{pair!r} should be written FN:CODE, like 9999000007000000:420 or 9999*:507")
    if len(code) > _LONGEST_CODE or int(code) > _LARGEST_CODE:
        raise ScriptError(f"{pair!r}: the code is too large")
    return Rule(
        name=f"{option} {pair}", match=Match(fn=fn), answer=ScriptedAnswer(status=SHORT_FORMS[option], code=int(code))
    )


def since(moment: str | None, loaded_at: datetime) -> datetime | None:
    """The moment that `after` or `before` names. Raises ValueError for a text that is neither form."""
    if moment is None:
        return None
    try:
        named = datetime.fromisoformat(moment)
    except ValueError:
        try:
            return loaded_at + _duration(moment)
        except OverflowError:
            raise ValueError(f"{moment!r} is later than any moment") from None
    if named.tzinfo is None:
        raise ValueError(f"{moment!r} has no offset; write it like {named.isoformat()}+03:00")
    return named


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except DurationError as error:
        raise ValueError(str(error)) from None
