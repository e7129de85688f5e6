"""A piece of recorded traffic, read: what can be known of it, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.captures.piece import Piece, Sort
from ofd_gateway.captures.reading import Reading, UnreadableInput, read_message
from ofd_gateway.ffd import FormatError, decode
from ofd_gateway.ffd.dictionary import document_kind
from ofd_gateway.protocol import FROM_FN, MAX_BODY_BYTES, SESSION_HEADER_BYTES

if TYPE_CHECKING:
    from ofd_gateway.ffd import Document
    from ofd_gateway.protocol import Container

__all__ = ["Opened", "is_encrypted", "open_piece", "response_code"]

_TRAILER_MARKS: Final = (b"\x81\x06", b"\x00\x00")
_OPERATOR_MESSAGE: Final = 1068
_RESPONSE_CODE: Final = 1022
_SHOWN_BYTES: Final = 16
_LENGTH_OFFSET: Final = 24


class Opened(NamedTuple):
    """One piece and what it says; `fault` is None for a message that could be read to its end."""

    piece: Piece
    reading: Reading
    fault: UnreadableInput | None

    @property
    def kind(self) -> str | None:
        """Name of the document as the tax service writes it, `service` for a header alone, None when unknown."""
        reading = self.reading
        if reading.document is not None:
            return reading.document.kind
        if reading.container is not None:
            return document_kind(reading.container.document_code)
        if reading.header is not None and reading.header.body_length == 0:
            return "service"
        return None

    @property
    def fn(self) -> str | None:
        """Number of the FN, from the first layer that names one."""
        reading = self.reading
        named = (reading.header, reading.container, reading.document)
        return next((layer.fn for layer in named if layer is not None and layer.fn), None)

    @property
    def fd(self) -> int | None:
        """Number of the document, from the container or the document."""
        container, document = self.reading.container, self.reading.document
        return container.fd if container is not None else None if document is None else document.fd

    @property
    def response_code(self) -> int | None:
        """The operator's response code (код ответа, 1022), None for anything but a confirmation."""
        document = self.reading.document
        return None if document is None else response_code(document)

    @property
    def encrypted(self) -> bool:
        """The headers are clear and the body is not."""
        return self.fault is not None and is_encrypted(self.reading.container)


def open_piece(piece: Piece) -> Opened:
    """Reads a piece as far as it can be read; never raises."""
    if piece.sort is Sort.GAP:
        fault = UnreadableInput("gap", 0, f"{piece.missing_bytes} байт нет в записи / bytes are not in the recording")
        return Opened(piece, Reading(), fault)
    if piece.sort is Sort.FOREIGN:
        fault = _foreign(piece.raw)
        return Opened(piece, fault.partial, fault)
    if piece.sort is Sort.PARTIAL and len(piece.raw) < SESSION_HEADER_BYTES:
        text = f"{len(piece.raw)} из {SESSION_HEADER_BYTES} байт заголовка сеанса / bytes of a session header"
        return Opened(piece, Reading(), UnreadableInput("truncated", len(piece.raw), text))
    try:
        return Opened(piece, read_message(piece.raw), None)
    except UnreadableInput as error:
        return Opened(piece, error.partial, error)


def is_encrypted(container: Container | None) -> bool:
    """Whether a container's body is likely to be encrypted: no document begins it, and its message sign is hidden."""
    if container is None or container.kind != FROM_FN:
        return False
    try:
        decode(container.body)
    except FormatError:
        return not (container.trailer.startswith(_TRAILER_MARKS[0]) and container.trailer.endswith(_TRAILER_MARKS[1]))
    return False


def response_code(document: Document) -> int | None:
    """The operator's response code (1022 in 1068), None where there is none."""
    for message in document.root.structures(_OPERATOR_MESSAGE):
        code = message.leaf(_RESPONSE_CODE)
        if code is not None and len(code) == 1:
            return code[0]
    return None


def _foreign(raw: bytes) -> UnreadableInput:
    announced = int.from_bytes(raw[_LENGTH_OFFSET : _LENGTH_OFFSET + 2], "little")
    try:
        read_message(raw[:SESSION_HEADER_BYTES])
    except UnreadableInput as error:
        if error.partial.header is not None and announced > MAX_BODY_BYTES:
            text = f"длина / length: a container has at most {MAX_BODY_BYTES} bytes, the header announces {announced}"
            return UnreadableInput("message_too_long", _LENGTH_OFFSET, text, partial=error.partial)
    shown = raw[:_SHOWN_BYTES].hex(" ")
    text = f"{len(raw)} байт не начинают сообщения / bytes that begin no message: {shown}"
    return UnreadableInput("foreign", 0, text)
