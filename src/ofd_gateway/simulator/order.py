"""What a fleet of virtual registers is to do, and how it went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS, Habit
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.schedule import LoadStep, Outage, Schedule
from ofd_gateway.simulator.shop import Operator
from ofd_gateway.simulator.till import Plan
from ofd_gateway.simulator.virtual_fn import DEFAULT_CAPACITY_DOCUMENTS, DEFAULT_KEY_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.simulator.refusal import Refusal
    from ofd_gateway.simulator.tally import Tally

DEFAULT_OPERATOR = Operator(inn="7704211201", name="ofd-gateway")
DEFAULT_PLAN = Plan(receipts=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOrder:
    """What the fleet is to do.

    A run ends when every register has done `plan` (its receipts are given), or after `duration_s`, when shifts
    are closed and queues are sent. Without any confirmation for `patience_s` it is given up.
    """

    endpoint: Endpoint
    name: str = ""
    registers: int = 1
    plan: Plan = DEFAULT_PLAN
    duration_s: float | None = None
    rate_per_s: float | None = None
    """Documents per second of the whole fleet, sent when they are due and not when the last one was answered."""
    load: Sequence[LoadStep] = ()
    """Rates that follow one another, instead of one; a last one with a duration ends the run."""
    outages: Sequence[Outage] = ()
    """Times without network, after which everybody comes back at once with what was sold meanwhile."""
    ffd_mix: Sequence[Ffd] = (Ffd.V1_05,)
    """Formats, dealt to the registers in turn."""
    habits: Sequence[Habit] = (HABITS["keep-alive"],)
    """Habits, dealt to the registers in turn."""
    key_days: int = DEFAULT_KEY_DAYS
    capacity_documents: int = DEFAULT_CAPACITY_DOCUMENTS
    clock_error: timedelta = timedelta()
    """How far the registers' wall clocks are ahead."""
    seed: int = 1
    operator: Operator = DEFAULT_OPERATOR
    prebuilt: bool = False
    """Builds every document before the clock starts; needs a number of receipts."""
    lose_probability: float = 0.0
    """Share of confirmations thrown away on arrival so that the document is sent again."""
    patience_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuses orders that cannot end or contradict themselves (ValueError)."""
        if self.registers < 1:
            raise ValueError("a fleet has at least one register")
        if self.rate_per_s is not None and self.load:
            raise ValueError("a run has one rate or a load of several, not both")
        if self.ends_s is None and self.plan.receipts is None:
            raise ValueError("a run needs a number of receipts or a duration")
        if self.prebuilt and self.plan.receipts is None:
            raise ValueError("documents can be built in advance only when their number is known")
        if self.prebuilt and self.duration_s is not None:
            raise ValueError("documents built in advance are all sent: a duration does not end such a run")
        if self.prebuilt and self.outages:
            raise ValueError("documents built in advance are not sold during an outage")
        if any(outage.after_s < 0 or outage.for_s <= 0 for outage in self.outages):
            raise ValueError("an outage begins after the start and lasts a while")
        if not self.ffd_mix or not self.habits:
            raise ValueError("a fleet needs at least one format and one habit")

    @property
    def schedule(self) -> Schedule | None:
        """When documents are due; None when each follows the answer to the one before."""
        steps = self.load or (() if self.rate_per_s is None else (LoadStep(rate_per_s=self.rate_per_s),))
        return Schedule(steps) if steps else None

    @property
    def ends_s(self) -> float | None:
        """When the run ends whatever is left of the plan; None when only the plan ends it."""
        if self.duration_s is not None:
            return self.duration_s
        schedule = self.schedule
        return None if schedule is None else schedule.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """How the run went."""

    tally: Tally
    registers: int
    seed: int
    unconfirmed: int
    """Documents still in the drives' queues."""
    duration_s: float
    given_up: bool
    """Nothing was confirmed for too long."""
    name: str = ""
    open_loop: bool = False
    """Latencies count from the moment a document was due, not from when it was sent."""
    refusals: Counter[Refusal] = field(default_factory=Counter)
    """What the drives refused."""

    @property
    def clean(self) -> bool:
        """Every document was confirmed and every confirmation was right."""
        return not self.tally.mismatch_count and not self.unconfirmed


@dataclass(slots=True, kw_only=True)
class Progress:
    """A look at a running fleet."""

    tally: Tally
    elapsed_s: float
    unconfirmed: int = field(default=0)
    done: float | None = None
    """Share of the run that is over; None when nobody can know."""
