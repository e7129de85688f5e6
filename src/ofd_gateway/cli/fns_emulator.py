"""`ofd-gateway fns-emulator`: the tax service's side of the leg, for tests and for trying."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption

if TYPE_CHECKING:
    from ofd_gateway.fns_emulator import Script

__all__ = ["fns_emulator"]

_MIB: Final = 1 << 20


def fns_emulator(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Где слушать; порт 0: любой. / Where to listen; 0 is a free port.")
    ] = "127.0.0.1:7780",
    refuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FN:CODE",
            help="Отказ для всех документов ФН, 9999*: по началу. / Refuse every document of an FN.",
            show_default=False,
        ),
    ] = None,
    soft: Annotated[
        list[str] | None,
        typer.Option(metavar="FN:CODE", help="Мягкий карантин. / Soft quarantine, likewise.", show_default=False),
    ] = None,
    hard: Annotated[
        list[str] | None,
        typer.Option(metavar="FN:CODE", help="Жёсткий карантин. / Hard quarantine, likewise.", show_default=False),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            dir_okay=False,
            exists=True,
            readable=True,
            show_default=False,
            help="Сценарий ответов и сбоев. / Script of answers and faults.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            dir_okay=False,
            show_default=False,
            help="Хранить решённое и помнить после перезапуска. / Keep what was decided, know it after a restart.",
        ),
    ] = None,
    fsync: Annotated[
        bool, typer.Option("--fsync", help="fsync до ответа. / fsync the file before each answer.")
    ] = False,
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Требовать токен. / Demand this bearer token.", show_default=False),
    ] = None,
    prefix: Annotated[
        str, typer.Option(metavar="/PATH", help="Путь перед /v1. / Path before /v1.", show_default=False)
    ] = "",
    max_body: Annotated[
        int, typer.Option(metavar="MIB", min=1, max=1024, help="Предел запроса, МиБ. / Largest request in MiB.")
    ] = 64,
    remember: Annotated[
        int, typer.Option(metavar="N", min=1, help="Помнить документов, не менее. / Decided documents known, at least.")
    ] = 1_000_000,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Играет сторону ФНС: проверяет, отвечает по сценарию, следит за порядком. / Plays the tax service's side."""
    del config, database, state_dir
    from ofd_gateway.fns_emulator import EmulatorOrder, UnreadableKeep, run_emulator
    from ofd_gateway.sockets import AddressUnavailable

    host, port = _address(listen)
    order = EmulatorOrder(
        host=host,
        port=port,
        script=_script(script, {"--refuse": refuse, "--soft": soft, "--hard": hard}),
        keep=keep,
        fsync=fsync,
        token=token,
        prefix=_path(prefix),
        max_body_bytes=max_body * _MIB,
        remember=remember,
    )
    try:
        run_emulator(order, log_format="json" if as_json else "auto")
    except AddressUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--listen") from None
    except UnreadableKeep as error:
        raise typer.BadParameter(str(error), param_hint="--keep") from None


def _script(file: Path | None, short_forms: dict[str, list[str] | None]) -> Script:
    """The short forms in front of what the file says."""
    from ofd_gateway.fns_emulator import Script, ScriptError, read_script, short_rule

    rules = []
    for option, pairs in short_forms.items():
        for pair in pairs or ():
            try:
                rules.append(short_rule(option, pair))
            except ScriptError as error:
                raise typer.BadParameter(str(error), param_hint=option) from None
    if file is None:
        return Script(rule=rules)
    try:
        written = read_script(file.read_bytes())
    except ScriptError as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--script") from None
    return Script(seed=written.seed, rule=[*rules, *written.rule])


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{text!r}: HOST:PORT, [::1]:7780", param_hint="--listen")
    return host, int(port)


def _path(text: str) -> str:
    path = text.rstrip("/")
    if path and (not path.startswith("/") or any(sign in path for sign in "{}?# ")):
        raise typer.BadParameter(f"{text!r}: /path", param_hint="--prefix")
    return path
