"""The console command: assembles the nouns lazily, so that each command imports only what it needs."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "main"]

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("ofd_gateway.cli.serve:serve", "принимать документы / take documents from registers"),
    "documents": ("ofd_gateway.cli.documents:app", "документы / stored documents"),
    "quarantine": ("ofd_gateway.cli.quarantine:app", "карантин / messages that were not accepted"),
    "decode": ("ofd_gateway.cli.decode:decode_command", "разобрать сообщение / read a message, field by field"),
    "logs": ("ofd_gateway.cli.logs:logs", "читать журнал / read the log of a gateway"),
    "simulate": ("ofd_gateway.cli.simulate:simulate", "виртуальные кассы / virtual registers"),
    "tags": ("ofd_gateway.cli.tags:tags", "реквизиты ФФД / the tables of the formats"),
    "checks": ("ofd_gateway.cli.checks:app", "правила ФЛК / rules of the format-logical checks"),
    "migrate": ("ofd_gateway.cli.database:migrate_command", "обновить схему / bring the schema up to date"),
    "backup": ("ofd_gateway.cli.database:backup", "резервная копия / dump the database to a file"),
    "restore": ("ofd_gateway.cli.database:restore", "восстановить копию / load a dump"),
    "check-config": ("ofd_gateway.cli.config:check_config", "проверить настройки / show the effective settings"),
}
"""Command, where it lives, and its line in the help."""


class _LazyGroup(TyperGroup):
    """Imports a command's module when that command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        place, _ = COMMANDS[cmd_name]
        module_name, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(module_name), attribute)
        if isinstance(found, typer.Typer):
            command = typer.main.get_command(found)
        else:
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(cmd_name)(found)
            command = typer.main.get_command(single)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


_app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="ОФД на своей машине: принимает, хранит и подтверждает фискальные документы. / A fiscal data operator endpoint.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from ofd_gateway import __version__

        sys.stdout.write(f"ofd-gateway {__version__}\n")
        raise typer.Exit


@_app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Only the options that go before a command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; exit codes: 0 done, 1 failed, 2 usage or configuration, 3 database.

    What can be foreseen is said in one line on standard error.
    """
    from ofd_gateway.errors import OfdGatewayError

    try:
        typer.main.get_command(_app).main(
            args=None if arguments is None else list(arguments), prog_name="ofd-gateway", standalone_mode=True
        )
    except OfdGatewayError as error:
        sys.stderr.write(f"ofd-gateway: {error}\n")
        sys.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    names = {base.__name__ for base in type(error).__mro__}
    if "DatabaseError" in names:
        return 3
    return 2 if "SettingsError" in names else 1
