"""Runs fleets of virtual registers for a command and shows how they do."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from ofd_gateway.cli.context import fail, print_json
from ofd_gateway.cli.output import console
from ofd_gateway.loops import loop_factory
from ofd_gateway.simulator.open_files import TooFewFiles, make_room
from ofd_gateway.simulator.record import Recorder
from ofd_gateway.simulator.report import (
    mismatch_lines,
    progress_line,
    report_object,
    run_object,
    summary_lines,
    summary_rows,
)
from ofd_gateway.simulator.runner import RunReport, run_fleets
from ofd_gateway.simulator.scenario import shipped_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ofd_gateway.clock import Clock
    from ofd_gateway.simulator.order import FleetOrder, FleetReport, Progress

__all__ = ["run_and_show", "show_scenarios"]


def run_and_show(
    orders: Sequence[FleetOrder], *, scenario: str | None, record: Path | None, clock: Clock, as_json: bool
) -> bool:
    """Runs the fleets, prints the report, and says whether everything was as expected.

    Raises typer.Exit and typer.BadParameter for what the user can mend.
    """
    try:
        make_room(sum(order.registers for order in orders))
    except TooFewFiles as error:
        raise fail(str(error), code=2) from error
    report = _run(orders, scenario or "", record, clock)
    if as_json:
        print_json(run_object(report) if scenario else report_object(report.fleets[0]))
        return report.clean
    for fleet in report.fleets:
        if fleet.name:
            verdict = "как ожидалось / as expected" if fleet.clean else "НЕ КАК ОЖИДАЛОСЬ / NOT AS EXPECTED"
            typer.echo(f"{report.scenario}: {fleet.name}: {verdict}")
        if _on_terminal():
            _print_table(fleet)
        else:
            for line in summary_lines(fleet):
                typer.echo(line)
    return report.clean


def show_scenarios(*, as_json: bool) -> None:
    """Prints the shipped scenarios."""
    for scenario in shipped_scenarios():
        if as_json:
            print_json({"name": scenario.name, "title": scenario.title, "text": scenario.text})
            continue
        typer.echo(f"{scenario.name}: {scenario.title}")
        for line in scenario.text.splitlines():
            typer.echo(f"    {line}")


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _print_table(fleet: FleetReport) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary_rows(fleet):
        table.add_row(Text(name), Text(value))
    out = console()
    out.print(table)
    for line in mismatch_lines(fleet):
        out.print(line, style="red")


def _run(orders: Sequence[FleetOrder], scenario: str, record: Path | None, clock: Clock) -> RunReport:
    with ExitStack() as resources:
        try:
            recorder = resources.enter_context(Recorder(record)) if record is not None else None
        except OSError as error:
            raise typer.BadParameter(str(error), param_hint="--record") from error
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            try:
                return runner.run(_run_until_stopped(orders, scenario, recorder, clock))
            except OSError as error:
                raise fail(f"{record}: {error}") from error


async def _run_until_stopped(
    orders: Sequence[FleetOrder], scenario: str, recorder: Recorder | None, clock: Clock
) -> RunReport:
    """SIGINT and SIGTERM end the run in good order: shifts are closed, queues sent. A second one kills."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    interactive = sys.stderr.isatty()
    if sys.platform != "win32":
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, _stop_once, loop, signal_number, stop)
    try:
        return await run_fleets(
            orders,
            scenario=scenario,
            recorder=recorder,
            clock=clock,
            stop=stop,
            on_progress=_show_in_place if interactive else _show_line,
            progress_every_s=0.5 if interactive else 5.0,
        )
    finally:
        if interactive:
            typer.echo(err=True)


def _stop_once(loop: asyncio.AbstractEventLoop, signal_number: signal.Signals, stop: asyncio.Event) -> None:
    stop.set()
    loop.remove_signal_handler(signal_number)


def _show_in_place(fleets: Sequence[Progress]) -> None:
    typer.echo(f"\r\x1b[2K{progress_line(fleets)}", err=True, nl=False)


def _show_line(fleets: Sequence[Progress]) -> None:
    typer.echo(progress_line(fleets), err=True)
