"""`ofd-gateway decode`: what a message is, field by field; needs no database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption

__all__ = ["decode_command"]


def decode_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE|-]", help="Hex or binary; standard input by default.")
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="One hex message a line in, one JSON document a line out.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Разбирает сообщение, контейнер или документ. / Reads a session message, a container or a bare document."""
    from ofd_gateway.cli.decoding import decode_lines, decode_whole

    del database, state_dir
    failed = decode_lines(file, config=config) if lines else decode_whole(file, as_json=as_json, config=config)
    raise typer.Exit(1 if failed else 0)
