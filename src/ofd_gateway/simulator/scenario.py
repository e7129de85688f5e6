"""Scenarios (сценарии): fleets that run together, written in TOML, with what is expected of the operator."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from ofd_gateway.durations import DurationError, parse_duration
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS
from ofd_gateway.simulator.order import DEFAULT_OPERATOR, FleetOrder
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.schedule import LoadStep, Outage
from ofd_gateway.simulator.shop import Operator
from ofd_gateway.simulator.till import Plan
from ofd_gateway.simulator.virtual_fn import DEFAULT_CAPACITY_DOCUMENTS, DEFAULT_KEY_DAYS

ANY_CODE = "any"


class ScenarioError(OfdGatewayError):
    """A scenario that is not there or has no sense; the message names file, fleet and key."""


class LoadSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """`{ rate = 20, for = "5s" }`: documents per second of the whole fleet."""

    rate: float
    for_: str | None = None


class OutageSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """`{ after = "3s", for = "4s" }`: without network, counted from the start."""

    after: str
    for_: str


class ExpectSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[fleet.expect]`: response codes (1022), and what is done with a document that cannot be read."""

    codes: tuple[int, ...] | Literal["any"] = (0,)
    unreadable: Literal["close", "code11"] = "close"


class FleetSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[fleet]]`: registers that are alike. Durations are written like `3s`, `2d`, with a minus for a past one."""

    name: str
    registers: int = 1
    ffd: tuple[str, ...] = ("1.05",)
    habits: tuple[str, ...] = ("keep-alive",)
    receipts: int | None = None
    duration: str | None = None
    load: tuple[LoadSection, ...] = ()
    outages: tuple[OutageSection, ...] = ()
    receipts_per_shift: int = 50
    correction_every: int = 40
    state_report_every: int = 30
    reregister_every_shifts: int = 0
    broken_every: int = 0
    close_fn: bool = False
    lose: float = 0.0
    key_days: int = DEFAULT_KEY_DAYS
    capacity: int = DEFAULT_CAPACITY_DOCUMENTS
    clock_error: str = "0s"
    expect: ExpectSection = ExpectSection()


class ScenarioFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file: what it shows, in Russian and in English, and its fleets."""

    title: str
    text: str
    fleet: tuple[FleetSection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is to be run, whatever the endpoint: `orders` makes the orders for one."""

    name: str
    title: str
    text: str
    fleets: tuple[FleetSection, ...]

    def orders(
        self,
        endpoint: Endpoint,
        *,
        seed: int = 1,
        operator: Operator = DEFAULT_OPERATOR,
        patience_s: float = 120.0,
    ) -> tuple[FleetOrder, ...]:
        """One order for each fleet, with seeds that follow one another, so that no two share a drive."""
        return tuple(
            self._order(fleet, endpoint, seed=seed + nth, operator=operator, patience_s=patience_s)
            for nth, fleet in enumerate(self.fleets)
        )

    def _order(
        self, fleet: FleetSection, endpoint: Endpoint, *, seed: int, operator: Operator, patience_s: float
    ) -> FleetOrder:
        codes = fleet.expect.codes
        try:
            return FleetOrder(
                name=fleet.name,
                endpoint=replace(
                    endpoint,
                    response_codes=None if codes == ANY_CODE else frozenset(map(int, codes)),
                    unreadable=fleet.expect.unreadable,
                ),
                registers=fleet.registers,
                plan=Plan(
                    receipts=fleet.receipts,
                    receipts_per_shift=fleet.receipts_per_shift,
                    correction_every=fleet.correction_every,
                    state_report_every=fleet.state_report_every,
                    reregister_every_shifts=fleet.reregister_every_shifts,
                    broken_every=fleet.broken_every,
                    closes_archive=fleet.close_fn,
                ),
                duration_s=None if fleet.duration is None else _span(fleet.duration).total_seconds(),
                load=tuple(
                    LoadStep(
                        rate_per_s=step.rate, for_s=None if step.for_ is None else _span(step.for_).total_seconds()
                    )
                    for step in fleet.load
                ),
                outages=tuple(
                    Outage(after_s=_span(one.after).total_seconds(), for_s=_span(one.for_).total_seconds())
                    for one in fleet.outages
                ),
                ffd_mix=tuple(Ffd(version) for version in fleet.ffd),
                habits=tuple(HABITS[name] for name in fleet.habits),
                key_days=fleet.key_days,
                capacity_documents=fleet.capacity,
                clock_error=_span(fleet.clock_error),
                seed=seed,
                operator=operator,
                lose_probability=fleet.lose,
                patience_s=patience_s,
            )
        except KeyError as error:
            known = ", ".join(HABITS)
            raise ScenarioError(f"{self.name}: fleet {fleet.name!r}: {error.args[0]!r} is none of {known}") from None
        except ValueError as error:
            raise ScenarioError(f"{self.name}: fleet {fleet.name!r}: {error}") from None


def shipped_scenarios() -> tuple[Scenario, ...]:
    """The scenarios that come with the package, by name."""
    folder = resources.files("ofd_gateway.simulator") / "scenarios"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(_parsed(name.removesuffix(".toml"), (folder / name).read_text("utf-8")) for name in names)


def find_scenario(name: str) -> Scenario:
    """A shipped scenario by its name, or the one in that file.

    Raises:
        ScenarioError: there is neither, or it has no sense.
    """
    for scenario in shipped_scenarios():
        if scenario.name == name:
            return scenario
    path = Path(name)
    try:
        return _parsed(path.stem, path.read_text("utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(scenario.name for scenario in shipped_scenarios())
        raise ScenarioError(f"{name}: no such scenario ({error}); shipped ones: {known}") from None


def _parsed(name: str, text: str, *, source: str | None = None) -> Scenario:
    source = source or name
    try:
        tree: dict[str, Any] = tomllib.loads(text)
        file = msgspec.convert(tree, ScenarioFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{source}: {error}") from None
    if not file.fleet:
        raise ScenarioError(f"{source}: a scenario has at least one fleet")
    scenario = Scenario(name=name, title=file.title, text=file.text.strip(), fleets=file.fleet)
    scenario.orders(Endpoint(host="127.0.0.1", port=1))
    return scenario


def _span(text: str) -> timedelta:
    """A duration, also a negative one (ValueError)."""
    sign = -1 if text.startswith("-") else 1
    if text == "0s":
        return timedelta()
    try:
        return sign * parse_duration(text.removeprefix("-"))
    except DurationError as error:
        raise ValueError(str(error)) from None
