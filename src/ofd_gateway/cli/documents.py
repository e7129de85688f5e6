"""`ofd-gateway documents`: what registers have sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

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
from ofd_gateway.cli.document_retention import forget
from ofd_gateway.cli.output import console, print_json, printable, roubles

if TYPE_CHECKING:
    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, DocumentRecord
    from ofd_gateway.storage.document_queries import FnsFilter

__all__ = ["app"]

FNS = ("queued", "accepted", "soft_quarantine", "hard_quarantine", "refused")
"""How a document may stand with the tax service."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Документы / stored documents.")

app.command("forget")(forget)


@app.command("list")
def list_documents(
    fn: Annotated[str | None, typer.Option(help="Only this FN.", show_default=False)] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only this kind: receipt, openShift, closeShift …", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="T", help="Arrived since: 2026-01-31, 2026-01-31T12:00, 24h.", show_default=False),
    ] = None,
    fns: Annotated[
        str | None,
        typer.Option(help=f"Only those that stand so with the tax service: {', '.join(FNS)}.", show_default=False),
    ] = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Документы в порядке поступления. / Documents in the order of arrival."""
    from ofd_gateway.storage import DocumentStore

    codes = None if kind is None else [_code(kind)]
    moment = parse_moment(since, lambda: present(config, state_dir))
    if fns is not None and fns not in FNS:
        raise typer.BadParameter(f"{fns!r} is none of {', '.join(FNS)}")
    standing = cast("FnsFilter | None", fns)

    async def work(opened: Database, _settings: Settings) -> None:
        records = DocumentStore(opened).list(fn=fn, codes=codes, since=moment, fns=standing, limit=limit)
        if as_json:
            async for record in records:
                print_json(_line(record))
            return
        _print_table([record async for record in records])

    with_database(work, config=config, database=database, state_dir=state_dir)


@app.command("show")
def show_document(
    fn: Annotated[str, typer.Argument(help="FN number.")],
    fd: Annotated[int, typer.Argument(help="FD number.")],
    generation: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, help="Which life of a debug FN; the latest by default.", show_default=False),
    ] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Everything, field by field (the default).")] = False,
    as_hex: Annotated[bool, typer.Option("--hex", help="The container as received.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Один документ: деревом, JSON ФНС или байтами. / One document: a tree, FNS JSON or bytes."""
    from ofd_gateway.storage import DocumentStore

    if tree + as_hex + as_json > 1:
        raise typer.BadParameter("--tree, --hex and --json exclude each other")

    async def work(opened: Database, settings: Settings) -> tuple[DocumentRecord | None, Literal["2021", "2017"]]:
        return await DocumentStore(opened).get(fn, fd, generation), settings.ffd.names

    record, names = with_database(work, config=config, database=database, state_dir=state_dir)
    if record is None:
        life = "" if generation is None else f" (generation {generation})"
        raise fail(f"нет документа: ФН {fn}, ФД {fd}{life} / no such document")
    if as_hex:
        sys.stdout.write(record.container.hex() + "\n")
    elif as_json:
        print_json(_fns_json(record, names))
    else:
        _print_tree(record)


def _code(kind: str) -> int:
    from ofd_gateway.ffd.dictionary import DOCUMENT_CODES

    for code, name in DOCUMENT_CODES.items():
        if name == kind:
            return code
    raise typer.BadParameter(f"{kind!r} is none of {', '.join(DOCUMENT_CODES.values())}")


def _line(record: DocumentRecord) -> dict[str, Any]:
    from ofd_gateway.ffd.dictionary import document_kind
    from ofd_gateway.storage.document_contents import violations_of

    return {
        "fn": record.fn,
        "generation": record.generation,
        "fd": record.fd,
        "kind": document_kind(record.document_code),
        "ffd": record.ffd,
        "response_code": record.response_code,
        "received_at": record.received_at.isoformat(),
        "issued_at": None if record.issued_at_local is None else record.issued_at_local.isoformat(),
        "violations": [violation.rule for violation in violations_of(record)],
        "fns": record.fns,
        "fns_code": record.fns_code,
    }


def _fns_json(record: DocumentRecord, names: Literal["2021", "2017"]) -> dict[str, object]:
    from ofd_gateway.ffd import to_fns_json
    from ofd_gateway.storage.document_contents import document_in

    return to_fns_json(document_in(record), message_sign=record.message_sign, names=names)


def _print_table(records: list[DocumentRecord]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        sys.stderr.write("документов нет / no documents\n")
        return
    table = Table(title="Документы / documents", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("ФН / FN", "вид / kind", "ФФД", "получен / received"):
        table.add_column(name, no_wrap=True)
    for name in ("жизнь / gen.", "ФД / FD", "итог / total", "код / code"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("ФНС / tax service", no_wrap=True)
    table.add_column("замечания / violations")
    for record in records:
        line = _line(record)
        cells = (
            record.fn,
            line["kind"],
            record.ffd,
            f"{record.received_at.astimezone():%Y-%m-%d %H:%M:%S}",
            str(record.generation),
            str(record.fd),
            roubles(record.total_kopecks),
            str(record.response_code),
            f"{record.fns or ''} {record.fns_code or ''}".strip(),
            " ".join(line["violations"]),
        )
        table.add_row(*map(Text, cells), style="yellow" if record.response_code else None)
    console().print(table)


def _print_tree(record: DocumentRecord) -> None:
    from ofd_gateway.cli.rendering import container_tree
    from ofd_gateway.protocol import parse_container
    from ofd_gateway.storage.document_contents import document_in, violations_of

    container = parse_container(record.container)
    out = console()
    out.print(container_tree(container, document_in(record), violations=violations_of(record)))
    message = f", 1206 0x{record.operator_message:02x}" if record.operator_message else ""
    for name, value in (
        ("получен / received", f"{record.received_at.astimezone():%Y-%m-%d %H:%M:%S %z}, {record.peer}"),
        ("жизнь ФН / generation of the FN", str(record.generation)),
        ("код ответа / response code", f"{record.response_code}{message}"),
        ("ФПО 1078 / operator sign", record.operator_sign.hex()),
        ("ФПП / confirmation sign", record.trailer.hex()),
        ("ФНС / tax service", _standing(record)),
    ):
        out.print(f"{name}: {value}")


def _standing(record: DocumentRecord) -> str:
    """How the document stands with the tax service, in words."""
    if record.fns is None:
        return "не передавался / was not sent"
    code = "" if record.fns_code is None else f" {record.fns_code}"
    said = f" «{printable(record.fns_text)}»" if record.fns_text else ""
    decided = "" if record.fns_at is None else f", {record.fns_at.astimezone():%Y-%m-%d %H:%M:%S %z}"
    return f"{record.fns}{code}{said}{decided}, попыток / attempts: {record.fns_attempts or 0}"
