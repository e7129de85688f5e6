"""A till: issues fiscal documents in format 1.05, sends them to the operator, keeps them until they are confirmed.

Plain Python. A real till leaves numbers, signs and the queue to its fiscal drive; here a few lines play the drive,
whose signs are digests without keys. All sums are kopecks.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

SIGNATURE = bytes.fromhex("2a08410a")
SESSION_VERSION = bytes.fromhex("81a2")
FORMAT_1_05 = b"\x01\x05"
MESSAGE_WITH_ANSWER = 0x0014
HEADER_BYTES = 30
CONTAINER_BYTES = 32
TRAILER_BYTES = 10

REGISTRATION, SHIFT_OPENED, RECEIPT, SHIFT_CLOSED = 1, 2, 3, 5
SALE, REFUND = 1, 2
NO_VAT, FULL_PAYMENT, GOODS = 6, 4, 1
SIMPLIFIED = 2


class NotConfirmed(Exception):
    """No usable confirmation came. The document stays in the queue; `send` tries again."""


@dataclass(frozen=True)
class Item:
    """A line of a receipt. `quantity` is whole pieces; a real till also weighs."""

    name: str
    price: int
    quantity: int = 1

    @property
    def sum(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True)
class Confirmation:
    """The operator's answer: 0 is good; 14 means that the document was taken and its contents are wrong."""

    fd: int
    code: int
    operator_sign: bytes


@dataclass
class Till:
    """One till with its drive; `queue` holds what the operator has not confirmed, oldest first."""

    address: tuple[str, int]
    fn: str = "9999078900000001"
    registration_number: str = "0000000001016870"
    inn: str = "7707083893"
    operator_inn: str = "7704211201"
    timeout: float = 5.0
    last_fd: int = 0
    shift: int = 0
    receipt: int = 0
    queue: deque[tuple[int, bytes]] = field(default_factory=deque)

    def register(self) -> Confirmation:
        """Registration report."""
        fields = (
            text(1048, "ООО Ромашка")
            + text(1009, "101000, г. Москва, ул. Мясницкая, д. 24")
            + text(1187, "Касса у входа")
            + text(1013, "0000000001")
            + padded(1017, self.operator_inn, 12)
            + text(1046, "ofd-gateway")
            + text(1060, "www.nalog.gov.ru")
            + text(1117, "receipts@example.org")
            + number(1062, SIMPLIFIED, 1)
            + b"".join(number(tag, 0, 1) for tag in (1001, 1002, 1056, 1108, 1109, 1110, 1193, 1126, 1207, 1221))
            + text(1021, "Иванова А. П.")
            + text(1188, "1.0")
            + number(1189, 2, 1)
        )
        return self._issue(REGISTRATION, number(1213, 410, 2), fields)

    def open_shift(self) -> Confirmation:
        """Report of an opened shift."""
        self.shift += 1
        self.receipt = 0
        fields = text(1021, "Иванова А. П.") + text(1188, "1.0") + number(1189, 2, 1)
        return self._issue(SHIFT_OPENED, number(1038, self.shift, 4), fields)

    def sell(self, items: list[Item], *, cash: int | None = None, operation: int = SALE) -> Confirmation:
        """A receipt; what is not paid in cash is paid by card."""
        total = sum(item.sum for item in items)
        return self.issue_receipt(items, operation, total, total if cash is None else cash)

    def refund(self, items: list[Item]) -> Confirmation:
        """A receipt that gives the money back in cash."""
        return self.sell(items, operation=REFUND)

    def issue_receipt(self, items: list[Item], operation: int, total: int, cash: int) -> Confirmation:
        """A receipt as its caller has added it up; what is not paid in cash is paid by card."""
        self.receipt += 1
        own = (
            number(1038, self.shift, 4)
            + number(1042, self.receipt, 4)
            + number(1054, operation, 1)
            + money(1020, total)
            + money(1031, cash)
            + money(1081, total - cash)
            + money(1215, 0)
            + money(1216, 0)
            + money(1217, 0)
            + money(1105, total)
        )
        fields = (
            number(1055, SIMPLIFIED, 1)
            + text(1021, "Иванова А. П.")
            + b"".join(map(written, items))
            + text(1009, "101000, г. Москва, ул. Мясницкая, д. 24")
            + text(1187, "Касса у входа")
            + text(1060, "www.nalog.gov.ru")
        )
        return self._issue(RECEIPT, own, fields)

    def close_shift(self) -> Confirmation:
        """Report of a closed shift."""
        own = (
            number(1038, self.shift, 4)
            + number(1118, self.receipt, 4)
            + number(1111, self.receipt + 2, 4)
            + number(1097, 0, 4)
            + number(1098, 0, 4)
            + number(1213, 410, 2)
        )
        return self._issue(SHIFT_CLOSED, own, text(1021, "Иванова А. П."))

    def send(self) -> Confirmation:
        """Sends the queue, oldest first, each document on a connection of its own; the answer to the last one.

        Raises NotConfirmed, and keeps the document, unless its confirmation is right.
        """
        confirmation = None
        while self.queue:
            fd, container = self.queue[0]
            confirmation = self._exchange(fd, container)
            self.queue.popleft()
        if confirmation is None:
            raise ValueError("there is nothing to send")
        return confirmation

    def _issue(self, code: int, own: bytes, fields: bytes) -> Confirmation:
        """What the drive does: it numbers, dates, signs and queues."""
        self.last_fd += 1
        fd = self.last_fd
        now = datetime.now().replace(second=0, microsecond=0)
        seconds = int((now - datetime(1970, 1, 1)).total_seconds())
        head = (
            number(1209, 2, 1)
            + (number(1190, 2, 1) if code == REGISTRATION else b"")
            + padded(1041, self.fn, 16)
            + padded(1037, self.registration_number, 20)
            + padded(1018, self.inn, 12)
            + number(1040, fd, 4)
            + number(1012, seconds, 4)
        )
        sign = blake2b(head + own + fields, digest_size=4).digest()
        body = tlv(code, head + tlv(1077, b"\x21\x04" + sign) + own + fields)
        self.queue.append((fd, self._container(code, fd, body)))
        return self.send()

    def _container(self, code: int, fd: int, body: bytes) -> bytes:
        """Length, CRC, type A5, document, version, service data, FN, FD, nonce, key, length of the body; sign."""
        nonce = blake2b(body, digest_size=5).digest() + fd.to_bytes(3, "big")
        sign = blake2b(nonce + body, digest_size=6).digest()
        length = CONTAINER_BYTES + len(body) + TRAILER_BYTES
        head = (
            bytes((0xA5, code, 0x01, 0x10, 0x09))
            + bytes.fromhex(self.fn)
            + fd.to_bytes(3, "big")
            + nonce
            + b"\x00\x02"
            + len(body).to_bytes(2, "big")
        )
        rest = head + body + b"\x81\x06" + sign + b"\x00\x00"
        return struct.pack("<HH", length, crc16(struct.pack("<H", length) + rest)) + rest

    def _exchange(self, fd: int, container: bytes) -> Confirmation:
        header = (
            SIGNATURE
            + SESSION_VERSION
            + FORMAT_1_05
            + self.fn.encode()
            + struct.pack("<HHH", len(container), MESSAGE_WITH_ANSWER, 0)
        )
        try:
            with socket.create_connection(self.address, timeout=self.timeout) as link:
                link.sendall(header + container)
                answer = exactly(link, HEADER_BYTES)
                answer += exactly(link, int.from_bytes(answer[24:26], "little"))
        except OSError as error:
            raise NotConfirmed(f"FD {fd}: {error or 'no answer'}") from error
        return self._read(fd, answer)

    def _read(self, fd: int, answer: bytes) -> Confirmation:
        """Checks what a drive would check: signature, numbers, CRC, sign."""
        container = answer[HEADER_BYTES:]
        if answer[:4] != SIGNATURE or answer[8:24] != self.fn.encode():
            raise NotConfirmed(f"FD {fd}: the answer is for somebody else")
        if len(container) < CONTAINER_BYTES + TRAILER_BYTES or container[4] != 0x5A:
            raise NotConfirmed(f"FD {fd}: the answer has no confirmation")
        if int.from_bytes(container[2:4], "little") != crc16(container[:2] + container[4:]):
            raise NotConfirmed(f"FD {fd}: the CRC of the confirmation is wrong")
        found = dict(fields_of(container[CONTAINER_BYTES + 4 : -TRAILER_BYTES]))
        if found.get(1041) != self.fn.encode() or int.from_bytes(found.get(1040, b""), "little") != fd:
            raise NotConfirmed(f"FD {fd}: the confirmation is about another document")
        code = dict(fields_of(found.get(1068, b""))).get(1022, b"")
        if len(code) != 1 or 1078 not in found:
            raise NotConfirmed(f"FD {fd}: the confirmation has no code or no sign")
        return Confirmation(fd=fd, code=code[0], operator_sign=found[1078])


def written(item: Item) -> bytes:
    """An item as TLV 1059."""
    inner = (
        text(1030, item.name)
        + money(1079, item.price)
        + tlv(1023, b"\x00" + vln(item.quantity))
        + money(1043, item.sum)
        + number(1199, NO_VAT, 1)
        + number(1214, FULL_PAYMENT, 1)
        + number(1212, GOODS, 1)
    )
    return tlv(1059, inner)


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack("<HH", tag, len(value)) + value


def number(tag: int, value: int, size: int) -> bytes:
    return tlv(tag, value.to_bytes(size, "little"))


def vln(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "little")


def money(tag: int, kopecks: int) -> bytes:
    return tlv(tag, vln(kopecks))


def text(tag: int, value: str) -> bytes:
    return tlv(tag, value.encode("cp866"))


def padded(tag: int, value: str, size: int) -> bytes:
    return tlv(tag, value.encode("cp866").ljust(size))


def fields_of(data: bytes):
    """Tag and value of each field; stops where a length does not fit."""
    while len(data) >= 4:
        tag, length = struct.unpack_from("<HH", data)
        if len(data) < 4 + length:
            return
        yield tag, data[4 : 4 + length]
        data = data[4 + length :]


def exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = link.recv(count - len(data))
        if not piece:
            raise ConnectionError(f"closed after {len(data)} of {count} bytes")
        data += piece
    return data


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc
