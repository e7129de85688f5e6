"""What `decode` does once its options are read; imports no settings where nothing sets them."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ofd_gateway.captures.recording import is_recording
from ofd_gateway.cli.output import print_json
from ofd_gateway.cli.reading import Reading, UnreadableInput, read_bytes, read_input, read_line
from ofd_gateway.config_file import find_config_file
from ofd_gateway.ffd import to_fns_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ofd_gateway.ffd.checks import Violation
    from ofd_gateway.settings import FfdSettings

__all__ = [
    "decode_lines",
    "decode_whole",
    "error_object",
    "print_messages",
    "reading_object",
    "run_plainly",
    "violations_of",
]

Names = Literal["2021", "2017"]

_FLAGS: Final = frozenset({"--lines", "--json"})
_VARIABLES: Final = "OFD_GATEWAY_FFD__"
_CONFIRMATION: Final = "operatorAck"


def run_plainly(words: Sequence[str]) -> bool | None:
    """Whether anything failed, for a command line of the usual form: `[FILE|-] [--lines] [--json]`.

    None, with nothing done, for any other form, which the option parser should read: it takes longer to import than
    a message takes to decode.
    """
    flags = [word for word in words if word in _FLAGS]
    names = [word for word in words if word not in _FLAGS]
    if len(names) > 1 or any(name.startswith("-") and name != "-" for name in names) or not all(names):
        return None
    file = Path(names[0]) if names else None
    if "--lines" in flags:
        return decode_lines(file, config=None)
    return decode_whole(file, as_json="--json" in flags, config=None)


def decode_lines(file: Path | None, *, config: Path | None) -> bool:
    """One line of JSON for each line of input, as soon as it is there; returns whether any failed."""
    settings = _settings(config)
    names = settings.names if settings else "2021"
    failed = False
    for line in _input_lines(file):
        try:
            answer = reading_object(read_line(line), names)
        except UnreadableInput as error:
            failed = True
            answer = error_object(error)
        print_json(answer)
        sys.stdout.flush()
    return failed


def decode_whole(file: Path | None, *, as_json: bool, config: Path | None) -> bool:
    """Every message of the input, as JSON or as trees; returns whether one failed."""
    settings = _settings(config)
    data = _input(file)
    if is_recording(data):
        from ofd_gateway.cli.recorded import print_recording

        return print_recording(data, settings, as_json=as_json)
    fault = _print_as_json(data, settings) if as_json else _print_as_trees(data, settings)
    if fault is not None:
        sys.stderr.write(f"{fault.reason}: {fault} (смещение / offset {fault.offset})\n")
    return fault is not None


def print_messages(raw: bytes, settings: FfdSettings | None = None) -> UnreadableInput | None:
    """Every message in the bytes as a tree; at the first fault what could be read, and the bytes around it."""
    from ofd_gateway.cli.rendering import print_fault, print_reading

    try:
        for base, reading in read_input(raw):
            print_reading(reading, base=base, violations=violations_of(reading, settings))
    except UnreadableInput as error:
        print_reading(error.partial, base=error.base)
        if raw:
            print_fault(raw, error.offset, f"{error.reason}: {error}")
        return error
    return None


def _print_as_trees(data: bytes, settings: FfdSettings | None) -> UnreadableInput | None:
    try:
        raw = read_bytes(data)
    except UnreadableInput as error:
        return error
    return print_messages(raw, settings)


def _print_as_json(data: bytes, settings: FfdSettings | None) -> UnreadableInput | None:
    try:
        for _, reading in read_input(read_bytes(data)):
            print_json(reading_object(reading, settings.names if settings else "2021"))
    except UnreadableInput as error:
        print_json(error_object(error))
        return error
    return None


def _input(file: Path | None) -> bytes:
    return sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()


def _input_lines(file: Path | None) -> Iterator[bytes]:
    if file is None or str(file) == "-":
        yield from sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield from opened


def reading_object(reading: Reading, names: Names) -> dict[str, object]:
    """One message as FNS JSON under the name of its document; a header alone as `service`."""
    if reading.document is not None:
        return to_fns_json(reading.document, message_sign=reading.message_sign, names=names)
    header = reading.header
    assert header is not None  # noqa: S101  a message without a document is a service message
    return {
        "service": {
            "fn": header.fn,
            "version": header.version.hex(),
            "flags": header.flags,
            "crc": header.crc,
            "answerExpected": header.expects_answer,
        }
    }


def error_object(error: UnreadableInput) -> dict[str, object]:
    """What takes the place of a message that cannot be read."""
    return {"error": {"reason": error.reason, "offset": error.offset, **error.more, "text": str(error)}}


def violations_of(reading: Reading, settings: FfdSettings | None) -> Sequence[Violation]:
    """What the checks find in a register's document; nothing for a confirmation."""
    from ofd_gateway.ffd.checks import DEFAULT, check

    document = reading.document
    if document is None or document.kind == _CONFIRMATION:
        return ()
    return check(document, now=datetime.now(UTC), policy=settings.policy() if settings else DEFAULT)


def _settings(config: Path | None) -> FfdSettings | None:
    """`ffd.*`, without importing the settings where nothing sets it."""
    if not _is_configured(config):
        return None
    from ofd_gateway.settings import load_settings

    return load_settings(config).ffd


def _is_configured(config: Path | None) -> bool:
    return find_config_file(config) is not None or any(name.upper().startswith(_VARIABLES) for name in os.environ)
