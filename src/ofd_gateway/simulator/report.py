"""How a run of the fleet is shown: one line of progress, a summary for people, an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ofd_gateway.simulator.fn_document import DocumentCode

if TYPE_CHECKING:
    from ofd_gateway.simulator.fleet import FleetReport, Progress
    from ofd_gateway.simulator.latency import LatencyHistogram

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
SHOWN_MISMATCHES = 20

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

    clean: bool
    registers: int
    seed: int
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
    given_up: bool
    mismatches: int
    first_mismatches: list[MismatchObject]
    duration_s: float
    per_second: float
    latency_ms: dict[str, float | None]


def progress_line(progress: Progress) -> str:
    """One line: how long, how many, how fast, what waits, what went wrong."""
    tally, elapsed_s = progress.tally, max(progress.elapsed_s, 1e-9)
    p50, p99 = tally.latency.percentile_ms(50), tally.latency.percentile_ms(99)
    return (
        f"{elapsed_s:6.1f} с  подтверждено / confirmed {tally.confirmed_count} "
        f"({tally.confirmed_count / elapsed_s:.0f}/с)  "
        f"в очереди / queued {progress.unconfirmed}  повторы / resent {tally.resent}  "
        f"p50 {_ms(p50)}  p99 {_ms(p99)}  расхождения / mismatches {tally.mismatch_count}"
    )


def summary_lines(report: FleetReport) -> list[str]:
    """The summary for people, Russian with English beside it; the mismatches come last, one a line."""
    tally = report.tally
    kinds = ", ".join(f"{_KINDS[code]} {count}" for code, count in sorted(tally.confirmed.items()))
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(tally.response_codes.items()))
    shown = latencies_ms(tally.latency)
    rows = [
        ("кассы / registers", str(report.registers)),
        ("подтверждено / confirmed", f"{tally.confirmed_count} ({kinds or '-'})"),
        ("не подтверждено / unconfirmed", str(report.unconfirmed)),
        ("коды ответа / response codes", codes or "-"),
        ("время / duration", f"{report.duration_s:.2f} с"),
        ("в секунду / per second", f"{_per_second(report):.0f}"),
        ("ожидание ответа / latency", "  ".join(f"{name} {_ms(value)}" for name, value in shown.items())),
        ("соединения / connections", f"{tally.connections} (не удались / failed {tally.failed_connections})"),
        (
            "повторы / resent",
            f"{tally.resent} (нарочно / on purpose {tally.lost_on_purpose}, поздно / overdue {tally.overdue})",
        ),
        ("остановились / stuck registers", str(tally.stuck_registers)),
        ("расхождения / mismatches", str(tally.mismatch_count)),
    ]
    lines = [f"{name:<34}{value}" for name, value in rows]
    lines += [f"  {mismatch}" for mismatch in tally.mismatches[:SHOWN_MISMATCHES]]
    if tally.mismatch_count > SHOWN_MISMATCHES:
        lines.append(f"  … и ещё / and {tally.mismatch_count - SHOWN_MISMATCHES} more")
    if report.given_up:
        lines.append("Прервано: слишком долго ни одного подтверждения. / Given up: nothing was confirmed for too long.")
    return lines


def report_object(report: FleetReport) -> ReportObject:
    """The report for programs."""
    tally = report.tally
    return ReportObject(
        clean=report.clean,
        registers=report.registers,
        seed=report.seed,
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


def _per_second(report: FleetReport) -> float:
    return report.tally.confirmed_count / max(report.duration_s, 1e-9)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} мс" if value < 100 else f"{value:.0f} мс"
