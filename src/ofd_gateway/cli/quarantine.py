"""`ofd-gateway quarantine`: messages that were not accepted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    LimitOption,
    StateDirOption,
    fail,
    parse_moment,
    present,
    with_database,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, QuarantineRecord

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Карантин / messages that were not accepted.")


@app.command("list")
def list_quarantine(
    fn: Annotated[str | None, typer.Option(help="Only this FN.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Arrived since: 2026-01-31, 24h.", show_default=False)
    ] = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Сообщения в порядке поступления. / Messages in the order of arrival."""
    from ofd_gateway.storage import DocumentStore

    moment = parse_moment(since, lambda: present(config, state_dir))

    async def work(opened: Database, _settings: Settings) -> list[QuarantineRecord]:
        return await DocumentStore(opened).list_quarantine(fn=fn, since=moment, limit=limit)

    records = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for record in records:
            print_json(_line(record))
    else:
        _print_table(records)


@app.command("show")
def show_quarantined(
    number: Annotated[int, typer.Argument(min=0, max=2**63 - 1, metavar="ID", help="Number from the list.")],
    as_hex: Annotated[bool, typer.Option("--hex", help="Only the bytes as received.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Одно сообщение: причина, байты, разбор. / One message: the reason, the bytes, what can be read of them."""
    from ofd_gateway.storage import DocumentStore

    if as_hex and as_json:
        raise typer.BadParameter("--hex and --json exclude each other")

    async def work(opened: Database, _settings: Settings) -> list[QuarantineRecord]:
        return await DocumentStore(opened).list_quarantine(id_=number)

    records = with_database(work, config=config, database=database, state_dir=state_dir)
    if not records:
        raise fail(f"в карантине нет сообщения {number} / no such message")
    record = records[0]
    if as_hex:
        sys.stdout.write(record.raw.hex() + "\n")
    elif as_json:
        print_json({**_line(record), "detail": record.detail, "raw": record.raw.hex()})
    else:
        _print_one(record)


def _line(record: QuarantineRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "fn": record.fn,
        "fd": record.fd,
        "reason": record.reason,
        "received_at": record.received_at.isoformat(),
        "peer": record.peer,
    }


def _print_table(records: list[QuarantineRecord]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        sys.stderr.write("карантин пуст / nothing in quarantine\n")
        return
    table = Table(title="Карантин / quarantine", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "ФН / FN", "ФД / FD", "получено / received", "причина / reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("подробно / detail", overflow="fold")
    for record in records:
        cells = (
            str(record.id),
            record.fn,
            "" if record.fd is None else str(record.fd),
            f"{record.received_at.astimezone():%Y-%m-%d %H:%M:%S}",
            record.reason,
            printable(record.detail),
        )
        table.add_row(*map(Text, cells))
    console().print(table)


def _print_one(record: QuarantineRecord) -> None:
    from ofd_gateway.cli.decoding import print_messages
    from ofd_gateway.cli.hexdump import hex_dump

    out = console()
    out.print(printable(f"{record.reason}: {record.detail}"), style="bold")
    for name, value in (
        ("ФН / FN", record.fn or "не прочитан / not read"),
        ("ФД / FD", "не прочитан / not read" if record.fd is None else str(record.fd)),
        ("получено / received", f"{record.received_at.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("от / from", f"{record.peer} ({record.connection_id})"),
    ):
        out.print(f"{name}: {value}")
    out.print(hex_dump(record.raw))
    print_messages(record.raw)
