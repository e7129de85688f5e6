"""The group of all commands as typer sees it: a command's module is imported when that command is asked for."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_command", "run_group"]


def run_group(words: list[str], commands: Mapping[str, tuple[str, str]]) -> NoReturn:
    """Runs one command line and leaves with its exit code; `commands` maps a name to its place and its line of help."""
    app = typer.Typer(
        cls=_group_of(commands),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        help="ОФД на своей машине: принимает, хранит и подтверждает фискальные документы. / "
        "A fiscal data operator endpoint.",
    )
    app.callback()(_root)
    sys.exit(typer.main.get_command(app).main(args=words, prog_name="ofd-gateway", standalone_mode=True))


def load_command(name: str, place: str) -> Any:
    """The command at `module:attribute`, which is a typer application or a function."""
    module_name, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module_name), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


def _group_of(commands: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    class _LazyGroup(TyperGroup):
        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return load_command(cmd_name, commands[cmd_name][0]) if cmd_name in commands else None

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])

    return _LazyGroup


def _show_version(wanted: bool) -> None:
    if wanted:
        from ofd_gateway import __version__

        sys.stdout.write(f"ofd-gateway {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Only the options that go before a command."""
