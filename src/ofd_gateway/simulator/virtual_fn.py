"""A virtual fiscal drive (ФН): numbers, counts, signs and queues documents by the rules of a real one."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import IntEnum

from ofd_gateway.simulator.fields import (
    FN_BYTES,
    INN_BYTES,
    REGISTRATION_NUMBER_BYTES,
    local_time,
    padded,
    u8,
    u16,
    u32,
)
from ofd_gateway.simulator.fn_document import DocumentCode, QueuedDocument
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.refusal import FnRefused, Refusal
from ofd_gateway.simulator.sealing import seal
from ofd_gateway.simulator.settlement import Counters, Settlement, unsent_totals

SHIFT_LIMIT = timedelta(hours=24)
QUEUE_LIMIT = timedelta(days=30)
OPERATOR_TIMEOUT = timedelta(days=2)
FIELDS_LIMIT_BYTES = 30 * 1024
CLOSING_DOCUMENTS = 2
"""Room the archive keeps for the closing of the shift and of itself."""
DEFAULT_KEY_DAYS = 410
DEFAULT_CAPACITY_DOCUMENTS = 250_000


class Phase(IntEnum):
    """Phase of life (фаза жизни ФН) as command 30h of a real drive tells it."""

    SETUP = 1
    FISCAL = 3
    CLOSED = 7
    SENT = 15


class VirtualFn:
    """One drive from registration to the closing of its archive.

    The register hands over its own fields; the drive puts its fields in front (1209, 1190, 1041, 1037, 1018,
    1040, 1012, 1077, then 1038, 1042 and what it counts), signs, wraps and queues. Signs are keyed digests: a
    software drive has no operator's keys, and needs none for an endpoint that cannot check them.

    Every command raises FnRefused, and changes nothing, where a real drive would refuse it.
    """

    __slots__ = (
        "_capacity_documents",
        "_key",
        "_key_days",
        "_keys_until_local",
        "_last_issued_at_local",
        "_life",
        "_queue",
        "_registration_number",
        "_shift",
        "_shift_documents",
        "_shift_opened_at_local",
        "_user_inn",
        "ffd",
        "last_fd",
        "number",
        "operator_message",
        "phase",
        "receipt_number",
        "shift_number",
    )

    def __init__(
        self,
        *,
        number: str,
        key: bytes,
        ffd: Ffd,
        key_days: int = DEFAULT_KEY_DAYS,
        capacity_documents: int = DEFAULT_CAPACITY_DOCUMENTS,
    ) -> None:
        if len(number) != FN_BYTES or not (number.isascii() and number.isdigit()):
            raise ValueError(f"an FN number (номер ФН) has 16 digits, {number!r} has not")
        self.number = number
        self.ffd = ffd
        self.phase = Phase.SETUP
        self.last_fd = 0
        self.shift_number = 0
        self.receipt_number = 0
        self.operator_message = 0
        self._key = key
        self._key_days = key_days
        self._capacity_documents = capacity_documents
        self._queue: deque[QueuedDocument] = deque()
        self._life = Counters()
        self._shift = Counters()
        self._shift_documents = 0
        self._shift_opened_at_local: datetime | None = None
        self._last_issued_at_local: datetime | None = None
        self._keys_until_local: datetime | None = None
        self._registration_number = ""
        self._user_inn = ""

    @property
    def oldest(self) -> QueuedDocument | None:
        """The document that is sent next: always the oldest unconfirmed one."""
        return self._queue[0] if self._queue else None

    @property
    def newest(self) -> QueuedDocument | None:
        """The document issued last, if it waits for a confirmation."""
        return self._queue[-1] if self._queue else None

    @property
    def unconfirmed_count(self) -> int:
        """Documents without a confirmation (непереданные ФД)."""
        return len(self._queue)

    @property
    def shift_open(self) -> bool:
        """Whether receipts can be issued."""
        return self._shift_opened_at_local is not None

    @property
    def fill_percent(self) -> float:
        """How full the archive is: documents issued against its capacity (заполненность ФН)."""
        return 100 * self.last_fd / self._capacity_documents

    def blocked(self, at_local: datetime) -> bool:
        """Whether the oldest unconfirmed document is older than 30 days, so that the drive refuses everything (15h)."""
        return bool(self._queue) and at_local - self._queue[0].issued_at_local > QUEUE_LIMIT

    def key_days_left(self, at_local: datetime) -> int:
        """Days the keys still live (ресурс ключей, 1213); the whole life before registration, never below zero."""
        if self._keys_until_local is None:
            return self._key_days
        return max(0, (self._keys_until_local - at_local).days)

    def register(
        self, *, registration_number: str, user_inn: str, fields: bytes, issued_at_local: datetime
    ) -> QueuedDocument:
        """The registration report (отчёт о регистрации): FD 1, only from a drive that was never registered."""
        self._require(self.phase is Phase.SETUP, "the drive is registered already (ФН уже фискализирован)")
        _require_length(fields)
        self._registration_number = registration_number
        self._user_inn = user_inn
        self._keys_until_local = issued_at_local + timedelta(days=self._key_days)
        self.phase = Phase.FISCAL
        return self._issue(DocumentCode.REGISTRATION, self._key_field(issued_at_local), fields, issued_at_local)

    def change_registration(self, *, fields: bytes, issued_at_local: datetime) -> QueuedDocument:
        """The re-registration report (отчёт об изменении параметров регистрации): shift closed, queue empty."""
        self._require_fiscal(fields, issued_at_local)
        self._require(not self.shift_open, "close the shift first (закройте смену)")
        self._require(not self._queue, "documents wait for confirmation (есть непереданные ФД)")
        own = self._key_field(issued_at_local) + self._life_counters()
        return self._issue(DocumentCode.REGISTRATION_CHANGED, own, fields, issued_at_local)

    def open_shift(self, *, fields: bytes, issued_at_local: datetime) -> QueuedDocument:
        """The report of an opened shift (отчёт об открытии смены): shift number + 1, receipt numbers start anew."""
        self._require_fiscal(fields, issued_at_local)
        self._require(not self.shift_open, "a shift is open already (смена уже открыта)")
        self._require_keys(issued_at_local)
        self._require_connection(issued_at_local)
        self.shift_number += 1
        self.receipt_number = 0
        self._shift = Counters()
        self._shift_documents = 1
        self._shift_opened_at_local = issued_at_local
        own = u32(1038, self.shift_number) + self._warnings(issued_at_local)
        return self._issue(DocumentCode.SHIFT_OPENED, own, fields, issued_at_local)

    def issue_receipt(
        self,
        settlement: Settlement,
        *,
        fields: bytes,
        issued_at_local: datetime,
        correction: bool = False,
        bso: bool = False,
    ) -> QueuedDocument:
        """A receipt (чек) or a correction (чек коррекции): only in an open shift that is younger than 24 hours.

        `bso` makes it a form of strict accounting (БСО) of a shop that sells services.
        """
        self._require_fiscal(fields, issued_at_local)
        self._require_open_shift(issued_at_local)
        self._require_connection(issued_at_local)
        self.receipt_number += 1
        self._shift_documents += 1
        self._shift.add(settlement, correction=correction)
        self._life.add(settlement, correction=correction)
        own = u32(1038, self.shift_number) + u32(1042, self.receipt_number) + settlement.fields()
        return self._issue(_RECEIPT_CODES[bso, correction], own, fields, issued_at_local, settlement)

    def report_state(self, *, fields: bytes, issued_at_local: datetime) -> QueuedDocument:
        """The report of the present state (отчёт о текущем состоянии расчётов)."""
        self._require_fiscal(fields, issued_at_local)
        self._require_connection(issued_at_local)
        if self.shift_open:
            self._shift_documents += 1
        own = u32(1038, self.shift_number) + self._unsent()
        if self._queue:
            own += u32(1116, self._queue[0].fd)
        if self.ffd is Ffd.V1_2:
            own += self._key_field(issued_at_local)
        own += self._life_counters()
        if self._queue and self.ffd.keeps_counters:
            own += unsent_totals(document.settlement for document in self._queue if document.settlement is not None)
        return self._issue(DocumentCode.STATE_REPORT, own, fields, issued_at_local)

    def close_shift(self, *, fields: bytes, issued_at_local: datetime) -> QueuedDocument:
        """The report of a closed shift (отчёт о закрытии смены) with the counts of the shift."""
        self._require_fiscal(fields, issued_at_local, closing=True)
        self._require(self.shift_open, "no shift is open (смена не открыта)")
        self._require_connection(issued_at_local)
        self._shift_documents += 1
        own = b"".join(
            (
                u32(1038, self.shift_number),
                u32(1118, self.receipt_number),
                u32(1111, self._shift_documents),
                self._unsent(),
                self._warnings(issued_at_local),
                self._key_field(issued_at_local),
            )
        )
        if self.ffd.keeps_counters:
            own += self._shift.fields(1194) + self._life.fields(1157)
        self._shift_opened_at_local = None
        return self._issue(DocumentCode.SHIFT_CLOSED, own, fields, issued_at_local)

    def close_archive(self, *, fields: bytes, issued_at_local: datetime) -> QueuedDocument:
        """The last document (отчёт о закрытии ФН): shift closed, everything before it confirmed."""
        self._require_fiscal(fields, issued_at_local, closing=True)
        self._require(not self.shift_open, "close the shift first (закройте смену)")
        self._require(not self._queue, "documents wait for confirmation (есть непереданные ФД)")
        self.phase = Phase.CLOSED
        own = u32(1038, self.shift_number) + self._life_counters()
        return self._issue(DocumentCode.ARCHIVE_CLOSED, own, fields, issued_at_local)

    def confirm(self, fd: int, *, operator_message: int = 0) -> QueuedDocument:
        """Takes the oldest document out of the queue once its confirmation was checked.

        `fd` is the number the confirmation names; any other than the oldest is refused as a real drive does
        (26h, reason 3), and the queue stays as it is.
        """
        oldest = self.oldest
        if oldest is None or oldest.fd != fd:
            waiting = "nothing" if oldest is None else f"FD {oldest.fd}"
            raise FnRefused(
                Refusal.CONFIRMATION_REFUSED,
                f"reason 3, wrong FD number (неверный номер ФД): the confirmation names {fd}, {waiting} waits",
            )
        self._queue.popleft()
        self.operator_message |= operator_message
        if self.phase is Phase.CLOSED and not self._queue:
            self.phase = Phase.SENT
        return oldest

    def _require(self, condition: bool, detail: str) -> None:
        if not condition:
            raise FnRefused(Refusal.WRONG_STATE, detail)

    def _require_fiscal(self, fields: bytes, issued_at_local: datetime, *, closing: bool = False) -> None:
        self._require(
            self.phase is Phase.FISCAL, f"phase {self.phase.value} issues nothing (ФН не в фискальном режиме)"
        )
        _require_length(fields)
        if self._last_issued_at_local is not None and issued_at_local < self._last_issued_at_local:
            raise FnRefused(
                Refusal.WRONG_TIME, f"{issued_at_local} lies before the last document, {self._last_issued_at_local}"
            )
        if not closing and self.last_fd + CLOSING_DOCUMENTS >= self._capacity_documents:
            raise FnRefused(Refusal.ARCHIVE_FULL, "only the closing of shift and archive fits (архив ФН заполнен)")

    def _require_open_shift(self, issued_at_local: datetime) -> None:
        opened_at = self._shift_opened_at_local
        if opened_at is None:
            raise FnRefused(Refusal.WRONG_STATE, "open a shift first (откройте смену)")
        if issued_at_local - opened_at > SHIFT_LIMIT:
            raise FnRefused(Refusal.SHIFT_OVER_24_HOURS, "close the shift (закройте смену)")
        self._require_keys(issued_at_local)

    def _require_keys(self, at_local: datetime) -> None:
        if self._keys_until_local is not None and at_local >= self._keys_until_local:
            raise FnRefused(Refusal.KEYS_EXPIRED, "close the archive (исчерпан ресурс ключей, закройте архив ФН)")

    def _require_connection(self, at_local: datetime) -> None:
        if self.blocked(at_local):
            raise FnRefused(Refusal.UNSENT_FOR_30_DAYS, "send the queue to the operator (передайте ФД оператору)")

    def _warnings(self, at_local: datetime) -> bytes:
        days_left = self.key_days_left(at_local)
        parts = []
        if days_left <= 30:
            parts.append(u8(1050, 1))
        if days_left <= 3:
            parts.append(u8(1051, 1))
        if (self.last_fd + 1) * 100 >= self._capacity_documents * 99:
            parts.append(u8(1052, 1))
        if self._queue and at_local - self._queue[0].issued_at_local > OPERATOR_TIMEOUT:
            parts.append(u8(1053, 1))
        if self.operator_message and self.ffd.keeps_counters:
            parts.append(u8(1206, self.operator_message))
            self.operator_message = 0
        return b"".join(parts)

    def _unsent(self) -> bytes:
        if not self._queue:
            return u32(1097, 0) + u32(1098, 0)
        first_day = self._queue[0].issued_at_local.replace(hour=0, minute=0, second=0, microsecond=0)
        return u32(1097, len(self._queue)) + local_time(1098, first_day)

    def _key_field(self, at_local: datetime) -> bytes:
        return u16(1213, self.key_days_left(at_local)) if self.ffd.names_its_version else b""

    def _life_counters(self) -> bytes:
        return self._life.fields(1157) if self.ffd.keeps_counters else b""

    def _issue(
        self,
        code: DocumentCode,
        own: bytes,
        fields: bytes,
        issued_at_local: datetime,
        settlement: Settlement | None = None,
    ) -> QueuedDocument:
        fd = self.last_fd + 1
        head = self._head(code, fd, issued_at_local)
        container = seal(code, fn=self.number, fd=fd, key=self._key, head=head, rest=own + fields)
        document = QueuedDocument(
            fd=fd, code=code, issued_at_local=issued_at_local, container=container, settlement=settlement
        )
        self.last_fd = fd
        self._last_issued_at_local = issued_at_local
        self._queue.append(document)
        return document

    def _head(self, code: DocumentCode, fd: int, issued_at_local: datetime) -> bytes:
        versions = b""
        if self.ffd.names_its_version:
            versions = u8(1209, self.ffd.version_number)
            if code in (DocumentCode.REGISTRATION, DocumentCode.REGISTRATION_CHANGED):
                versions += u8(1190, self.ffd.version_number)
        return b"".join(
            (
                versions,
                padded(1041, self.number, FN_BYTES),
                padded(1037, self._registration_number, REGISTRATION_NUMBER_BYTES),
                padded(1018, self._user_inn, INN_BYTES),
                u32(1040, fd),
                local_time(1012, issued_at_local),
            )
        )


_RECEIPT_CODES = {
    (False, False): DocumentCode.RECEIPT,
    (False, True): DocumentCode.CORRECTION,
    (True, False): DocumentCode.BSO,
    (True, True): DocumentCode.BSO_CORRECTION,
}


def _require_length(fields: bytes) -> None:
    if len(fields) > FIELDS_LIMIT_BYTES:
        raise FnRefused(
            Refusal.TOO_LONG, f"{len(fields)} bytes of fields, {FIELDS_LIMIT_BYTES} fit (данные слишком длинны)"
        )
