"""Alerts on one line each, for programs and for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.cli.output import console, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage.alerts import AlertRecord

__all__ = ["STATES", "line", "moment", "print_table"]

STATES: Final = {
    "firing": "активно / firing",
    "acked": "принято / acknowledged",
    "silenced": "заглушено / silenced",
    "resolved": "закрыто / resolved",
}
_STYLES: Final = {"acked": "dim", "silenced": "dim", "resolved": "green"}


def line(record: AlertRecord, now: datetime) -> dict[str, Any]:
    """The alert as `alerts list --json` prints it."""
    return record.line(now)


def moment(at: datetime) -> str:
    """The moment by this machine's clock."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def print_table(records: list[AlertRecord], now: datetime) -> None:
    """A table for people."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        sys.stderr.write("уведомлений нет / no alerts\n")
        return
    table = Table(title="Уведомления / alerts", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True, justify="right")
    for name in ("состояние / state", "правило / rule", "порог / level", "предмет / subject", "клиент / customer"):
        table.add_column(name, no_wrap=True)
    for name in ("открыто / opened", "закрыто / resolved"):
        table.add_column(name, no_wrap=True)
    for record in records:
        state = record.state(now)
        cells = (
            str(record.id),
            STATES[state],
            record.rule,
            record.level + ("!" if record.critical else ""),
            printable(record.subject),
            record.customer or "",
            moment(record.opened_at),
            "" if record.resolved_at is None else moment(record.resolved_at),
        )
        style = _STYLES.get(state, "red" if record.critical else "yellow")
        table.add_row(*map(Text, cells), style=style)
    console().print(table)
