"""`ofd-gateway serve`: the gateway itself."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

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
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Apply faults on demand; FILE has [[rules]] in TOML, `-` none.", show_default=False
        ),
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
        faults=None if faults is None else _faults(faults),
    )
    raise typer.Exit(run(settings))


def _virtual(start: str | None, rate: float | None) -> dict[str, str | float] | None:
    given = {name: value for name, value in (("start", start), ("rate", rate)) if value is not None}
    return given or None


def _faults(file: Path) -> dict[str, Any]:
    """The settings that a file of faults stands for."""
    from ofd_gateway.settings import SettingsError

    if str(file) == "-":
        return {"enabled": True}
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"--faults {file}: {error}") from None
    if tree.keys() - {"rules"}:
        raise SettingsError(
            f"--faults {file}: {', '.join(sorted(tree.keys() - {'rules'}))}: only [[rules]] belong here"
        )
    return {"enabled": True, "rules": tree.get("rules", [])}
