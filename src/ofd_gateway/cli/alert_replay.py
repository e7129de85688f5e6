"""`alerts replay`: today's rules over stored documents, for nobody but whoever asked."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli import values
from ofd_gateway.cli.alert_lines import moment
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    parse_moment,
    present,
    with_directory,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage import Database, Directory
    from ofd_gateway.storage.alert_records import Finding
    from ofd_gateway.storage.replay import Replayed

__all__ = ["replay"]


def replay(
    since: Annotated[str, typer.Option(metavar="T", help="Documents that arrived since: 2026-01-31, 45d.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="T", help="And before; time passes until then. Now by default.", show_default=False),
    ] = None,
    fn: Annotated[str | None, typer.Option(help="Only this FN.", show_default=False)] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="INN", help="Only what concerns this INN.", show_default=False)
    ] = None,
    thresholds: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Another threshold: register_silent.after=12h,24h; repeatable.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Что нашли бы правила в принятых документах. / What the rules would have found in stored documents."""
    from ofd_gateway.storage.replay import replay as run

    begin, end = (parse_moment(moment, lambda: present(config, state_dir)) for moment in (since, until))
    overrides = values.overrides(thresholds or [])

    async def work(opened: Database, directory: Directory, now: datetime) -> Replayed:
        assert begin is not None  # noqa: S101  `--since` is required
        return await run(opened, directory, since=begin, until=end or now, fn=fn, overrides=overrides)

    replayed = with_directory(work, config=config, database=database, state_dir=state_dir)
    findings = [finding for finding in replayed.findings if customer is None or finding.customer_inn == customer]
    if as_json:
        for finding in findings:
            print_json(_line(finding, replayed.customers))
    elif findings:
        _print_table(findings, replayed.customers)
    _print_summary(findings, replayed)


def _line(finding: Finding, customers: frozenset[str]) -> dict[str, Any]:
    change = finding.change
    return {
        "at": change.at.isoformat(),
        "kind": change.kind.value,
        "type": change.type.value,
        "rule": change.rule,
        "level": change.level.name,
        "subject": change.subject.id,
        "customer": finding.customer_inn if finding.customer_inn in customers else None,
        "facts": change.facts,
    }


def _print_table(findings: list[Finding], customers: frozenset[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Нашли бы / would have been found", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (
        "время / at",
        "что / kind",
        "правило / rule",
        "порог / level",
        "предмет / subject",
        "клиент / customer",
    ):
        table.add_column(name, no_wrap=True)
    for finding in findings:
        change, line = finding.change, _line(finding, customers)
        cells = (
            moment(change.at),
            line["kind"],
            line["rule"],
            line["level"] + ("!" if change.level.critical else ""),
            printable(line["subject"]),
            line["customer"] or "",
        )
        style = "green" if line["kind"] == "resolved" else "red" if change.level.critical else "yellow"
        table.add_row(*map(Text, cells), style=style)
    console().print(table)


def _print_summary(findings: list[Finding], replayed: Replayed) -> None:
    sys.stderr.write(f"документов / documents: {replayed.documents}, касс / registers: {replayed.watches}\n")
    counts = Counter((finding.change.rule, finding.change.kind.value) for finding in findings)
    for rule in sorted({rule for rule, _ in counts}):
        kinds = ", ".join(f"{kind} {counts[rule, kind]}" for kind in ("opened", "raised", "resolved"))
        sys.stderr.write(f"{rule}: {kinds}\n")
    if not findings:
        sys.stderr.write("правила ничего не нашли бы / the rules would have found nothing\n")
    for watch, failure in replayed.failures:
        sys.stderr.write(printable(f"{watch}: {failure.rule}: {failure.error!r}") + "\n")
