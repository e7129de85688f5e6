"""How a run of fleets is shown: one line of progress, a summary for people, an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ofd_gateway.simulator.fn_document import DocumentCode
from ofd_gateway.simulator.latency import LatencyHistogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.simulator.order import FleetReport, Progress
    from ofd_gateway.simulator.runner import RunReport

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
SHOWN_MISMATCHES = 20
BAR_CELLS = 20

_KINDS = {
    DocumentCode.REGISTRATION: "fiscalReport",
    DocumentCode.REGISTRATION_CHANGED: "fiscalReportCorrection",
    DocumentCode.SHIFT_OPENED: "openShift",
    DocumentCode.STATE_REPORT: "currentStateReport",
    DocumentCode.RECEIPT: "receipt",
    DocumentCode.CORRECTION: "receiptCorrection",
    DocumentCode.BSO: "bso",
    DocumentCode.BSO_CORRECTION: "bsoCorrection",
    DocumentCode.SHIFT_CLOSED: "closeShift",
    DocumentCode.ARCHIVE_CLOSED: "closeArchive",
}


class MismatchObject(TypedDict):
    """One mismatch as JSON shows it."""

    fn: str
    fd: int
    rule: str
    field: str
    offset: int
    found: str
    expected: str


class ReportObject(TypedDict):
    """The report as `--json` prints it; times in the units their names say."""

    name: str
    clean: bool
    registers: int
    seed: int
    open_loop: bool
    confirmed: int
    unconfirmed: int
    by_kind: dict[str, int]
    by_response_code: dict[str, int]
    resent: int
    lost_on_purpose: int
    overdue: int
    connections: int
    failed_connections: int
    stuck_registers: int
    held_registers: int
    unreadable: int
    missed: int
    refused_by_fn: dict[str, int]
    given_up: bool
    mismatches: int
    first_mismatches: list[MismatchObject]
    duration_s: float
    per_second: float
    latency_ms: dict[str, float | None]


class RunObject(TypedDict):
    """The report of a scenario as `--json` prints it."""

    scenario: str
    clean: bool
    fleets: list[ReportObject]


def progress_line(fleets: Sequence[Progress]) -> str:
    """One line about all fleets: how far, how long, how many, how fast, what waits, what went wrong."""
    elapsed_s = max([1e-9, *(fleet.elapsed_s for fleet in fleets)])
    confirmed = sum(fleet.tally.confirmed_count for fleet in fleets)
    latency = LatencyHistogram.merged(fleet.tally.latency for fleet in fleets)
    return (
        f"{_bar(fleets)}{elapsed_s:6.1f} с  подтверждено / confirmed {confirmed} ({confirmed / elapsed_s:.0f}/с)  "
        f"в очереди / queued {sum(fleet.unconfirmed for fleet in fleets)}  "
        f"повторы / resent {sum(fleet.tally.resent for fleet in fleets)}  "
        f"p50 {_ms(latency.percentile_ms(50))}  p99 {_ms(latency.percentile_ms(99))}  "
        f"расхождения / mismatches {sum(fleet.tally.mismatch_count for fleet in fleets)}"
    )


def summary_rows(report: FleetReport) -> list[tuple[str, str]]:
    """Name and value of what is worth knowing, Russian with English beside it; without the mismatches themselves."""
    tally = report.tally
    kinds = ", ".join(f"{_KINDS[code]} {count}" for code, count in sorted(tally.confirmed.items()))
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(tally.response_codes.items()))
    shown = latencies_ms(tally.latency)
    counted_from = "от срока / since due" if report.open_loop else "от отправки / since sent"
    rows = [
        ("кассы / registers", str(report.registers)),
        ("подтверждено / confirmed", f"{tally.confirmed_count} ({kinds or '-'})"),
        ("не подтверждено / unconfirmed", str(report.unconfirmed)),
        ("коды ответа / response codes", codes or "-"),
        ("время / duration", f"{report.duration_s:.2f} с"),
        ("в секунду / per second", f"{_per_second(report):.0f}"),
        ("ожидание ответа / latency", "  ".join(f"{name} {_ms(value)}" for name, value in shown.items())),
        ("отсчёт / counted", counted_from),
        ("соединения / connections", f"{tally.connections} (не удались / failed {tally.failed_connections})"),
        (
            "повторы / resent",
            f"{tally.resent} (нарочно / on purpose {tally.lost_on_purpose}, поздно / overdue {tally.overdue})",
        ),
        ("остановились / stuck registers", str(tally.stuck_registers)),
        ("расхождения / mismatches", str(tally.mismatch_count)),
    ]
    if tally.missed:
        rows.append(("не успели отправить / missed", f"{tally.missed} (в задержках учтены / counted as latency)"))
    if tally.unreadable:
        rows.append(
            (
                "нечитаемые / unreadable",
                f"{tally.unreadable}, реакция верна / as expected; очередь стоит / held {tally.held_registers}",
            )
        )
    if report.refusals:
        refused = ", ".join(f"{one.value:02X}h {one.name.lower()} {count}" for one, count in report.refusals.items())
        rows.append(("отказы ФН / refused by the FN", refused))
    return rows


def mismatch_lines(report: FleetReport) -> list[str]:
    """The first mismatches, one a line, and why the run was given up, if it was."""
    tally = report.tally
    lines = [f"  {mismatch}" for mismatch in tally.mismatches[:SHOWN_MISMATCHES]]
    if tally.mismatch_count > SHOWN_MISMATCHES:
        lines.append(f"  … и ещё / and {tally.mismatch_count - SHOWN_MISMATCHES} more")
    if report.given_up:
        lines.append("Прервано: слишком долго ни одного подтверждения. / Given up: nothing was confirmed for too long.")
    return lines


def summary_lines(report: FleetReport) -> list[str]:
    """The summary as plain lines."""
    return [*(f"{name:<34}{value}" for name, value in summary_rows(report)), *mismatch_lines(report)]


def run_object(report: RunReport) -> RunObject:
    """The report of a scenario for programs."""
    return RunObject(
        scenario=report.scenario, clean=report.clean, fleets=[report_object(fleet) for fleet in report.fleets]
    )


def report_object(report: FleetReport) -> ReportObject:
    """The report for programs."""
    tally = report.tally
    return ReportObject(
        name=report.name,
        clean=report.clean,
        registers=report.registers,
        seed=report.seed,
        open_loop=report.open_loop,
        confirmed=tally.confirmed_count,
        unconfirmed=report.unconfirmed,
        by_kind={_KINDS[code]: count for code, count in sorted(tally.confirmed.items())},
        by_response_code={str(code): count for code, count in sorted(tally.response_codes.items())},
        resent=tally.resent,
        lost_on_purpose=tally.lost_on_purpose,
        overdue=tally.overdue,
        connections=tally.connections,
        failed_connections=tally.failed_connections,
        stuck_registers=tally.stuck_registers,
        held_registers=tally.held_registers,
        unreadable=tally.unreadable,
        missed=tally.missed,
        refused_by_fn={refusal.name.lower(): count for refusal, count in report.refusals.items()},
        given_up=report.given_up,
        mismatches=tally.mismatch_count,
        first_mismatches=[
            MismatchObject(
                fn=mismatch.fn,
                fd=mismatch.fd,
                rule=mismatch.rule.name.lower(),
                field=mismatch.field,
                offset=mismatch.offset,
                found=mismatch.found,
                expected=mismatch.expected,
            )
            for mismatch in tally.mismatches
        ],
        duration_s=round(report.duration_s, 3),
        per_second=round(_per_second(report), 1),
        latency_ms=latencies_ms(tally.latency),
    )


def latencies_ms(latency: LatencyHistogram) -> dict[str, float | None]:
    """Percentiles and maximum in milliseconds, None while nothing was measured."""
    shown = {f"p{percent:g}": latency.percentile_ms(percent) for percent in PERCENTILES}
    shown["max"] = latency.max_ms
    return shown


def _bar(fleets: Sequence[Progress]) -> str:
    """How far the least advanced fleet is; nothing when that cannot be known."""
    shares = [fleet.done for fleet in fleets if fleet.done is not None]
    if not shares:
        return ""
    filled = round(min(shares) * BAR_CELLS)
    return f"[{'█' * filled}{'·' * (BAR_CELLS - filled)}] {min(shares):4.0%} "


def _per_second(report: FleetReport) -> float:
    return report.tally.confirmed_count / max(report.duration_s, 1e-9)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} мс" if value < 100 else f"{value:.0f} мс"
