"""Virtual registers (виртуальные кассы) for tests: traffic for a gateway, and a judge of anybody's confirmations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.simulator.fields import INN_BYTES, padded, text, u8
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.simulator.settlement import OperationType, Settlement, VatRate
from ofd_gateway.simulator.shop import FNS_SITE, Operator, Shop
from ofd_gateway.simulator.verify import Expectation, verify
from ofd_gateway.simulator.virtual_fn import Phase, VirtualFn
from ofd_gateway.testing.errors import ConfirmationWrong
from ofd_gateway.testing.goods import write_item
from ofd_gateway.testing.link import Answer, Link
from ofd_gateway.testing.receipts import OPERATIONS

if TYPE_CHECKING:
    from ofd_gateway.simulator.fn_document import QueuedDocument
    from ofd_gateway.simulator.verify import Confirmed

__all__ = ["Answer", "Registers", "VirtualRegister"]

_SEED: Final = 541
_OPERATOR: Final = Operator(inn="7704211201", name="ofd-gateway")
_CASHIER: Final = "Иванова А. П."


class Registers:
    """Makes registers; in each test they have the same numbers in the same order."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._made: list[VirtualRegister] = []

    def new(
        self, *, ffd: str = "1.05", address: str | None = None, registered: bool = True, timeout: float = 5.0
    ) -> VirtualRegister:
        """A register with a fresh drive; `registered` sends its registration report (FD 1) at once.

        `address` is another endpoint to send to, `HOST:PORT`. `timeout` is how many seconds an answer may take.
        """
        register = VirtualRegister(address or self._address, ffd=Ffd(ffd), index=len(self._made), timeout_s=timeout)
        self._made.append(register)
        if registered:
            register.register()
        return register

    def close(self) -> None:
        """Closes the connections of all."""
        for register in self._made:
            register.close()


class VirtualRegister:
    """A register with a virtual drive.

    Each document is issued by the drive and sent, after those that still wait in its queue; the answer to it is what a
    method returns. Calls block; in an asynchronous test use `await asyncio.to_thread(register.sell, …)` where the
    operator's side runs in the same loop.

    Each of them raises NotConfirmed when there is no answer, ConfirmationWrong when a drive would refuse it (both leave
    the document in the queue, and `send` sends it again), and FnRefused when the drive does not issue it.
    """

    def __init__(self, address: str, *, ffd: Ffd, index: int, timeout_s: float, seed: int = _SEED) -> None:
        self.identity = identity_of(seed, index)
        self.drive = VirtualFn(number=self.identity.fn, key=self.identity.fn.encode(), ffd=ffd)
        self._shop = Shop(self.identity, ffd=ffd, operator=_OPERATOR, seed=seed, index=index)
        self._ffd = ffd
        self._link = Link(address, timeout_s=timeout_s)
        self._last_at_local: datetime | None = None
        self._last: QueuedDocument | None = None
        self._confirmed: dict[int, Confirmed] = {}

    @property
    def fn(self) -> str:
        """FN number."""
        return self.identity.fn

    @property
    def registration_number(self) -> str:
        """Registration number (РНМ, 1037)."""
        return self.identity.registration_number

    @property
    def last_fd(self) -> int:
        """FD number of the document issued last."""
        return self.drive.last_fd

    @property
    def unconfirmed(self) -> int:
        """Documents in the drive's queue."""
        return self.drive.unconfirmed_count

    def register(self) -> Answer:
        """The registration report (отчёт о регистрации), FD 1."""
        return self._issued(
            self.drive.register(
                registration_number=self.identity.registration_number,
                user_inn=self.identity.user_inn,
                fields=self._shop.registration_fields(),
                issued_at_local=self._now(),
            )
        )

    def open_shift(self) -> Answer:
        """The report of an opened shift (отчёт об открытии смены)."""
        return self._issued(self.drive.open_shift(fields=self._shop.shift_opened_fields(), issued_at_local=self._now()))

    def sell(
        self,
        items: Sequence[Mapping[str, Any]] | None = None,
        *,
        operation: str = "income",
        total: int | None = None,
        **payments: int,
    ) -> Answer:
        """A receipt (чек). Opens a shift first when none is open.

        `items` have names of FNS JSON and sums in kopecks: `{"name": "Чай", "price": 5000, "quantity": 2}`; without
        them the shop makes something up. `payments` are `cash`, `ecash`, `prepaid`, `credit`, `provision`; without
        them all is paid in cash. `total` is the sum of the items unless a wrong one is wanted.
        """
        if not self.drive.shift_open:
            self.open_shift()
        if items is None:
            receipt = self._shop.next_receipt(self._now().date())
            return self._receipt(receipt.settlement, receipt.fields)
        written = [write_item(item, self._ffd) for item in items]
        vat: dict[VatRate, int] = {}
        for item in written:
            vat[item.rate] = vat.get(item.rate, 0) + item.rate.included_kopecks(item.sum_kopecks)
        total_kopecks = sum(item.sum_kopecks for item in written) if total is None else total
        settlement = Settlement(
            operation=OperationType(OPERATIONS[operation]),
            total_kopecks=total_kopecks,
            vat_kopecks=vat,
            **{f"{name}_kopecks": amount for name, amount in (payments or {"cash": total_kopecks}).items()},
        )
        return self._receipt(settlement, self._own_fields(b"".join(item.tlv for item in written)))

    def refund(self, items: Sequence[Mapping[str, Any]], **payments: int) -> Answer:
        """A refund (возврат прихода)."""
        return self.sell(items, operation="income_return", **payments)

    def correct(self) -> Answer:
        """A correction (чек коррекции) of a receipt that was forgotten."""
        if not self.drive.shift_open:
            self.open_shift()
        correction = self._shop.next_correction(self._now())
        return self._issued(
            self.drive.issue_receipt(
                correction.settlement, fields=correction.fields, issued_at_local=self._now(), correction=True
            )
        )

    def report_state(self) -> Answer:
        """The report of the present state (отчёт о текущем состоянии расчётов)."""
        return self._issued(
            self.drive.report_state(fields=self._shop.state_report_fields(), issued_at_local=self._now())
        )

    def close_shift(self) -> Answer:
        """The report of a closed shift (отчёт о закрытии смены)."""
        return self._issued(
            self.drive.close_shift(fields=self._shop.shift_closed_fields(), issued_at_local=self._now())
        )

    def close_archive(self) -> Answer:
        """The report of a closed archive (отчёт о закрытии ФН), the drive's last document."""
        return self._issued(
            self.drive.close_archive(fields=self._shop.archive_closed_fields(), issued_at_local=self._now())
        )

    def send(self) -> list[Answer]:
        """Sends what waits in the queue, oldest first; the answers."""
        answers = []
        while (document := self.drive.oldest) is not None:
            answers.append(self._deliver(document))
        return answers

    def repeat(self) -> Answer:
        """Sends the document that was confirmed last once more; the answer must have the same code and signs.

        Raises LookupError when nothing was confirmed yet.
        """
        if self._last is None:
            raise LookupError("nothing was confirmed yet")
        return self._ask(self._last)

    def close(self) -> None:
        """Closes the connection; the next document opens another."""
        self._link.close()

    def __repr__(self) -> str:
        return f"<VirtualRegister ФН {self.fn}, ФФД {self._ffd.value}, ФД {self.last_fd}, {self.drive.phase.name}>"

    @property
    def is_closed(self) -> bool:
        """Whether its drive issues nothing any more."""
        return self.drive.phase in (Phase.CLOSED, Phase.SENT)

    def _receipt(self, settlement: Settlement, fields: bytes) -> Answer:
        return self._issued(self.drive.issue_receipt(settlement, fields=fields, issued_at_local=self._now()))

    def _own_fields(self, items: bytes) -> bytes:
        shop = self._shop
        cashier = [text(1021, _CASHIER)]
        if self._ffd.names_its_version:
            cashier.append(padded(1203, self.identity.cashier_inn, INN_BYTES))
        place = [text(1009, shop.address), text(1187, shop.kind.label), text(1060, FNS_SITE)]
        return b"".join((u8(1055, shop.kind.taxation), *cashier, items, *place))

    def _issued(self, document: QueuedDocument) -> Answer:
        """The answer to a document of the drive, which is sent after all that are older."""
        while (oldest := self.drive.oldest) is not None and oldest is not document:
            self._deliver(oldest)
        return self._deliver(document)

    def _deliver(self, document: QueuedDocument) -> Answer:
        answer = self._ask(document)
        self.drive.confirm(document.fd, operator_message=answer.operator_message)
        self._last = document
        return answer

    def _ask(self, document: QueuedDocument) -> Answer:
        header, raw = self._link.exchange(document, fn=self.fn, version=self._ffd.session_version)
        earlier = self._confirmed.get(document.fd)
        due = Expectation(
            request_header=header,
            fn=self.fn,
            fd=document.fd,
            bits_1206_allowed=self._ffd.keeps_counters,
            response_codes=None,
            earlier=earlier,
            previous=self._confirmed.get(document.fd - 1),
        )
        confirmed, mismatches = verify(raw, due, now=datetime.now(UTC))
        if mismatches or confirmed is None:
            self.close()
            raise ConfirmationWrong([str(mismatch) for mismatch in mismatches])
        self._confirmed[document.fd] = confirmed
        return Answer(
            fd=confirmed.fd,
            response_code=confirmed.response_code,
            operator_message=confirmed.operator_message,
            operator_inn=confirmed.operator_inn,
            operator_sign=confirmed.operator_sign,
            raw=raw,
        )

    def _now(self) -> datetime:
        """The wall clock of the shop, in minutes, which never goes back."""
        at_local = (datetime.now(UTC) + self._shop.utc_offset).replace(tzinfo=None, second=0, microsecond=0)
        if self._last_at_local is not None:
            at_local = max(at_local, self._last_at_local)
        self._last_at_local = at_local
        return at_local
