"""What goes over the wire instead of the honest answer.

Each fault breaks one thing and leaves the rest right: lengths, checksums and signs around it are made anew, so that a
register that finds the fault has found this one.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ofd_gateway.faults.model import Fault, What
from ofd_gateway.protocol import FROM_FN, SESSION_HEADER_BYTES, TRAILER_BYTES, CrcMode, SessionHeader, crc16
from ofd_gateway.protocol import confirmation_body as body_of
from ofd_gateway.protocol import parse_session_header as header_of
from ofd_gateway.protocol.session import CRC_MODE_MASK, CRC_OFFSET

if TYPE_CHECKING:
    from collections.abc import Callable

    from ofd_gateway.crypto import CryptoModule, Signs

__all__ = ["Ending", "Honest", "Script", "Step", "perform"]

_LENGTH: Final = slice(0, 2)
_CRC: Final = slice(2, 4)
_TYPE_OFFSET: Final = 4
_SERVICE_DATA: Final = slice(7, 9)
_FN: Final = slice(9, 17)
_FD: Final = slice(17, 20)
_FD_NUMBERS: Final = 1 << 24
_LARGEST_LENGTH: Final = 0xFFFF
_ALL_ONES: Final = 0xFFFF


class Ending(enum.Enum):
    """What becomes of the connection."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


class Step(NamedTuple):
    """Bytes to write in one piece after a pause."""

    pause_s: float
    data: bytes


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """All that is done: the steps in order, a pause, the ending."""

    steps: tuple[Step, ...]
    ending: Ending
    pause_s: float = 0.0


class Honest(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that would have gone out: `wire` is header and container, the rest what they were made of.

    `previous` is the whole answer to the FN's previous document, where it is known.
    """

    wire: bytes
    operator_inn: str
    fn: str
    fd: int
    message_sign: bytes
    confirmed_at: datetime
    response_code: int
    operator_message: int
    signs: Signs
    previous: bytes | None = None


def perform(fault: Fault, honest: Honest, crypto: CryptoModule) -> Script:
    """What this fault makes of that answer."""
    what = fault.what
    if what in _CUT:
        sent = _sent(fault, honest.wire)
        steps = (Step(fault.delay_s, sent),) if sent else ()
        return Script(steps=steps, ending=_ending(fault), pause_s=0.0 if sent else fault.delay_s)
    if what is What.BYTE_BY_BYTE:
        rest = tuple(Step(fault.pause_s, bytes([byte])) for byte in honest.wire[1:])
        return Script(steps=(Step(fault.delay_s, honest.wire[:1]), *rest), ending=Ending.KEEP)
    return Script(steps=(Step(fault.delay_s, _WHOLE[what](fault, honest, crypto)),), ending=Ending.KEEP)


_CUT: Final = {
    What.NO_ANSWER: Ending.KEEP,
    What.CLOSE_BEFORE_HEADER: Ending.CLOSE,
    What.CLOSE_AFTER_HEADER: Ending.CLOSE,
    What.HALF_ANSWER: Ending.CLOSE,
    What.RESET: Ending.RESET,
}
"""Faults that send less than the answer, and how they end."""


def _ending(fault: Fault) -> Ending:
    if fault.keep_connection is None:
        return _CUT[fault.what]
    return Ending.KEEP if fault.keep_connection else Ending.CLOSE


def _sent(fault: Fault, wire: bytes) -> bytes:
    match fault.what:
        case What.CLOSE_AFTER_HEADER:
            return wire[:SESSION_HEADER_BYTES]
        case What.HALF_ANSWER:
            return wire[: len(wire) // 2 if fault.bytes is None else fault.bytes]
        case What.RESET:
            return wire[: fault.bytes or 0]
    return b""


def _as_it_is(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    return honest.wire


def _twice(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    return honest.wire * 2


def _previous(_fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    if honest.previous is not None:
        return honest.previous
    return _answer(honest, _container(honest, crypto, fd=max(honest.fd - 1, 0)))


def _fn_in_header(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = _container_of(honest)
    return _sealed(msgspec.structs.replace(_header_of(honest), fn=_another(honest.fn)), container)


def _fn_in_container(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    container[_FN] = bytes.fromhex(_another(honest.fn).ljust(16, "f"))
    return _answer(honest, _with_crc(container))


def _fn_in_document(_fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    return _answer(honest, _container(honest, crypto, fn_in_document=_another(honest.fn)))


def _fd_everywhere(_fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    return _answer(honest, _container(honest, crypto, fd=_next(honest.fd)))


def _fd_in_container(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    container[_FD] = _next(honest.fd).to_bytes(3, "big")
    return _answer(honest, _with_crc(container))


def _fd_in_document(_fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    return _answer(honest, _container(honest, crypto, fd_in_document=_next(honest.fd)))


def _session_crc(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    header, container = _header_of(honest), _container_of(honest)
    mode = header.flags & CRC_MODE_MASK or CrcMode.HEADER
    right = msgspec.structs.replace(header, flags=header.flags | mode).sealed(container)
    wrong = int.from_bytes(right[CRC_OFFSET:], "little") ^ _ALL_ONES
    return right[:CRC_OFFSET] + wrong.to_bytes(2, "little") + container


def _container_crc(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    wrong = int.from_bytes(container[_CRC], "little") ^ _ALL_ONES
    container[_CRC] = wrong.to_bytes(2, "little")
    return _answer(honest, bytes(container))


def _length(fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = _container_of(honest)
    announced = _changed(len(container), fault)
    return msgspec.structs.replace(_header_of(honest), body_length=announced).sealed(container) + container


def _container_length(fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    container[_LENGTH] = _changed(len(container), fault).to_bytes(2, "little")
    return _answer(honest, _with_crc(container))


def _type(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    container[_TYPE_OFFSET] = FROM_FN
    return _answer(honest, _with_crc(container))


def _no_trailer(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest)[:-TRAILER_BYTES])
    container[_LENGTH] = len(container).to_bytes(2, "little")
    return _answer(honest, _with_crc(container))


def _code(fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    return _answer(honest, _container(honest, crypto, response_code=fault.code))


def _message(fault: Fault, honest: Honest, crypto: CryptoModule) -> bytes:
    return _answer(honest, _container(honest, crypto, operator_message=honest.operator_message | fault.bits))


def _foreign(fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    container = bytearray(_container_of(honest))
    container[_SERVICE_DATA] = bytes.fromhex(fault.service_data)
    return _answer(honest, _with_crc(container))


def _service(_fault: Fault, honest: Honest, _crypto: CryptoModule) -> bytes:
    header = _header_of(honest)
    mode = CrcMode.HEADER if header.flags & CRC_MODE_MASK else CrcMode.NONE
    return msgspec.structs.replace(header, body_length=0, flags=int(mode), crc=0).sealed()


_WHOLE: Final[dict[What, Callable[[Fault, Honest, CryptoModule], bytes]]] = {
    What.DELAY: _as_it_is,
    What.WRONG_FN_IN_HEADER: _fn_in_header,
    What.WRONG_FN_IN_CONTAINER: _fn_in_container,
    What.WRONG_FN_IN_DOCUMENT: _fn_in_document,
    What.WRONG_FD: _fd_everywhere,
    What.WRONG_FD_IN_CONTAINER: _fd_in_container,
    What.WRONG_FD_IN_DOCUMENT: _fd_in_document,
    What.BAD_SESSION_CRC: _session_crc,
    What.BAD_CONTAINER_CRC: _container_crc,
    What.WRONG_LENGTH: _length,
    What.WRONG_CONTAINER_LENGTH: _container_length,
    What.CONTAINER_TYPE_A5: _type,
    What.MISSING_TRAILER: _no_trailer,
    What.RESPONSE_CODE: _code,
    What.OPERATOR_MESSAGE: _message,
    What.DUPLICATE_ANSWER: _twice,
    What.PREVIOUS_ANSWER: _previous,
    What.FOREIGN_SERVICE_DATA: _foreign,
    What.SERVICE_MESSAGE: _service,
}
"""Faults that send something whole in one write."""


def _container(
    honest: Honest,
    crypto: CryptoModule,
    *,
    fd: int | None = None,
    fn_in_document: str | None = None,
    fd_in_document: int | None = None,
    response_code: int | None = None,
    operator_message: int | None = None,
) -> bytes:
    """The honest container with something else in it; another answer or another FD is signed anew."""
    code = honest.response_code if response_code is None else response_code
    message = honest.operator_message if operator_message is None else operator_message
    number = honest.fd if fd is None else fd
    signs = honest.signs
    if (number, code, message) != (honest.fd, honest.response_code, honest.operator_message):
        signs = crypto.sign(
            fn=honest.fn, fd=number, message_sign=honest.message_sign, response_code=code, operator_message=message
        )
    body = body_of(
        operator_inn=honest.operator_inn,
        operator_sign=signs.operator_sign,
        fn=fn_in_document or honest.fn,
        fd=number if fd_in_document is None else fd_in_document,
        confirmed_at=honest.confirmed_at,
        response_code=code,
        operator_message=message,
    )
    return crypto.wrap(body=body, fn=honest.fn, fd=number, signs=signs)


def _header_of(honest: Honest) -> SessionHeader:
    return header_of(honest.wire)


def _container_of(honest: Honest) -> bytes:
    return honest.wire[SESSION_HEADER_BYTES:]


def _answer(honest: Honest, container: bytes) -> bytes:
    return _sealed(_header_of(honest), container)


def _sealed(header: SessionHeader, container: bytes) -> bytes:
    return msgspec.structs.replace(header, body_length=len(container)).sealed(container) + container


def _with_crc(container: bytearray) -> bytes:
    container[_CRC] = crc16(memoryview(container)[4:], crc16(bytes(container[_LENGTH]))).to_bytes(2, "little")
    return bytes(container)


def _another(fn: str) -> str:
    """The FN number with another last digit."""
    return fn[:-1] + str((int(fn[-1]) + 1) % 10)


def _next(fd: int) -> int:
    return (fd + 1) % _FD_NUMBERS


def _changed(length: int, fault: Fault) -> int:
    return min(max(length + fault.length_change, 1), _LARGEST_LENGTH)
