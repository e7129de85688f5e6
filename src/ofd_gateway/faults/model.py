"""A fault (неисправность): what becomes of an answer, and which answers it meets."""

from __future__ import annotations

import enum

import msgspec

from ofd_gateway.errors import OfdGatewayError

__all__ = ["Attempt", "Fault", "FaultError", "What"]


class FaultError(OfdGatewayError):
    """A fault that has no sense; `field` names the key that is to blame. The caller shows it to whoever wrote it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class What(enum.Enum):
    """What becomes of the answer; `faults.catalogue` says it in words."""

    DELAY = "delay"
    NO_ANSWER = "no_answer"
    CLOSE_BEFORE_HEADER = "close_before_header"
    CLOSE_AFTER_HEADER = "close_after_header"
    HALF_ANSWER = "half_answer"
    BYTE_BY_BYTE = "byte_by_byte"
    RESET = "reset"
    WRONG_FN_IN_HEADER = "wrong_fn_in_header"
    WRONG_FN_IN_CONTAINER = "wrong_fn_in_container"
    WRONG_FN_IN_DOCUMENT = "wrong_fn_in_document"
    WRONG_FD = "wrong_fd"
    WRONG_FD_IN_CONTAINER = "wrong_fd_in_container"
    WRONG_FD_IN_DOCUMENT = "wrong_fd_in_document"
    BAD_SESSION_CRC = "bad_session_crc"
    BAD_CONTAINER_CRC = "bad_container_crc"
    WRONG_LENGTH = "wrong_length"
    WRONG_CONTAINER_LENGTH = "wrong_container_length"
    CONTAINER_TYPE_A5 = "container_type_a5"
    MISSING_TRAILER = "missing_trailer"
    RESPONSE_CODE = "response_code"
    OPERATOR_MESSAGE = "operator_message"
    DUPLICATE_ANSWER = "duplicate_answer"
    PREVIOUS_ANSWER = "previous_answer"
    FOREIGN_SERVICE_DATA = "foreign_service_data"
    SERVICE_MESSAGE = "service_message"


class Attempt(enum.Enum):
    """Which arrival of a document is meant."""

    ANY = "any"
    #: The document was not stored before.
    FIRST = "first"
    #: The document was stored before and came again.
    REPEAT = "repeat"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Conditions that are None hold for every answer.

    `delay_s` passes before anything is sent or closed. `fn` ends with `*` where it is only a beginning. `every`,
    `first` and `probability` count the answers that the other conditions let through; after `times` applications the
    rule is spent. `version` is a format (`1.2`) or the four hexadecimal digits of a session version (`0120`).
    """

    what: What
    delay_s: float = 0.0
    pause_s: float = 0.01
    bytes: int | None = None
    keep_connection: bool | None = None
    code: int = 0
    bits: int = 0
    length_change: int = 10
    service_data: str = "0000"
    fn: str | None = None
    rnm: str | None = None
    kind: str | None = None
    fd_from: int = 0
    fd_to: int | None = None
    every: int | None = None
    first: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int | None = None
    attempt: Attempt = Attempt.ANY
    version: str | None = None
