"""What a soak is to do: how long, how much load, which faults, and how far its figures may go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final

__all__ = ["FAULT_KINDS", "FaultKind", "SoakOrder", "order_of"]

_FAULTED_SHARE: Final = 2 / 3
_LONGEST_ROUND_S: Final = 60.0


class FaultKind(Enum):
    """What is done to the gateway and to what it stands on."""

    WORKER = "worker"
    """SIGKILL to one worker; the supervisor replaces it."""
    GATEWAY = "gateway"
    """SIGKILL to the supervisor, which takes its workers along; the gateway is started again."""
    BACKEND = "backend"
    """SIGKILL to a process of PostgreSQL that serves one connection; the server ends all of them and recovers."""
    POSTMASTER = "postmaster"
    """SIGKILL to PostgreSQL's main process; the supervisor brings it back."""
    EMULATOR = "emulator"
    """SIGKILL to the tax service's side, which comes back after a while with what it kept."""
    RELOAD = "reload"
    """SIGHUP: all workers are replaced, one after another."""
    LINKS = "links"
    """Connections to the database stall, are cut before and after statements, and are reset."""


FAULT_KINDS: Final = tuple(FaultKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakOrder:
    """The whole order; `order_of` makes one for so many minutes."""

    seed: int
    """Decides what is done and when, and who the registers are."""
    rounds: int = 10
    """Rounds in which faults happen."""
    round_s: float = _LONGEST_ROUND_S
    calm_rounds: int = 5
    """Rounds after those in which nothing happens but load; memory is compared over all but the first."""
    calm_round_s: float = _LONGEST_ROUND_S
    registers: int = 40
    rate_per_s: float = 150.0
    """Documents a second of these registers together."""
    passing_registers: int = 4
    """Registers that each round brings with it: they sell a little and close their FN."""
    passing_receipts: int = 30
    skipping_registers: int = 4
    """Registers that send a document before the one ahead of it, so that numbers are missing for a while."""
    pause_s: tuple[float, float] = (2.0, 7.0)
    """Between two faults."""
    least_faults: int = 1
    """Of one round, however short it is."""
    gap_after: timedelta = timedelta(seconds=3)
    """How long a missing number is no gap."""
    shift_after: timedelta = timedelta(seconds=20)
    """How long a shift may be open."""
    growth_share: float = 0.05
    growth_mb: float = 10.0
    """Memory of gateway and workers may grow by this share and so many MB over the calm rounds."""

    @property
    def receipts_per_shift(self) -> int:
        """So many that a shift lasts a little longer than it may."""
        return max(5, round(1.5 * self.shift_after.total_seconds() * self.rate_per_s / self.registers))

    @property
    def fn_capacity(self) -> int:
        """So few that the FNs of the registers are full by the end."""
        seconds = self.rounds * self.round_s + self.calm_rounds * self.calm_round_s
        return max(20, round(seconds * self.rate_per_s / self.registers))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFigures:
    """How one round went; `findings` are what the judge found wrong after it."""

    number: int
    calm: bool
    seconds: float
    confirmed: int
    """Documents confirmed within the round."""
    stored: int
    """Documents in the database at its end."""
    faults: tuple[FaultKind, ...] = ()
    memory_mb: float = 0.0
    descriptors: int = 0
    findings: tuple[str, ...] = field(default=())

    @property
    def per_second(self) -> float:
        """Confirmed documents a second."""
        return self.confirmed / max(self.seconds, 1e-9)


def order_of(*, minutes: float, seed: int, rounds: int = 10) -> SoakOrder:
    """An order that takes about so long: two thirds of it with faults, the rest calm. Raises ValueError."""
    if minutes <= 0 or rounds < 1:
        raise ValueError("a soak has at least one round and takes some time")
    round_s = min(_LONGEST_ROUND_S, minutes * 60 * _FAULTED_SHARE / rounds)
    calm_s = minutes * 60 - rounds * round_s
    calm_rounds = max(3, round(calm_s / _LONGEST_ROUND_S))
    return SoakOrder(
        seed=seed, rounds=rounds, round_s=round_s, calm_rounds=calm_rounds, calm_round_s=calm_s / calm_rounds
    )
