"""Checks of a confirmation (подтверждение оператора), byte by byte, each deviation told in a developer's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from struct import Struct

from ofd_gateway.protocol import (
    CONFIRMATION_CODE,
    CONTAINER_HEADER_BYTES,
    FROM_OPERATOR,
    SESSION_HEADER_BYTES,
    TRAILER_BYTES,
    crc16,
)
from ofd_gateway.simulator.identity import inn_is_valid

FLAG_MESSAGE = 0x0014
CRC_MODE_MASK = 0x0003

_SESSION = Struct("<4s2s2s16sHHH")
_TLV_HEAD = Struct("<HH")
_ORDER = (1017, 1078, 1041, 1040, 1012, 1068)
_LENGTHS = {1017: 12, 1078: 8, 1041: 16, 1040: 4, 1012: 4, 1068: 5, 1206: 1}
_KNOWN_BITS_1206 = 0xFE


class Rule(Enum):
    """What a confirmation has to hold, in the words a developer reads: Russian, then English."""

    SESSION = "заголовок сеанса повторяет запрос / the session header echoes the request"
    SESSION_FLAGS = "флаги ответа 0014 / the flags of an answer are 0014"
    SESSION_CRC = "КС сеанса верна или ноль / the session CRC is right, or zero when not used"
    LENGTH = "длины согласованы / the lengths agree"
    CONTAINER_CRC = "КС контейнера верна / the container CRC is right"
    CONTAINER = "заголовок контейнера: 5A 07 01 10 09 / the container header: 5A 07 01 10 09"
    FN = "номер ФН тот же, что в документе / the FN number is the document's"
    FD = "номер ФД тот же, что в документе / the FD number is the document's"
    NONCE = "синхропосылка не нулевая / the nonce is not zero"
    LAYOUT = "реквизиты 1017, 1078, 1041, 1040, 1012, 1068 по порядку / the fields stand in this order"
    OPERATOR_INN = "ИНН ОФД верен и дополнен пробелами до 12 / the operator's INN is right, padded to 12 with spaces"
    TIME = "время подтверждения - текущее UTC / the time of confirmation is UTC now"
    OPERATOR_SIGN = "ФПО: 88 06, 4 байта, 00 03 / operator sign: 88 06, 4 bytes, 00 03, not zero"
    TRAILER = "ФПП: 82 06, 6 байт, 00 00 / trailer: 82 06, 6 bytes, 00 00, not zero"
    CODE = "код ответа ожидаемый / the response code is an expected one"
    OPERATOR_MESSAGE = "1206 только для ФФД 1.1 и 1.2 и не ноль / 1206 only for FFD 1.1 and 1.2, and not zero"
    SAME_AGAIN = "повтор подтверждается теми же 1022, 1078 и ФПП / a resend gets the same 1022, 1078 and trailer"
    NEW_SIGN = "признаки разных документов различны / signs of different documents differ"
    ONE_SEGMENT = "ответ приходит одной записью / the answer comes in one write"
    UNREADABLE = "нечитаемый документ / what is done with a document that cannot be read"
    EXCHANGE = "обмен по протоколу / the exchange keeps the protocol"

    @property
    def refused_by_fn(self) -> bool:
        """Whether a drive (or the register before it) throws such a confirmation away and keeps the document."""
        return self in _REFUSED_BY_FN


_REFUSED_BY_FN = frozenset(
    (
        Rule.SESSION,
        Rule.SESSION_CRC,
        Rule.LENGTH,
        Rule.CONTAINER_CRC,
        Rule.CONTAINER,
        Rule.FN,
        Rule.FD,
        Rule.OPERATOR_SIGN,
        Rule.TRAILER,
        Rule.EXCHANGE,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One deviation: which rule, which field, at which byte of the answer, what was found and what was due."""

    fn: str
    fd: int
    rule: Rule
    field: str
    offset: int
    found: str
    expected: str

    def __str__(self) -> str:
        """One line: document, byte, field, found, expected, rule."""
        return (
            f"ФН {self.fn} ФД {self.fd}: байт / byte {self.offset}, {self.field}: "
            f"получено / found {self.found}, ожидалось / expected {self.expected} ({self.rule.value})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a register keeps of a confirmation."""

    fd: int
    response_code: int
    operator_message: int
    operator_inn: str
    operator_sign: bytes
    trailer: bytes
    container: bytes

    @property
    def signs(self) -> tuple[int, bytes, bytes]:
        """What must not change when the same document is confirmed again."""
        return (self.response_code, self.operator_sign, self.trailer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is due as the answer to one message."""

    request_header: bytes
    fn: str
    fd: int
    bits_1206_allowed: bool
    response_codes: frozenset[int] | None = frozenset((0,))
    """Expected codes; None takes any."""
    operator_inn: str | None = None
    """The operator's INN where it is known."""
    clock_tolerance: timedelta = timedelta(minutes=5)
    earlier: Confirmed | None = None
    """The confirmation this very document has received before."""
    previous: Confirmed | None = None
    """The confirmation of another document of the same drive."""


def verify(answer: bytes, due: Expectation, *, now: datetime) -> tuple[Confirmed | None, tuple[Mismatch, ...]]:
    """Every field of an answer (session header and container in one) against what is due.

    Returns what can be kept of it (None when its fields cannot be told apart) and every mismatch found.
    Offsets count from the first byte of the session header. Layout: protocol of the register and the operator,
    captured answers of a working operator.
    """
    reading = _Reading(answer, due)
    reading.check_session()
    confirmed = reading.check_container(now)
    if confirmed is not None:
        reading.check_signs(confirmed)
    return confirmed, tuple(reading.mismatches)


class _Reading:
    __slots__ = ("answer", "due", "mismatches")

    def __init__(self, answer: bytes, due: Expectation) -> None:
        self.answer = answer
        self.due = due
        self.mismatches: list[Mismatch] = []

    def expect(self, rule: Rule, field: str, offset: int, found: object, expected: object) -> None:
        if found != expected:
            self.report(rule, field, offset, _show(found), _show(expected))

    def report(self, rule: Rule, field: str, offset: int, found: str, expected: str) -> None:
        self.mismatches.append(
            Mismatch(
                fn=self.due.fn, fd=self.due.fd, rule=rule, field=field, offset=offset, found=found, expected=expected
            )
        )

    def check_session(self) -> None:
        answer, request = self.answer, self.due.request_header
        if len(answer) < SESSION_HEADER_BYTES:
            self.report(Rule.LENGTH, "заголовок сеанса / session header", 0, f"{len(answer)} B", "30 B")
            return
        signature, s_version, p_version, fn, length, flags, crc = _SESSION.unpack_from(answer)
        self.expect(Rule.SESSION, "сигнатура / signature", 0, signature, request[0:4])
        self.expect(Rule.SESSION, "версия S / S-version", 4, s_version, request[4:6])
        self.expect(Rule.SESSION, "версия P / P-version", 6, p_version, request[6:8])
        self.expect(Rule.SESSION, "номер ФН / FN number", 8, fn, request[8:24])
        self.expect(Rule.LENGTH, "длина тела / body length", 24, length, len(answer) - SESSION_HEADER_BYTES)
        self.expect(Rule.SESSION_FLAGS, "флаги / flags", 26, flags & ~CRC_MODE_MASK, FLAG_MESSAGE)
        self._check_session_crc(flags & CRC_MODE_MASK, int.from_bytes(request[26:28], "little") & CRC_MODE_MASK, crc)

    def _check_session_crc(self, mode: int, request_mode: int, crc: int) -> None:
        if mode == 0:
            self.expect(Rule.SESSION_CRC, "КС / CRC", 28, crc, 0)
        elif mode != request_mode:
            self.report(Rule.SESSION_CRC, "вид КС / CRC mode", 26, f"{mode:02b}", f"00 or {request_mode:02b}")
        else:
            due = crc16(self.answer[:28])
            if mode == 2:
                due = crc16(self.answer[SESSION_HEADER_BYTES:], due)
            self.expect(Rule.SESSION_CRC, "КС / CRC", 28, f"{crc:04X}", f"{due:04X}")

    def check_container(self, now: datetime) -> Confirmed | None:
        container, at = self.answer[SESSION_HEADER_BYTES:], SESSION_HEADER_BYTES
        if len(container) < CONTAINER_HEADER_BYTES + 4 + TRAILER_BYTES:
            self.report(Rule.LENGTH, "контейнер / container", at, f"{len(container)} B", "≥ 46 B")
            return None
        fn_packed = bytes.fromhex(self.due.fn.ljust(16, "F"))
        crc = crc16(container[4:], crc16(container[:2]))
        self.expect(
            Rule.LENGTH, "длина контейнера / length", at, int.from_bytes(container[0:2], "little"), len(container)
        )
        self.expect(
            Rule.CONTAINER_CRC, "КС / CRC", at + 2, f"{int.from_bytes(container[2:4], 'little'):04X}", f"{crc:04X}"
        )
        self.expect(
            Rule.CONTAINER,
            "вид, документ, версия, служебные данные / type, document, version, service data",
            at + 4,
            container[4:9],
            bytes((FROM_OPERATOR, CONFIRMATION_CODE, 1, 0x10, 0x09)),
        )
        self.expect(Rule.FN, "номер ФН (BCD) / FN number", at + 9, container[9:17].hex(), fn_packed.hex())
        self.expect(Rule.FD, "номер ФД / FD number", at + 17, int.from_bytes(container[17:20], "big"), self.due.fd)
        if not any(container[20:28]):
            self.report(Rule.NONCE, "синхропосылка / nonce", at + 20, "00" * 8, "≠ 0")
        self.expect(Rule.CONTAINER, "ключ / key id", at + 28, container[28:30], b"\x00\x02")
        plain_length = int.from_bytes(container[30:32], "big")
        self.expect(Rule.LENGTH, "длина данных / plain length", at + 30, plain_length, len(container) - 42)
        return self._check_fields(container, now)

    def _check_fields(self, container: bytes, now: datetime) -> Confirmed | None:
        body = container[CONTAINER_HEADER_BYTES:-TRAILER_BYTES]
        at = SESSION_HEADER_BYTES + CONTAINER_HEADER_BYTES
        code, length = _TLV_HEAD.unpack_from(body)
        self.expect(Rule.LAYOUT, "код документа / document code", at, code, CONFIRMATION_CODE)
        self.expect(Rule.LENGTH, "длина документа / document length", at + 2, length, len(body) - 4)
        fields = _split(body)
        if fields is None:
            self.report(Rule.LENGTH, "реквизиты / fields", at + 4, body[4:].hex(), "TLV")
            return None
        tags = tuple(tag for tag, _, _ in fields)
        if tags not in (_ORDER, (*_ORDER, 1206)):
            self.report(Rule.LAYOUT, "реквизиты / fields", at + 4, _show(tags), f"{_show(_ORDER)} (+ 1206)")
        by_tag = {tag: (at + offset, value) for tag, offset, value in fields}
        wrong = [tag for tag in (*_ORDER, 1206) if tag in by_tag and len(by_tag[tag][1]) != _LENGTHS[tag]]
        for tag in wrong:
            offset, value = by_tag[tag]
            self.report(Rule.LENGTH, f"длина {tag} / length of {tag}", offset - 2, str(len(value)), str(_LENGTHS[tag]))
        if wrong or not by_tag.keys() >= set(_ORDER):
            return None
        return self._check_values(container, by_tag, now)

    def _check_values(self, container: bytes, by_tag: dict[int, tuple[int, bytes]], now: datetime) -> Confirmed:
        due = self.due
        inn_at, inn = by_tag[1017]
        operator_inn = inn.rstrip(b" ").decode("ascii", "replace")
        if due.operator_inn is not None:
            self.expect(Rule.OPERATOR_INN, "1017 ИНН ОФД", inn_at, inn, due.operator_inn.ljust(12).encode())
        elif not inn_is_valid(operator_inn):
            self.report(Rule.OPERATOR_INN, "1017 ИНН ОФД", inn_at, _show(inn), "10 digits + 2 spaces, or 12 digits")
        fn_at, fn = by_tag[1041]
        self.expect(Rule.FN, "1041 номер ФН", fn_at, fn, due.fn.ljust(16).encode())
        fd_at, fd = by_tag[1040]
        self.expect(Rule.FD, "1040 номер ФД", fd_at, int.from_bytes(fd, "little"), due.fd)
        self._check_time(*by_tag[1012], now)
        code_at, message = by_tag[1068]
        if message[:4] != b"\xfe\x03\x01\x00":
            self.report(Rule.LAYOUT, "1068 {1022}", code_at, message.hex(" "), "fe 03 01 00 code")
        response_code = message[4]
        if due.response_codes is not None and response_code not in due.response_codes:
            self.report(
                Rule.CODE, "1022 код ответа", code_at + 4, str(response_code), _show(sorted(due.response_codes))
            )
        return Confirmed(
            fd=int.from_bytes(fd, "little"),
            response_code=response_code,
            operator_message=self._check_operator_message(by_tag.get(1206)),
            operator_inn=operator_inn,
            operator_sign=by_tag[1078][1],
            trailer=container[-TRAILER_BYTES:],
            container=container,
        )

    def _check_time(self, offset: int, value: bytes, now: datetime) -> None:
        confirmed_at = datetime.fromtimestamp(int.from_bytes(value, "little"), UTC)
        if abs(confirmed_at - now) > self.due.clock_tolerance:
            self.report(
                Rule.TIME, "1012 дата, время", offset, confirmed_at.isoformat(), now.isoformat(timespec="seconds")
            )

    def _check_operator_message(self, found: tuple[int, bytes] | None) -> int:
        if found is None:
            return 0
        offset, value = found
        bits = value[0]
        if not self.due.bits_1206_allowed or not bits or bits & ~_KNOWN_BITS_1206:
            expected = "02 … FE" if self.due.bits_1206_allowed else "absent"
            self.report(Rule.OPERATOR_MESSAGE, "1206 сообщение оператора", offset, f"{bits:02X}", expected)
        return bits

    def check_signs(self, confirmed: Confirmed) -> None:
        sign, trailer = confirmed.operator_sign, confirmed.trailer
        sign_at = self.answer.find(b"\x36\x04\x08\x00" + sign) + 4
        trailer_at = len(self.answer) - TRAILER_BYTES
        if sign[:2] != b"\x88\x06" or sign[6:] != b"\x00\x03" or not any(sign[2:6]):
            self.report(Rule.OPERATOR_SIGN, "1078 ФПО", sign_at, sign.hex(" "), "88 06 ≠0 ×4 00 03")
        if trailer[:2] != b"\x82\x06" or trailer[8:] != b"\x00\x00" or not any(trailer[2:8]):
            self.report(Rule.TRAILER, "ФПП / trailer", trailer_at, trailer.hex(" "), "82 06 ≠0 ×6 00 00")
        earlier, previous = self.due.earlier, self.due.previous
        if earlier is not None:
            self.expect(Rule.SAME_AGAIN, "1022, 1078, ФПП", sign_at, confirmed.signs, earlier.signs)
        if previous is not None and previous.fd != self.due.fd:
            if sign == previous.operator_sign:
                self.report(Rule.NEW_SIGN, "1078 ФПО", sign_at, sign.hex(" "), f"not the sign of FD {previous.fd}")
            if trailer == previous.trailer:
                self.report(Rule.NEW_SIGN, "ФПП", trailer_at, trailer.hex(" "), f"not the trailer of FD {previous.fd}")


def _split(body: bytes) -> list[tuple[int, int, bytes]] | None:
    """Tag, offset of the value inside the body, value; None when a field runs over the end."""
    fields: list[tuple[int, int, bytes]] = []
    position, end = 4, len(body)
    while position < end:
        if end - position < 4:
            return None
        tag, length = _TLV_HEAD.unpack_from(body, position)
        position += 4
        if length > end - position:
            return None
        fields.append((tag, position, body[position : position + length]))
        position += length
    return fields


def _show(value: object) -> str:
    if isinstance(value, bytes):
        return (
            f"{value.hex(' ')} {value.decode('cp866')!r}" if value.isascii() and value[:1].isalnum() else value.hex(" ")
        )
    if isinstance(value, tuple | list):
        return ", ".join(_show(part) for part in value)
    return str(value)
