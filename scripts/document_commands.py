#!/usr/bin/env python3
"""Writes docs/commands.md from the commands themselves: `make docs` after an option has changed.

    python scripts/document_commands.py [--check]

With `--check` nothing is written; exit status 1 when the file is not what the commands say.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import typer
from typer.core import TyperGroup

from ofd_gateway.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

Command: TypeAlias = Any
"""A command as typer makes it; typer names its base class nowhere in public."""

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
INTRODUCTION: Final = """\
# Commands

Written by `make docs` from the commands themselves; a test holds the two together. Every command has `--help`, and
every option of the gateway has an environment variable and a TOML key as well: [configuration](configuration.md).

Exit codes: 0 done, 1 failed or nothing found, 2 usage or configuration, 3 database.
"""
COMMON: Final = {"--help"}


def leaf_commands(group: Command | None = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Every command that does something, with its full name, in the order of the help."""
    if group is None:
        for name, (place, _) in COMMANDS.items():
            yield from leaf_commands(_load(name, place), (name,))
    elif isinstance(group, TyperGroup):
        context = typer.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield from leaf_commands(command, (*path, name))
    else:
        yield " ".join(path), group


def page() -> str:
    """The whole text of docs/commands.md."""
    sections = [INTRODUCTION]
    sections += [_section(name, command) for name, command in leaf_commands()]
    return "\n".join(sections)


def _load(name: str, place: str) -> Command:
    module_name, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module_name), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(found)
    return typer.main.get_command(single)


def _section(name: str, command: Command) -> str:
    context = typer.Context(command, info_name=f"ofd-gateway {name}")
    usage = " ".join([f"ofd-gateway {name}", *command.collect_usage_pieces(context)])
    description = " ".join((command.help or "").split("\f")[0].split())
    lines = [f"## {name}", "", f"`{usage}`", ""]
    if description:
        lines += [description, ""]
    rows = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    rows = [row for row in rows if row[0] not in COMMON]
    if rows:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Writes or checks the page; returns the exit status."""
    wanted = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted else 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
