"""`ofd-gateway faults`: answers that are wrong on purpose."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, with_database
from ofd_gateway.cli.output import console, print_json

if TYPE_CHECKING:
    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, FaultRecord

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Неисправности / faults on demand.")

IdArgument = Annotated[int, typer.Argument(min=0, max=2**63 - 1, metavar="ID", help="Number from the list.")]

_OWN: Final = frozenset({"id", "what", "source", "created_at", "seen", "hits", "last_hit_at", "spent"})


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=text, show_default=False)


@app.command("add")
def add_fault(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="delay, no_answer, close_after_header, reset … (docs/faults.md).")
    ],
    delay: Annotated[str | None, _option("delay", "TIME", "Пауза до ответа / before the answer: 3s.")] = None,
    pause: Annotated[str | None, _option("pause", "TIME", "Между байтами / between bytes: 10ms.")] = None,
    bytes_: Annotated[str | None, _option("bytes", "N", "Сколько байтов ответа / bytes of the answer.")] = None,
    connection: Annotated[str | None, _option("connection", "keep|close", "Что с соединением / what of it.")] = None,
    code: Annotated[str | None, _option("code", "N", "Код ответа / response code (1022).")] = None,
    bits: Annotated[str | None, _option("bits", "N", "Биты 1206 / bits of 1206.")] = None,
    length_change: Annotated[str | None, _option("length-change", "N", "Ошибка длины / wrong by so much.")] = None,
    service_data: Annotated[str | None, _option("service-data", "HEX", "Служебные данные / service bytes.")] = None,
    fn: Annotated[str | None, _option("fn", "ФН", "Этот ФН или начало со * / this FN, or a beginning and *.")] = None,
    rnm: Annotated[str | None, _option("rnm", "РНМ", "Эта касса / this register (1037).")] = None,
    kind: Annotated[str | None, _option("kind", "KIND", "Вид документа / kind: receipt, openShift …")] = None,
    fd: Annotated[str | None, _option("fd", "RANGE", "Номера ФД / FD numbers: 5, 10-20, 10-, -20.")] = None,
    version: Annotated[str | None, _option("version", "V", "Версия сеанса / session version: 1.2, 0120.")] = None,
    attempt: Annotated[str | None, _option("attempt", "any|first|repeat", "Какая попытка / which attempt.")] = None,
    first: Annotated[str | None, _option("first", "N", "Первые N / only the first N that match.")] = None,
    every: Annotated[str | None, _option("every", "N", "Каждый N-й / only each N-th that matches.")] = None,
    probability: Annotated[str | None, _option("probability", "P", "Доля / share of those that match: 0.1.")] = None,
    seed: Annotated[str | None, _option("seed", "N", "Зерно доли / what the share's sequence follows.")] = None,
    times: Annotated[str | None, _option("times", "N", "Сколько раз / applications until it is spent.")] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Портить ответы, которые подходят под условия. / Spoil the answers that meet the conditions."""
    from ofd_gateway.faults import FaultError, parse_fault
    from ofd_gateway.storage import FaultBook

    written = {
        "what": what,
        "delay": delay,
        "pause": pause,
        "bytes": bytes_,
        "connection": connection,
        "code": code,
        "bits": bits,
        "length_change": length_change,
        "service_data": service_data,
        "fn": fn,
        "rnm": rnm,
        "kind": kind,
        "fd": fd,
        "version": version,
        "attempt": attempt,
        "first": first,
        "every": every,
        "probability": probability,
        "seed": seed,
        "times": times,
    }
    try:
        fault = parse_fault({key: value for key, value in written.items() if value is not None})
    except FaultError as error:
        raise typer.BadParameter(str(error)) from None

    async def work(opened: Database, settings: Settings) -> FaultRecord:
        from ofd_gateway.clock import left_clock

        return await FaultBook(opened).add(fault, "command", left_clock(settings.state_dir).now())

    record = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json(record.line())
    else:
        sys.stdout.write(f"неисправность {record.id}: {_text(record)} / fault {record.id} is on\n")


@app.command("list")
def list_faults(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Неисправности и сколько раз сработали. / The faults, and how often each was applied."""
    from ofd_gateway.storage import FaultBook

    async def work(opened: Database, _settings: Settings) -> list[FaultRecord]:
        return await FaultBook(opened).list()

    records = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for record in records:
            print_json(record.line())
    else:
        _print_table(records)


@app.command("remove")
def remove_fault(
    number: IdArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Убрать одну. / Take one fault away."""
    from ofd_gateway.storage import FaultBook

    async def work(opened: Database, _settings: Settings) -> None:
        await FaultBook(opened).remove(number)

    with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"removed": [number]})
    else:
        sys.stdout.write(f"неисправность {number} убрана / fault {number} is gone\n")


@app.command("clear")
def clear_faults(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Убрать все: дальше ответы верные. / Take all away: from now on answers are honest."""
    from ofd_gateway.storage import FaultBook

    async def work(opened: Database, _settings: Settings) -> int:
        return await FaultBook(opened).clear()

    count = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"removed": count})
    else:
        sys.stdout.write(f"убрано неисправностей: {count} / {count} faults are gone\n")


def _text(record: FaultRecord) -> str:
    conditions = [f"{key}={value}" for key, value in record.line().items() if key not in _OWN]
    return " ".join([record.fault.what.value, *conditions])


def _print_table(records: list[FaultRecord]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        sys.stderr.write("неисправностей нет / no faults\n")
        return
    table = Table(title="Неисправности / faults", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True, justify="right")
    table.add_column("что и когда / what and when", overflow="fold")
    for name in ("подошло / seen", "сработало / hits"):
        table.add_column(name, no_wrap=True, justify="right")
    for name in ("последний раз / last hit", "откуда / source"):
        table.add_column(name, no_wrap=True)
    for record in records:
        at = record.last_hit_at
        cells = (
            str(record.id),
            _text(record),
            str(record.seen),
            str(record.hits),
            "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}",
            record.source,
        )
        table.add_row(*map(Text, cells), style="dim" if record.is_spent else None)
    console().print(table)
