"""`ofd-gateway serve`: the gateway itself."""

from __future__ import annotations

from typing import Annotated

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption

__all__ = ["serve"]


def serve(
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where registers connect; port 0 takes a free one.")
    ] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Health, metrics and API; port 0 takes a free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes that serve registers.")] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Принимает документы от касс, хранит и подтверждает их. / Takes documents from registers until SIGTERM."""
    from ofd_gateway.app import serve as run
    from ofd_gateway.settings import load_settings

    settings = load_settings(
        config,
        listen=listen,
        http=http,
        workers=workers,
        database=database,
        state_dir=state_dir,
        logs={"format": "json"} if as_json else None,
    )
    raise typer.Exit(run(settings))
