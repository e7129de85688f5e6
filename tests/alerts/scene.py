"""A register on a stage: documents are written tag by tag, time is moved by hand, every transition is kept."""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, date, datetime, timedelta
from struct import pack
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ofd_gateway.alerts import (
    DocumentAccepted,
    Parameters,
    RegisterConfigured,
    ServicePaid,
    State,
    StepResult,
    Transition,
    decode_state,
    encode_state,
    register_state,
    step,
)
from ofd_gateway.alerts.facts import FnFacts, RegisterFacts
from ofd_gateway.ffd import Document, decode
from ofd_gateway.ffd.tlv import tlv

if TYPE_CHECKING:
    from ofd_gateway.alerts import Event

FN = "9289000100087745"
OTHER_FN = "9289000100087746"
REGISTER = "0001335368021619"
MOSCOW = ZoneInfo("Europe/Moscow")
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""A Monday, 10:00 in Moscow."""

REGISTRATION, REREGISTRATION, OPEN_SHIFT, STATE, RECEIPT, CORRECTION = 1, 11, 2, 21, 3, 31
BSO, BSO_CORRECTION, CLOSE_SHIFT, CLOSE_FN = 4, 41, 5, 6
SIZES = {1213: 2, 1038: 4, 1097: 4, 1098: 4, 1116: 4}


def days(count: float) -> timedelta:
    return timedelta(days=count)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def local(text: str) -> datetime:
    """What a register's clock shows: naive."""
    return datetime.fromisoformat(text)


def seconds_of(day: date) -> int:
    """The value of tag 1098: midnight of the register's date."""
    return timegm((day.year, day.month, day.day, 0, 0, 0))


def make_document(
    code: int,
    fd: int,
    issued: datetime | None,
    *,
    fn: str = FN,
    register: str | None = REGISTER,
    shift: int | None = None,
    tags: dict[int, int | bytes] | None = None,
    version: int = 2,
) -> Document:
    """A document dated `issued` (the register's own clock, naive) with extra tags, integers in their usual sizes."""
    records = [tlv(1209, bytes((version,))), tlv(1041, fn.encode().ljust(16)), tlv(1040, pack("<I", fd))]
    if register is not None:
        records.append(tlv(1037, register.encode().ljust(20)))
    if issued is not None:
        records.append(tlv(1012, pack("<I", timegm(issued.timetuple()))))
    if shift is not None:
        records.append(tlv(1038, pack("<I", shift)))
    for tag, value in (tags or {}).items():
        raw = value if isinstance(value, bytes) else value.to_bytes(SIZES.get(tag, 1), "little")
        records.append(tlv(tag, raw))
    return decode(tlv(code, b"".join(records)))


class Stage:
    """One register. `now` is our clock; documents are dated by it in Moscow unless told otherwise."""

    def __init__(self, parameters: Parameters | None = None, *, restart_always: bool = False) -> None:
        self.state: State = register_state()
        self.parameters = parameters or Parameters()
        self.now = START
        self.fd = 0
        self.shift = 0
        self.history: list[Transition] = []
        self.last: StepResult | None = None
        self.restart_always = restart_always

    @property
    def facts(self) -> RegisterFacts:
        assert isinstance(self.state.facts, RegisterFacts)
        return self.state.facts

    @property
    def fn(self) -> FnFacts:
        assert self.facts.fn is not None
        return self.facts.fn

    def open(self, rule: str | None = None) -> list[tuple[str, str]]:
        return [(a.rule, a.level.name) for a in self.state.open if rule in (None, a.rule)]

    def told(self, rule: str | None = None) -> list[tuple[str, str]]:
        return [(t.kind.value, t.level.name) for t in self.history if rule in (None, t.rule)]

    def changes(self, rule: str) -> list[Transition]:
        return [change for change in self.history if change.rule == rule]

    def step(self, event: Event | None = None) -> StepResult:
        if self.restart_always:
            self.state = decode_state(encode_state(self.state))
        result = step(self.state, event, self.now, self.parameters)
        assert result.failures == ()
        self.state = result.state
        self.history += result.changes
        self.last = result
        return result

    def wait(self, span: timedelta) -> StepResult:
        """Time passes and the sleeper looks once."""
        self.now += span
        return self.step()

    def document(
        self,
        code: int,
        tags: dict[int, int | bytes] | None = None,
        *,
        fd: int | None = None,
        issued: datetime | None = None,
        undated: bool = False,
        fn: str = FN,
        generation: int = 0,
        response_code: int = 0,
        shift: int | None = None,
        register: str | None = REGISTER,
        version: int = 2,
    ) -> StepResult:
        self.fd = self.fd + 1 if fd is None else fd
        if code == OPEN_SHIFT and shift is None:
            self.shift += 1
        dated = None if undated else (issued or self.now.astimezone(MOSCOW).replace(tzinfo=None))
        document = make_document(
            code,
            self.fd,
            dated,
            fn=fn,
            register=register,
            tags=tags,
            shift=self.shift if shift is None else shift,
            version=version,
        )
        return self.step(
            DocumentAccepted(
                at=self.now,
                fn=fn,
                fd=self.fd,
                document=document,
                generation=generation,
                response_code=response_code,
            )
        )

    def begin(self, *, key_days: int = 400) -> Stage:
        """Registered, a shift open, one receipt."""
        self.document(REGISTRATION, {1213: key_days, 1048: "Ромашка".encode("cp866"), 1187: b"shop"})
        self.document(OPEN_SHIFT)
        self.document(RECEIPT)
        return self

    def pay(self, until: datetime | None) -> StepResult:
        return self.step(ServicePaid(at=self.now, paid_until=until))

    def configure(self, **settings: object) -> StepResult:
        return self.step(RegisterConfigured(at=self.now, **settings))  # type: ignore[arg-type]
