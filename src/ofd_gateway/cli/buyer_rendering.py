"""Messages to buyers as commands show them: contacts masked unless somebody asks for one by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofd_gateway.cli.output import console, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.storage import BuyerMessage

__all__ = ["as_record", "print_messages", "print_table"]


def as_record(message: BuyerMessage, *, whole: bool = False) -> dict[str, Any]:
    """One message for programs; `whole` with its attempts and parts."""
    from ofd_gateway.buyers.contact import mask_contact

    record: dict[str, Any] = {
        "fn": message.fn,
        "generation": message.generation,
        "fd": message.fd,
        "channel": message.channel,
        "customer": message.customer_inn,
        "contact": None if message.contact is None else mask_contact(message.contact),
        "state": message.state,
        "reason": message.reason or None,
        "parts": message.parts,
        "charged": message.charged,
        "refunded": message.refunded,
        "attempts": message.attempts,
        "planned_at": message.planned_at.isoformat(),
        "next_attempt_at": _iso(message.next_attempt_at),
        "sent_at": _iso(message.sent_at),
        "ended_at": _iso(message.ended_at),
        "erased_at": _iso(message.erased_at),
        "reply": message.reply or None,
    }
    if whole:
        record["history"] = [
            {"at": one.at.isoformat(), "outcome": one.outcome, "code": one.code, "reply": one.reply}
            for one in message.history
        ]
        record["smsc"] = [
            {
                "part": part.part,
                "id": part.smsc_id,
                "accepted_at": part.accepted_at.isoformat(),
                "outcome": part.outcome,
            }
            for part in message.smsc
        ]
    return record


def print_table(messages: Sequence[BuyerMessage]) -> None:
    """A line for each message, for people."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ofd_gateway.buyers.contact import mask_contact

    table = Table(title="Чеки покупателям / receipts to buyers", box=box.SIMPLE_HEAD, pad_edge=False)
    names = ("когда / when", "ФН / FN", "ФД / FD", "путь / way", "кому / to", "клиент / customer", "состояние / state")
    for name in names:
        table.add_column(name, no_wrap=True)
    table.add_column("ответ / reply", overflow="fold")
    for message in messages:
        cells = (
            _local(message.planned_at),
            message.fn,
            str(message.fd),
            message.channel,
            mask_contact(message.contact) if message.contact else "–",
            message.customer_inn or "–",
            message.state,
            message.reply or message.reason,
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console().print(table)


def print_messages(messages: Sequence[BuyerMessage], *, contact: str | None = None) -> None:
    """Messages with everything that happened to them, for people; `contact` is shown in full where it is given."""
    from ofd_gateway.buyers.contact import mask_contact

    out = console()
    for message in messages:
        shown = contact or (mask_contact(message.contact) if message.contact else "–")
        out.print(f"ФН {message.fn}  ФД {message.fd}  {message.channel}  {printable(shown)}", style="bold")
        for name, value in (
            ("состояние / state", message.state),
            ("причина / reason", message.reason),
            ("клиент / customer", message.customer_inn or ""),
            ("частей / parts", str(message.parts) if message.parts else ""),
            ("списано / charged", str(message.charged) if message.charged else ""),
            ("возвращено / refunded", str(message.refunded) if message.refunded else ""),
            ("следующая попытка / next attempt", _local(message.next_attempt_at)),
            ("отправлено / sent", _local(message.sent_at)),
            ("стёрто / erased", _local(message.erased_at)),
        ):
            if value:
                out.print(f"  {name}: {printable(value)}")
        for one in message.history:
            said = one.reply if one.code is None else f"{one.code} {one.reply}"
            out.print(printable(f"  {_local(one.at)}  {one.outcome}  {said}".rstrip()))
        for part in message.smsc:
            outcome = part.outcome or "в пути / under way"
            out.print(printable(f"  часть / part {part.part}: {part.smsc_id}  {outcome}"))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _local(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S %z}"
