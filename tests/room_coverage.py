"""A pytest plug-in (`-p tests.room_coverage`) that holds each room to its own share of covered branches.

pytest-cov knows one threshold for everything; here the rooms that read the wire need every branch and the rest nine
in ten. The table is part of pytest's summary and a room below its threshold fails the run. A run of some tests only
(paths, `-k`, `-m`) measures nothing useful and is not judged.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SOURCE = "src/ofd_gateway"
EVERY_BRANCH = (f"{SOURCE}/protocol/*", f"{SOURCE}/ffd/*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    name: str
    least_percent: float
    include: tuple[str, ...]
    omit: tuple[str, ...] = ()


THRESHOLDS = (
    Threshold(name="protocol, ffd", least_percent=100.0, include=EVERY_BRANCH),
    Threshold(name="every other room", least_percent=90.0, include=(f"{SOURCE}/*",), omit=EVERY_BRANCH),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    threshold: Threshold
    percent: float
    table: str

    @property
    def is_met(self) -> bool:
        # A hundred per cent that was rounded up is not a hundred.
        return round(self.percent, 4) >= self.threshold.least_percent


_OUTCOMES = pytest.StashKey[list[Outcome]]()


def measure(threshold: Threshold, data_file: str = ".coverage") -> Outcome:
    """The share of lines and branches covered, from the data file of a finished run."""
    measured = coverage.Coverage(data_file=data_file)
    measured.load()
    table = io.StringIO()
    percent = measured.report(include=list(threshold.include), omit=list(threshold.omit), file=table)
    return Outcome(threshold=threshold, percent=percent, table=table.getvalue())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Judges after pytest-cov, which is wrapped by this hook, has put its data together."""
    result = yield
    config = session.config
    if _is_whole_run(config) and not hasattr(config, "workerinput"):
        outcomes = [measure(threshold) for threshold in THRESHOLDS]
        config.stash[_OUTCOMES] = outcomes
        if not all(outcome.is_met for outcome in outcomes):
            session.testsfailed += 1
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Writes what is missing and one line for each threshold."""
    for outcome in config.stash.get(_OUTCOMES, []):
        threshold = outcome.threshold
        terminalreporter.section(f"coverage of {threshold.name}")
        terminalreporter.write(outcome.table)
        verdict = "met" if outcome.is_met else "MISSED"
        terminalreporter.write_line(
            f"{threshold.name}: {outcome.percent:.2f} %, threshold {threshold.least_percent:.0f} %: {verdict}",
            green=outcome.is_met,
            red=not outcome.is_met,
        )


def _is_whole_run(config: pytest.Config) -> bool:
    return not (config.option.keyword or config.option.markexpr or config.option.file_or_dir)
