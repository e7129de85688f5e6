"""Every fault in words, with the parameters that it takes."""

from __future__ import annotations

from typing import Final, NamedTuple

from ofd_gateway.faults.model import What

__all__ = ["CATALOGUE", "CONDITIONS", "PARAMETERS", "Entry"]


class Entry(NamedTuple):
    """What a fault does, and its parameters beside `delay`; those in `needed` have no default."""

    text_ru: str
    text_en: str
    parameters: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


CATALOGUE: Final[dict[What, Entry]] = {
    What.DELAY: Entry("верный ответ с задержкой", "the honest answer, late", needed=("delay",)),
    What.NO_ANSWER: Entry("нет ответа", "no answer; the connection is kept", ("connection",)),
    What.CLOSE_BEFORE_HEADER: Entry("разрыв до заголовка", "closed before the first byte"),
    What.CLOSE_AFTER_HEADER: Entry("разрыв после заголовка", "30 bytes of session header, then closed"),
    What.HALF_ANSWER: Entry(
        "половина ответа", "the first half of the answer, or `bytes` of it, then closed", ("bytes", "connection")
    ),
    What.BYTE_BY_BYTE: Entry("побайтно", "the honest answer, one byte at a time", ("pause",)),
    What.RESET: Entry("сброс TCP", "TCP reset (RST), after `bytes` of the answer", ("bytes",)),
    What.WRONG_FN_IN_HEADER: Entry("чужой ФН в заголовке", "another FN in the session header"),
    What.WRONG_FN_IN_CONTAINER: Entry("чужой ФН в контейнере", "another FN in the container"),
    What.WRONG_FN_IN_DOCUMENT: Entry("чужой ФН в 1041", "another FN in tag 1041"),
    What.WRONG_FD: Entry("чужой номер ФД", "the next FD number in the container and in tag 1040"),
    What.WRONG_FD_IN_CONTAINER: Entry("чужой номер ФД в контейнере", "the next FD number in the container only"),
    What.WRONG_FD_IN_DOCUMENT: Entry("чужой номер ФД в 1040", "the next FD number in tag 1040 only"),
    What.BAD_SESSION_CRC: Entry(
        "неверный CRC заголовка", "a wrong session CRC; a header without one gets mode 01 and a wrong one"
    ),
    What.BAD_CONTAINER_CRC: Entry("неверный CRC контейнера", "a wrong container CRC"),
    What.WRONG_LENGTH: Entry(
        "неверная длина в заголовке", "the session header announces `length_change` bytes more", ("length_change",)
    ),
    What.WRONG_CONTAINER_LENGTH: Entry(
        "неверная длина в контейнере", "the container says it has `length_change` bytes more", ("length_change",)
    ),
    What.CONTAINER_TYPE_A5: Entry("тип контейнера A5", "container type A5, a register's, instead of 5A"),
    What.MISSING_TRAILER: Entry("нет ФПП", "the container ends before its trailer; lengths and CRC fit"),
    What.RESPONSE_CODE: Entry("код ответа", "another response code, with valid signs", ("code",), ("code",)),
    What.OPERATOR_MESSAGE: Entry(
        "биты 1206", "these bits of 1206 beside those of the honest answer, with valid signs", ("bits",), ("bits",)
    ),
    What.DUPLICATE_ANSWER: Entry("ответ дважды", "the honest answer twice"),
    What.PREVIOUS_ANSWER: Entry(
        "ответ на прошлый документ", "the answer of the FN's previous document; where none is known, one for FD − 1"
    ),
    What.FOREIGN_SERVICE_DATA: Entry(
        "чужие служебные данные", "another pair of service bytes in the container, hexadecimal", ("service_data",)
    ),
    What.SERVICE_MESSAGE: Entry("служебное сообщение", "a header without a container, as after a service request"),
}

PARAMETERS: Final[dict[str, str]] = {
    "delay": "before anything is sent or closed: 500ms, 3s",
    "pause": "between bytes; 10ms",
    "bytes": "how much of the answer is sent; half, or nothing before a reset",
    "connection": "keep or close",
    "code": "response code (1022), 0 to 255",
    "bits": "bits of 1206, 1 to 255",
    "length_change": "bytes that the length is wrong by, −100 to 60000 but not 0; 10",
    "service_data": "bytes 7–8 of the container, four hexadecimal digits; 0000",
}
"""Parameters of faults, each with its default."""

CONDITIONS: Final[dict[str, str]] = {
    "fn": "FN number, or its beginning and *",
    "rnm": "registration number (1037) of the document",
    "kind": "kind of the document: receipt, openShift …",
    "fd": "FD number or range: 5, 10-20, 10-, -20",
    "version": "session version: 1.2 or 0120",
    "attempt": "any, first (not stored before) or repeat (stored before)",
    "first": "only the first so many answers that match",
    "every": "only each so-many-th answer that matches",
    "probability": "share of the answers that match, above 0 and up to 1",
    "seed": "number that the probability's sequence follows from; 0",
    "times": "applications until the rule is spent",
}
"""Conditions, in the order in which they are looked at."""
