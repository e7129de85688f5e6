"""The desk: decides the documents of one request and keeps them before anybody is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from ofd_gateway.clock import Clock
from ofd_gateway.fns_emulator.archive import Archive, KeptHead, Record
from ofd_gateway.fns_emulator.contract import OTHER_CONTENT, Answer, Key, SentDocument, Verdict
from ofd_gateway.fns_emulator.examination import examine, refusal
from ofd_gateway.fns_emulator.memory import Known, Memory, shared_verdict
from ofd_gateway.fns_emulator.order import Breach, OrderWatch, Outcome
from ofd_gateway.fns_emulator.playbook import Playbook

__all__ = ["Desk", "Handled", "Treatment"]

_WAITS: Final = Verdict(
    status="postponed",
    text="ждёт предыдущего документа этого ФН / waits for the document of this FN before it",
)


class Treatment(msgspec.Struct, frozen=True):
    """What was done with one document: the verdict, how it came about and the rule of the script behind it."""

    sent: SentDocument
    verdict: Verdict
    outcome: Outcome
    rule: str | None = None
    is_new: bool = False


class Handled(msgspec.Struct, frozen=True):
    """A request that was dealt with."""

    treatments: list[Treatment]
    breaches: list[Breach]

    @property
    def answers(self) -> list[Answer]:
        """One answer for each document, in the order of the request."""
        return [
            Answer(
                fn=one.sent.fn,
                generation=one.sent.generation,
                fd=one.sent.fd,
                status=one.verdict.status,
                code=one.verdict.code,
                text=one.verdict.text,
            )
            for one in self.treatments
        ]


class Desk:
    """Everything that outlives a request: what was decided, what is watched, what is kept."""

    def __init__(
        self, *, clock: Clock, playbook: Playbook, memory: Memory, watch: OrderWatch, archive: Archive
    ) -> None:
        self.playbook = playbook
        self.watch = watch
        self.archive = archive
        self._clock = clock
        self._memory = memory

    def recall(self, kept: KeptHead) -> None:
        """A document of an earlier run, which is known from now on."""
        verdict = kept.answer
        known = Known(kept.sign, shared_verdict(verdict.status, verdict.code, verdict.text))
        outcome: Outcome = "decided" if self._memory.get(kept.key) is None else "repeat"
        self._memory.put(kept.key, known)
        self.watch.note(kept.fn, kept.generation, kept.fd, outcome, verdict.status)

    def handle(self, documents: Sequence[SentDocument]) -> Handled:
        """Decides each document, keeps the new ones, and only then remembers them.

        Raises KeepFailed when they cannot be kept: nothing is remembered and no answer may leave.
        """
        now = self._clock.now()
        fresh: dict[Key, Known] = {}
        held: set[str] = set()
        treatments = []
        for sent in documents:
            treatment = Treatment(sent, _WAITS, "postponed") if sent.fn in held else self._treat(sent, fresh, now)
            if treatment.verdict.status == "postponed":
                held.add(sent.fn)
            elif treatment.is_new:
                verdict = treatment.verdict
                fresh[sent.key] = Known(sent.sign, shared_verdict(verdict.status, verdict.code, verdict.text))
            treatments.append(treatment)
        records = [_record(treatment, now) for treatment in treatments if treatment.is_new]
        if records:
            self.archive.append(records)
        for key, known in fresh.items():
            self._memory.put(key, known)
        return Handled(treatments, self._noted(treatments))

    def _treat(self, sent: SentDocument, fresh: dict[Key, Known], now: datetime) -> Treatment:
        known = fresh.get(sent.key) or self._memory.get(sent.key)
        if known is not None and known.sign != sent.sign:
            return Treatment(sent, refusal(OTHER_CONTENT, f"messageFiscalSign {known.sign}"), "conflict")
        decision = self.playbook.decide(sent, now, is_known=known is not None)
        if decision is None:
            if known is not None:
                return Treatment(sent, known.verdict, "repeat")
            return Treatment(sent, examine(sent, now=now), "decided", is_new=True)
        if decision.verdict.status == "postponed":
            return Treatment(sent, decision.verdict, "postponed", decision.rule)
        outcome: Outcome = "decided" if known is None else "repeat"
        return Treatment(sent, decision.verdict, outcome, decision.rule, is_new=True)

    def _noted(self, treatments: Sequence[Treatment]) -> list[Breach]:
        noted = (
            self.watch.note(one.sent.fn, one.sent.generation, one.sent.fd, one.outcome, one.verdict.status)
            for one in treatments
        )
        return [breach for breach in noted if breach is not None]


def _record(treatment: Treatment, now: datetime) -> Record:
    sent = treatment.sent
    return Record(
        kept_at=now,
        fn=sent.fn,
        generation=sent.generation,
        fd=sent.fd,
        ffd=sent.ffd,
        kind=sent.kind,
        received_at=sent.received_at,
        answer=treatment.verdict,
        rule=treatment.rule,
        document=sent.document,
    )
