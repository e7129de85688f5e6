"""A script being played: counts what matched, and says what becomes of a document or a request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from ofd_gateway.fns_emulator.contract import Key, SentDocument, Verdict
from ofd_gateway.fns_emulator.script import Fault, Match, Rule, Script, since

__all__ = ["Decision", "Playbook", "ScriptedFault"]

_REMEMBERED_POSTPONED: Final = 100_000
_DICE_BYTES: Final = 8


class Decision(msgspec.Struct, frozen=True):
    """A verdict and the name of the rule that gave it."""

    verdict: Verdict
    rule: str


class ScriptedFault(msgspec.Struct, frozen=True):
    """A fault and the name of the rule that plays it."""

    fault: Fault
    rule: str


class Playbook:
    """One script from the moment it was loaded. Not kept over a restart: the counts begin anew."""

    def __init__(self, script: Script, *, loaded_at: datetime) -> None:
        self.script = script
        self._parts = [_Part(rule, number, script.seed, loaded_at) for number, rule in enumerate(script.rule, 1)]
        self._answers = [part for part in self._parts if part.rule.answer is not None]
        self._faults = [part for part in self._parts if part.rule.fault is not None]

    def fault_before_reading(self, now: datetime) -> ScriptedFault | None:
        """The fault that must be played before the request's body is read."""
        early = [part for part in self._faults if part.fault.drop == "before_reading"]
        return next((part.scripted for part in early if part.takes_request((), now)), None)

    def fault(self, documents: Sequence[SentDocument], now: datetime) -> ScriptedFault | None:
        """The first fault that some of the documents matches."""
        late = [part for part in self._faults if part.fault.drop != "before_reading"]
        return next((part.scripted for part in late if part.takes_request(documents, now)), None)

    def decide(self, sent: SentDocument, now: datetime, *, is_known: bool) -> Decision | None:
        """The first scripted answer to a document; only rules with `again` speak of one that was decided before."""
        for part in self._answers:
            answer = part.rule.answer
            assert answer is not None  # noqa: S101  these are the parts with one
            if is_known and not answer.again:
                continue
            if not part.takes_document(sent, now):
                continue
            if answer.postpone is None or part.postpones(sent.key, answer.postpone):
                return Decision(answer.verdict, part.name)
        return None


class _Part:
    """One rule and its counts."""

    def __init__(self, rule: Rule, number: int, seed: int, loaded_at: datetime) -> None:
        self.rule = rule
        self.name = rule.name or f"rule {number}"
        self._dice = f"{seed}/{number}"
        self._matched = 0
        self._drawn = 0
        self._postponed: dict[Key, int] = {}
        match = rule.match
        self._after, self._before = since(match.after, loaded_at), since(match.before, loaded_at)
        self._tests = _tests(match)

    @property
    def fault(self) -> Fault:
        assert self.rule.fault is not None  # noqa: S101  asked of faults only
        return self.rule.fault

    @property
    def scripted(self) -> ScriptedFault:
        return ScriptedFault(self.fault, self.name)

    def takes_document(self, sent: SentDocument, now: datetime) -> bool:
        is_about = self._is_time(now) and self._is_about(sent)
        return is_about and self._is_drawn("/".join(map(str, sent.key))) and self._is_counted()

    def takes_request(self, documents: Sequence[SentDocument], now: datetime) -> bool:
        if not self._is_time(now) or (self._tests and not any(map(self._is_about, documents))):
            return False
        self._drawn += 1
        return self._is_drawn(f"request {self._drawn}") and self._is_counted()

    def postpones(self, key: Key, times: int) -> bool:
        """Whether this document is postponed once more."""
        so_far = self._postponed.get(key, 0)
        if so_far >= times:
            return False
        if len(self._postponed) >= _REMEMBERED_POSTPONED and key not in self._postponed:
            del self._postponed[next(iter(self._postponed))]
        self._postponed[key] = so_far + 1
        return True

    def _is_time(self, now: datetime) -> bool:
        return (self._after is None or self._after <= now) and (self._before is None or now < self._before)

    def _is_about(self, sent: SentDocument) -> bool:
        return all(test(sent) for test in self._tests)

    def _is_drawn(self, what: str) -> bool:
        share = self.rule.match.share
        if share is None:
            return True
        draw = hashlib.blake2b(f"{self._dice}/{what}".encode(), digest_size=_DICE_BYTES).digest()
        return int.from_bytes(draw, "big") < share * 256**_DICE_BYTES

    def _is_counted(self) -> bool:
        self._matched += 1
        match, number = self.rule.match, self._matched
        return (
            (match.first is None or number <= match.first)
            and (match.nth is None or number == match.nth)
            and (match.every is None or number % match.every == 0)
        )


def _tests(match: Match) -> list[Callable[[SentDocument], bool]]:
    tests: list[Callable[[SentDocument], bool]] = []
    inns, kinds = _listed(match.inn), _listed(match.kind)
    fns = _listed(match.fn)
    exact = frozenset(fn for fn in fns if not fn.endswith("*"))
    prefixes = tuple(fn.removesuffix("*") for fn in fns if fn.endswith("*"))
    if fns:
        tests.append(lambda sent: sent.fn in exact or sent.fn.startswith(prefixes))
    if match.fd is not None:
        low, high = match.fds
        tests.append(lambda sent: low <= sent.fd <= high)
    if kinds:
        tests.append(lambda sent: sent.kind in kinds)
    if inns:
        tests.append(lambda sent: _inn(sent) in inns)
    return tests


def _listed(texts: str | Sequence[str]) -> frozenset[str]:
    return frozenset((texts,) if isinstance(texts, str) else texts)


def _inn(sent: SentDocument) -> str | None:
    inn = sent.body.get("userInn")
    return inn.strip() if isinstance(inn, str) else None
