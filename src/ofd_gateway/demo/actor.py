"""One register of the chain at work: it opens, sells and closes by its own clock, as its fate has it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from ofd_gateway.demo.chain import OWNER_INN, OWNER_NAME, SEED
from ofd_gateway.simulator.dice import Dice
from ofd_gateway.simulator.habit import HABITS
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.simulator.refusal import FnRefused, Refusal
from ofd_gateway.simulator.register import Register
from ofd_gateway.simulator.shop import Operator, Shop
from ofd_gateway.simulator.till import Plan, Till
from ofd_gateway.simulator.virtual_fn import DEFAULT_CAPACITY_DOCUMENTS, SHIFT_LIMIT, Phase, VirtualFn

if TYPE_CHECKING:
    import asyncio

    from ofd_gateway.clock import Clock
    from ofd_gateway.demo.chain import Member
    from ofd_gateway.simulator.register import Endpoint
    from ofd_gateway.simulator.shop import Receipt
    from ofd_gateway.simulator.tally import Tally

OPENS: Final = time(9)
CLOSES: Final = time(21)
COMES_BACK: Final = time(15)
SALES_A_TICK: Final = 0.6
"""Chance of a receipt in half an hour."""
EXTRA_KOPECKS: Final = 200
NEVER_SENT: Final = 3
"""The oldest so many documents of a stuck drive."""


class Actor:
    """A register with its drive; `act` issues what is due at a moment, `send` brings it to the operator."""

    def __init__(
        self,
        member: Member,
        *,
        operator: Operator,
        endpoint: Endpoint,
        tally: Tally,
        clock: Clock,
        connecting: asyncio.Semaphore,
        online: asyncio.Event,
        began_on: date,
    ) -> None:
        store, fate = member.store, member.fate
        identity = identity_of(SEED, member.index, owner_inn=OWNER_INN)
        shop = Shop(
            identity,
            ffd=member.ffd,
            operator=operator,
            seed=SEED,
            index=member.index,
            kind=store.kind,
            place=(store.address, store.offset_h),
            user_name=OWNER_NAME,
        )
        fn = VirtualFn(
            number=identity.fn,
            key=identity.fn.encode(),
            ffd=member.ffd,
            key_days=fate.key_days,
            capacity_documents=fate.capacity or DEFAULT_CAPACITY_DOCUMENTS,
        )
        self.member = member
        self.registration_number = identity.registration_number
        self.fn = fn
        self.receipts_by_day: Counter[int] = Counter()
        self.sold_kopecks = 0
        self.contacts = 0
        """Receipts whose buyers left an address, since somebody last asked."""
        self.refusals: Counter[Refusal] = Counter()
        self._identity = identity
        self._shop = shop
        self._dice = Dice("demo", SEED, member.index)
        self._began_on = began_on
        self._opened_at_local: datetime | None = None
        self._sent_fd = 0
        self._register = Register(
            Till(identity=identity, fn=fn, shop=shop, plan=Plan()),
            endpoint=replace(endpoint, response_codes=frozenset((0, 14)) if fate.wrong_totals else frozenset((0,))),
            habit=HABITS["keep-alive"],
            tally=tally,
            clock=clock,
            connecting=connecting,
            online=online,
        )

    def day_of(self, now: datetime) -> int:
        """The day of the play by the register's own clock."""
        return ((now + self._shop.utc_offset).date() - self._began_on).days

    def works(self, now: datetime) -> bool:
        """Whether it is switched on."""
        return self.day_of(now) not in self.member.fate.dead

    def act(self, now: datetime) -> None:
        """Issues what is due at this half hour; what the drive refuses is counted, and tried again later."""
        at_local = (now + self._shop.utc_offset).replace(tzinfo=None, second=0, microsecond=0)
        if not self.works(now):
            return
        try:
            self._act(at_local, self.day_of(now))
        except FnRefused as refused:
            self.refusals[refused.refusal] += 1

    async def send(self, now: datetime) -> None:
        """Sends the drive's queue, oldest first; a stuck one sends its newest document and keeps them all."""
        fn = self.fn
        if self.day_of(now) in self.member.fate.stuck:
            await self._send_out_of_turn()
            return
        while fn.oldest is not None:
            await self._register.send_oldest()

    def close(self) -> None:
        """Closes the connection."""
        self._register.close()

    def _act(self, at_local: datetime, day: int) -> None:
        fn, shop = self.fn, self._shop
        if fn.phase is Phase.SETUP:
            fn.register(
                registration_number=self._identity.registration_number,
                user_inn=self._identity.user_inn,
                fields=shop.registration_fields(),
                issued_at_local=at_local,
            )
        elif OPENS <= at_local.time() < CLOSES:
            if self._cashier_is_away(at_local, day):
                return
            if fn.shift_open and self._opened_at_local is not None and at_local - self._opened_at_local > SHIFT_LIMIT:
                self._close_shift(at_local)
            elif not fn.shift_open:
                fn.open_shift(fields=shop.shift_opened_fields(), issued_at_local=at_local)
                self._opened_at_local = at_local
            elif self._dice.chance(SALES_A_TICK):
                self._sell(at_local, day)
        elif fn.shift_open and day != self.member.fate.forgets_on_day and at_local.time() >= CLOSES:
            self._close_shift(at_local)

    def _cashier_is_away(self, at_local: datetime, day: int) -> bool:
        forgets_on_day = self.member.fate.forgets_on_day
        return forgets_on_day is not None and day == forgets_on_day + 1 and at_local.time() < COMES_BACK

    def _close_shift(self, at_local: datetime) -> None:
        self.fn.close_shift(fields=self._shop.shift_closed_fields(), issued_at_local=at_local)

    def _sell(self, at_local: datetime, day: int) -> None:
        receipt = self._shop.next_receipt(at_local.date())
        settlement = receipt.settlement
        if day in self.member.fate.wrong_totals:
            settlement = replace(
                settlement,
                total_kopecks=settlement.total_kopecks + EXTRA_KOPECKS,
                ecash_kopecks=settlement.ecash_kopecks + EXTRA_KOPECKS,
            )
        self.fn.issue_receipt(settlement, fields=receipt.fields, issued_at_local=at_local)
        self._count(receipt, day)

    def _count(self, receipt: Receipt, day: int) -> None:
        self.receipts_by_day[day] += 1
        self.sold_kopecks += receipt.settlement.total_kopecks
        self.contacts += receipt.has_contact

    async def _send_out_of_turn(self) -> None:
        newest = self.fn.newest
        if newest is not None and self.fn.unconfirmed_count > NEVER_SENT and newest.fd != self._sent_fd:
            await self._register.send_newest()
            self._sent_fd = newest.fd
