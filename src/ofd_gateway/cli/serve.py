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
    clock_start: Annotated[
        str | None,
        typer.Option(metavar="T", help="Для проб: виртуальное время. / For trials: virtual time.", show_default=False),
    ] = None,
    clock_rate: Annotated[
        float | None, typer.Option(metavar="N", help="И его скорость. / And its pace.", show_default=False)
    ] = None,
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
        clock=_virtual(clock_start, clock_rate),
    )
    raise typer.Exit(run(settings))


def _virtual(start: str | None, rate: float | None) -> dict[str, str | float] | None:
    given = {name: value for name, value in (("start", start), ("rate", rate)) if value is not None}
    return given or None
