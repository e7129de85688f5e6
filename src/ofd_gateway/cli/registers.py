"""`ofd-gateway registers`: the registers, how they are, and what stops them next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli import values
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    fail,
    with_directory,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage import Database, Directory

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Кассы / registers and what stops them next.")

RnmOption = Annotated[str, typer.Option("--rnm", metavar="РНМ", help="Registration number (1037).")]
CustomerOption = Annotated[
    str | None, typer.Option("--customer", metavar="ИНН", help="Владелец / owner; none.", show_default=False)
]
ServiceUntilOption = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", help="Первый неоплаченный день / first unpaid day; none.", show_default=False),
]
TimezoneOption = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Часовой пояс: Asia/Omsk; none.", show_default=False)
]
NameOption = Annotated[str | None, typer.Option(help="Имя в письмах / name in letters.", show_default=False)]
PlaceOption = Annotated[str | None, typer.Option(help="Где стоит / where it stands.", show_default=False)]
SerialOption = Annotated[str | None, typer.Option(help="Заводской номер / serial number.", show_default=False)]
CalendarOption = Annotated[
    str | None,
    typer.Option(metavar="DAYS=HOURS,…", help="mon-fri=09:00-18:00,off=2026-12-31; none.", show_default=False),
]
WatchUnsoldOption = Annotated[
    bool | None,
    typer.Option(
        "--watch-unsold/--no-watch-unsold",
        help="Ждать чеков и до первого / expect a first receipt.",
        show_default=False,
    ),
]


@app.command("add")
def add_register(
    rnm: RnmOption,
    customer: CustomerOption = None,
    service_until: ServiceUntilOption = None,
    timezone: TimezoneOption = None,
    name: NameOption = None,
    place: PlaceOption = None,
    serial: SerialOption = None,
    calendar: CalendarOption = None,
    watch_unsold: WatchUnsoldOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Описать кассу, с документами или без. / Describe a register, be it known from documents or not."""
    from ofd_gateway.storage import RegisterBook, RegisterSettings
    from ofd_gateway.storage.register_lines import register_line

    changes = _changes(customer, service_until, timezone, name, place, serial, calendar, watch_unsold)
    settings = RegisterSettings(registration_number=values.registration_number(rnm), **changes)

    async def work(opened: Database, directory: Directory, now: datetime) -> dict[str, Any]:
        book = RegisterBook(opened)
        await book.add(settings, directory, now)
        return register_line(await book.get(settings.registration_number), directory, now)

    _show(with_directory(work, config=config, database=database, state_dir=state_dir), as_json=as_json)


@app.command("set")
def set_register(
    rnm: RnmOption,
    customer: CustomerOption = None,
    service_until: ServiceUntilOption = None,
    timezone: TimezoneOption = None,
    name: NameOption = None,
    place: PlaceOption = None,
    serial: SerialOption = None,
    calendar: CalendarOption = None,
    watch_unsold: WatchUnsoldOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Изменить названное, остальное остаётся. / Change what is named; the rest stays."""
    changes = _changes(customer, service_until, timezone, name, place, serial, calendar, watch_unsold)
    _change(rnm, changes, config=config, database=database, state_dir=state_dir, as_json=as_json)


@app.command("remove")
def remove_register(
    rnm: RnmOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Больше не следить; документ кассы или add вернут её. / Stop watching; a document or `add` brings it back."""
    _change(rnm, None, config=config, database=database, state_dir=state_dir, as_json=as_json)


@app.command("list")
def list_registers(
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ИНН", help="Only of this owner.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Все кассы: состояние, ФН, что остановит. / All registers: condition, FN, what stops them next."""
    from ofd_gateway.storage import RegisterBook
    from ofd_gateway.storage.register_lines import register_line

    async def work(opened: Database, directory: Directory, now: datetime) -> list[dict[str, Any]]:
        lines = []
        async for record in RegisterBook(opened).list(customer_inn=customer):
            line = register_line(record, directory, now)
            if as_json:
                print_json(line)
            else:
                lines.append(line)
        return lines

    lines = with_directory(work, config=config, database=database, state_dir=state_dir)
    if not as_json:
        _print_table(lines)


@app.command("show")
def show_register(
    rnm: Annotated[str | None, typer.Argument(metavar="РНМ", help="Registration number.", show_default=False)] = None,
    rnm_option: Annotated[
        str | None, typer.Option("--rnm", metavar="РНМ", help="The same as an option.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Одна касса. / One register."""
    from ofd_gateway.storage import RegisterBook
    from ofd_gateway.storage.register_lines import register_line

    number = rnm or rnm_option
    if number is None:
        raise typer.BadParameter("a registration number is needed")

    async def work(opened: Database, directory: Directory, now: datetime) -> dict[str, Any] | None:
        record = await RegisterBook(opened).get(number)
        return None if record is None else register_line(record, directory, now)

    line = with_directory(work, config=config, database=database, state_dir=state_dir)
    if line is None:
        raise fail(f"кассы {number} нет / no such register")
    _show(line, as_json=as_json)


def _change(rnm: str, changes: dict[str, Any] | None, *, as_json: bool, **where: Any) -> None:
    """`changes` None removes the register."""
    from ofd_gateway.storage import RegisterBook
    from ofd_gateway.storage.register_lines import register_line

    number = values.registration_number(rnm)

    async def work(opened: Database, directory: Directory, now: datetime) -> dict[str, Any]:
        book = RegisterBook(opened)
        await book.change(number, {"removed_at": now} if changes is None else changes, directory, now)
        return register_line(await book.get(number), directory, now)

    _show(with_directory(work, **where), as_json=as_json)


def _changes(
    customer: str | None,
    service_until: str | None,
    timezone: str | None,
    name: str | None,
    place: str | None,
    serial: str | None,
    calendar: str | None,
    watch_unsold: bool | None,
) -> dict[str, Any]:
    """What the options say, checked; options that were not given are absent."""
    changes: dict[str, Any] = {}
    if customer is not None:
        changes["customer_inn"] = None if customer == values.NONE else values.inn(customer)
    if service_until is not None:
        changes["service_until"] = values.service_until(service_until)
    if timezone is not None:
        changes["timezone"] = values.timezone(timezone)
    if calendar is not None:
        changes["calendar"] = values.calendar(calendar)
    for field, text in (("name", name), ("place", place), ("serial", serial)):
        if text is not None:
            changes[field] = None if text == values.NONE else text
    if watch_unsold is not None:
        changes["watch_unsold"] = watch_unsold
    return changes


def _show(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(line)
        return
    out = console()
    for name, value in line.items():
        out.print(f"{name}: {_cell(value)}")


def _print_table(lines: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not lines:
        sys.stderr.write("касс нет / no registers\n")
        return
    table = Table(title="Кассы / registers", box=box.SIMPLE_HEAD, pad_edge=False)
    columns = {
        "РНМ": "rnm",
        "имя / name": "name",
        "владелец / owner": "customer",
        "состояние / state": "state",
        "ФН / FN": "fn",
        "дней / days": "fn_days_left",
        "% ФН / fill": "fn_fill_percent",
        "последний чек / last receipt": "last_receipt_at",
        "остановит / stops": "block",
    }
    for name in columns:
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*(Text(_cell(line.get(key))) for key in columns.values()))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return printable(" ".join(str(part) for part in value.values()))
    if isinstance(value, list):
        return printable(", ".join(map(str, value)))
    return printable(str(value))
