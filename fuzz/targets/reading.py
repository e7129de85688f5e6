"""Whatever is given to `decode`: hex, dumps, messages, containers, documents, garbage."""

from __future__ import annotations

from fuzz.cases import Instructions, message
from fuzz.targets.documents import examine
from ofd_gateway.cli.reading import Reading, UnreadableInput, read_bytes, read_input, read_line
from ofd_gateway.cli.rendering import container_tree, document_tree, session_tree

__all__ = ["check"]


def check(data: bytes) -> None:
    """Messages or an error with the offset of what is wrong. First byte: bit 0 makes a message of the rest."""
    instructions = Instructions(data)
    choice = instructions.number()
    given = message(instructions) if choice & 1 else instructions.rest()
    try:
        read_line(given)
    except UnreadableInput as error:
        _assert_named(error, given)
    try:
        for _, reading in read_input(read_bytes(given)):
            _show(reading)
            if reading.document is not None:
                examine(reading.document, reading.document.raw)
    except UnreadableInput as error:
        _assert_named(error, given)
        _show(error.partial)


def _assert_named(error: UnreadableInput, given: bytes) -> None:
    assert error.reason
    assert str(error)
    assert error.offset >= 0


def _show(reading: Reading) -> None:
    if reading.header is not None:
        session_tree(reading.header)
    if reading.container is not None:
        container_tree(reading.container, reading.document)
    elif reading.document is not None:
        document_tree(reading.document)
