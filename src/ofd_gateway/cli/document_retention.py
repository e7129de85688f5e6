"""`documents forget`: documents whose time is over, shown first, deleted when somebody says so."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    parse_moment,
    present,
    with_database,
)
from ofd_gateway.cli.output import console, print_json

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, Forgettable

__all__ = ["forget"]

_LAWFUL_YEARS = 5


def forget(
    before: Annotated[str, typer.Option(metavar="T", help="Arrived before: 2026-01-31, 2026-01-31T12:00, 90d.")],
    fn: Annotated[str | None, typer.Option(help="Only this FN.", show_default=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it nothing is changed.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Удалить старые документы; без --yes только показать. / Delete old documents; without --yes only show them."""
    import msgspec

    from ofd_gateway.storage import DocumentRetention

    def now() -> datetime:
        return present(config, state_dir)

    moment = parse_moment(before, now)
    assert moment is not None  # noqa: S101  `--before` is required
    if moment > now() - timedelta(days=365 * _LAWFUL_YEARS + 1):
        sys.stderr.write(
            f"ОФД хранит фискальные данные {_LAWFUL_YEARS} лет / an operator must keep fiscal data for five years\n"
        )

    async def work(opened: Database, _settings: Settings) -> list[Forgettable]:
        retention = DocumentRetention(opened)
        found = [old async for old in retention.count(moment, fn=fn)]
        if not yes:
            return found
        return [msgspec.structs.replace(old, documents=await retention.forget(moment, old.fn)) for old in found]

    found = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for old in found:
            print_json(_line(old, deleted=yes))
        return
    for old in found:
        console().print(f"ФН {old.fn}: {old.documents}, {old.bytes} байт / bytes; остаётся / kept {old.kept}")
    total = sum(old.documents for old in found)
    said = "удалено документов / documents deleted" if yes else "было бы удалено / would be deleted, --yes"
    sys.stdout.write(f"{said}: {total}\n")


def _line(old: Forgettable, *, deleted: bool) -> dict[str, Any]:
    return {"fn": old.fn, "documents": old.documents, "bytes": old.bytes, "kept": old.kept, "deleted": deleted}
