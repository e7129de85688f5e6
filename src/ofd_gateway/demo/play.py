"""The play: a gateway of its own, twelve registers, and a clock that is moved on half an hour at a time."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ofd_gateway.alert_settings import AlertsSettings
from ofd_gateway.app import run_gateway
from ofd_gateway.clock import SteppedClock
from ofd_gateway.demo.actor import Actor
from ofd_gateway.demo.chain import DAYS, OPERATOR_EMAIL, OWNER_INN
from ofd_gateway.demo.household import Household
from ofd_gateway.demo.news import Newsroom
from ofd_gateway.demo.scene import Ending, RegisterView, Scene
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.logs import configure_logs
from ofd_gateway.metrics import Metrics
from ofd_gateway.setting_values import SocketAddress
from ofd_gateway.settings import Settings
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.shop import Operator
from ofd_gateway.simulator.tally import Tally
from ofd_gateway.storage import open_for_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ofd_gateway.demo.scene import View

TICK: Final = timedelta(minutes=30)
TICKS_A_DAY: Final = timedelta(days=1) // TICK
LOG_FILE: Final = "gateway.log"
SHOWN_EVERY_S: Final = 0.12
LOOKED_EVERY_S: Final = 0.4
SHOWN_DAYS: Final = 16
_SETTLING: Final = timedelta(hours=1)
_SETTLING_STEP: Final = timedelta(minutes=5)
_STEP_S: Final = 0.12
_LONGEST_SETTLING_S: Final = 15.0


class DemoFailed(OfdGatewayError):
    """The gateway of the demo ended before the play did; its log says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrder:
    """What is to be played: so many days in about so many seconds, in a state directory that is left behind."""

    state_dir: Path
    days: int = DAYS
    seconds: float = 55.0


async def run_demo(order: DemoOrder, view: View, stop: asyncio.Event) -> Ending:
    """Plays and sums up. `stop` ends the play early, with the sum of what was.

    The clock of gateway and registers stands still between the steps, so a slow machine plays longer and never wrongly.
    It ends at the present moment, so that commands which look at the state directory afterwards see it as it is.

    Raises:
        DemoFailed: the gateway ended.
        OfdGatewayError: what commands raise for a state directory or a database that cannot be used.
    """
    began_s = time.monotonic()
    start = _half_hour(datetime.now(UTC)) - timedelta(days=order.days) - _SETTLING
    clock = SteppedClock(start, rate=timedelta(days=order.days).total_seconds() / order.seconds)
    view.starting("запускается шлюз и его PostgreSQL / the gateway and its PostgreSQL start")
    async with _gateway(order.state_dir, clock) as endpoint, open_for_command("embedded", order.state_dir) as database:
        play = _Play(order, clock, endpoint, await Household.furnish(database, clock.now()))
        try:
            await play.run(view, stop)
            await play.settle()
        finally:
            play.close()
            view.end()
        return await play.ending(time.monotonic() - began_s)


class _Play:
    def __init__(self, order: DemoOrder, clock: SteppedClock, endpoint: Endpoint, household: Household) -> None:
        self._order = order
        self._clock = clock
        self._household = household
        self._tally = Tally()
        self._day = 0
        online = asyncio.Event()
        online.set()
        connecting = asyncio.Semaphore(len(household.members))
        settings = Settings.model_fields["ofd"].default
        self._actors = [
            Actor(
                member,
                operator=Operator(inn=settings.inn, name=settings.name),
                endpoint=endpoint,
                tally=self._tally,
                clock=clock,
                connecting=connecting,
                online=online,
                began_on=household.began_on,
            )
            for member in household.members
        ]
        names = {actor.registration_number: actor.member.name for actor in self._actors}
        self._news = Newsroom(household.database, household.directory, OWNER_INN, names)

    async def run(self, view: View, stop: asyncio.Event) -> None:
        """Moves the clock to the end, not faster than the order says."""
        ticks = self._order.days * TICKS_A_DAY
        began_s = time.monotonic()
        shown_s = looked_s = 0.0
        await self._household.describe(self._clock.now())
        for tick in range(1, ticks + 1):
            if stop.is_set():
                return
            now = self._clock.advance(TICK)
            for actor in self._actors:
                actor.act(now)
            await asyncio.gather(*(actor.send(now) for actor in self._actors))
            if tick % TICKS_A_DAY == 0:
                await self._household.end_day(self._day, self._actors, now)
                self._day = tick // TICKS_A_DAY
            elapsed_s = time.monotonic() - began_s
            if elapsed_s - looked_s >= LOOKED_EVERY_S:
                looked_s = elapsed_s
                await self._news.refresh()
            if elapsed_s - shown_s >= SHOWN_EVERY_S:
                shown_s = elapsed_s
                view.show(self._scene())
            await asyncio.sleep(max(0.0, tick * self._order.seconds / ticks - elapsed_s))
        await self._news.refresh()
        view.show(self._scene())

    async def settle(self) -> None:
        """Lets the last news become letters, and the last letters leave."""
        deadline_s = time.monotonic() + _LONGEST_SETTLING_S
        for _ in range(_SETTLING // _SETTLING_STEP):
            self._clock.advance(_SETTLING_STEP)
            await asyncio.sleep(_STEP_S)
        waiting = await self._news.waiting_letters()
        while waiting and time.monotonic() < deadline_s:
            await asyncio.sleep(_STEP_S)
            waiting = await self._news.waiting_letters()
        await self._news.refresh()

    async def ending(self, seconds: float) -> Ending:
        """The sum of the play."""
        return Ending(
            scene=self._scene(),
            letters=await self._news.sent_letters(),
            countdowns=await self._news.countdowns(self._clock.now()),
            alert_types=tuple(sorted(self._news.types)),
            seconds=seconds,
        )

    def close(self) -> None:
        """Ends the connections."""
        for actor in self._actors:
            actor.close()

    def _scene(self) -> Scene:
        now = self._clock.now()
        return Scene(
            now=now,
            day=min(self._day + 1, self._order.days),
            days=self._order.days,
            registers=tuple(self._view(actor, now) for actor in self._actors),
            news=tuple(self._news.items),
            documents=self._tally.confirmed_count,
            mismatches=self._tally.mismatch_count,
            letters=self._news.letters,
            messages_left=self._news.messages_left,
        )

    def _view(self, actor: Actor, now: datetime) -> RegisterView:
        today = actor.day_of(now)
        return RegisterView(
            name=actor.member.name,
            store=actor.member.store.name,
            works=actor.works(now),
            shift_open=actor.fn.shift_open,
            receipts_today=actor.receipts_by_day[today],
            sold_kopecks=actor.sold_kopecks,
            unconfirmed=actor.fn.unconfirmed_count,
            history=tuple(actor.receipts_by_day[day] for day in range(max(0, today - SHOWN_DAYS + 1), today + 1)),
            alerts=tuple(
                (record.rule, record.level, record.critical)
                for record in self._news.open.get(actor.registration_number, ())
            ),
        )


@asynccontextmanager
async def _gateway(state_dir: Path, clock: SteppedClock) -> AsyncIterator[Endpoint]:
    """A gateway in this process, on free ports, that writes its log into the state directory."""
    settings = Settings.model_construct(
        listen=SocketAddress(host="127.0.0.1", port=0),
        http=SocketAddress(host="127.0.0.1", port=0),
        state_dir=state_dir,
        alerts=AlertsSettings(operator_emails=[OPERATOR_EMAIL]),
    )
    os.makedirs(state_dir, mode=0o700, exist_ok=True)  # noqa: PTH103  a moment at the start, before anything else runs
    log_fd = os.open(state_dir / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stream = configure_logs(log_format="json", fd=log_fd)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    gateway = asyncio.create_task(
        run_gateway(
            settings,
            metrics=Metrics(),
            clock=clock,
            stop=stop,
            on_ready=lambda ofd, _http, _database: ready.set_result(ofd),
        )
    )
    try:
        await asyncio.wait((gateway, ready), return_when=asyncio.FIRST_COMPLETED)
        if gateway.done():
            raise DemoFailed(f"{state_dir / LOG_FILE}: {gateway.exception()}") from gateway.exception()
        host, _, port = ready.result().rpartition(":")
        yield Endpoint(host=host, port=int(port))
    finally:
        ready.cancel()
        stop.set()
        await asyncio.wait((gateway,))
        stream.close()
        os.close(log_fd)
        if not gateway.cancelled() and (error := gateway.exception()) is not None:
            raise DemoFailed(f"{state_dir / LOG_FILE}: {error}") from error


def _half_hour(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
