"""`ofd-gateway decode`: what a message is, field by field; needs no database."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, print_json
from ofd_gateway.cli.reading import Reading, UnreadableInput, read_bytes, read_input, read_message

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    del database, state_dir
    names = _names(config)
    data = _read(file)
    failed = _decode_lines(data, names) if lines else _decode_all(data, names, as_json=as_json)
    raise typer.Exit(1 if failed else 0)


def _decode_lines(data: bytes, names: Any) -> bool:
    failed = False
    for line in data.splitlines():
        try:
            print_json(_as_json(_only(line), names))
        except UnreadableInput as error:
            failed = True
            print_json(_error(error))
    return failed


def _decode_all(data: bytes, names: Any, *, as_json: bool) -> bool:
    try:
        for reading in read_input(data):
            if as_json:
                print_json(_as_json(reading, names))
            else:
                _print_tree(reading)
    except UnreadableInput as error:
        if as_json:
            print_json(_error(error))
        sys.stderr.write(f"{error.reason}: {error} (смещение / offset {error.offset})\n")
        return True
    return False


def _only(line: bytes) -> Reading:
    raw = read_bytes(line)
    if not raw:
        raise UnreadableInput("empty", 0, "the line is empty")
    reading = read_message(raw)
    if reading.size != len(raw):
        raise UnreadableInput("extra_data", reading.size, f"{len(raw) - reading.size} bytes follow the message")
    return reading


def _as_json(reading: Reading, names: Any) -> dict[str, object]:
    from ofd_gateway.ffd import to_fns_json

    if reading.document is not None:
        return to_fns_json(reading.document, message_sign=reading.message_sign, names=names)
    header = reading.header
    assert header is not None  # noqa: S101  a reading without a document is a service message
    return {
        "service": {"fn": header.fn, "version": header.version.hex(), "flags": header.flags, "crc": header.crc},
    }


def _error(error: UnreadableInput) -> dict[str, object]:
    return {"error": {"reason": error.reason, "offset": error.offset, **error.more, "text": str(error)}}


def _print_tree(reading: Reading) -> None:
    from rich.console import Console

    from ofd_gateway.cli.rendering import container_tree, document_tree, session_tree

    console = Console(highlight=False)
    base = 0
    if reading.header is not None:
        console.print(session_tree(reading.header))
        base = 30
    violations = list(_violations(reading))
    if reading.container is not None:
        hint = reading.header.ffd_hint if reading.header is not None else None
        console.print(container_tree(reading.container, base=base, version_hint=hint, violations=violations))
    elif reading.document is not None:
        console.print(document_tree(reading.document, violations=violations))


def _violations(reading: Reading) -> Iterator[dict[str, Any]]:
    import msgspec

    from ofd_gateway.ffd.checks import check

    document = reading.document
    if document is not None and document.kind != "operatorAck":
        for violation in check(document, now=datetime.now(UTC)):
            yield msgspec.to_builtins(violation)


def _read(file: Path | None) -> bytes:
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        sys.stderr.write(f"{file}: {error.strerror}\n")
        raise typer.Exit(1) from error


def _names(config: Path | None) -> str:
    """`ffd.names`, without importing the settings where nothing sets it."""
    import os

    if config is None and "OFD_GATEWAY_CONFIG" not in os.environ:
        named = os.environ.get("OFD_GATEWAY_FFD__NAMES", "2021")
        if named in {"2021", "2017"}:
            return named
    from ofd_gateway.settings import load_settings

    return load_settings(config).ffd.names
