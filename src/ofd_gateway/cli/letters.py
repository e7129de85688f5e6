"""`ofd-gateway letters`: what was written to whom, and what the mail server said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    LimitOption,
    StateDirOption,
    fail,
    user_name,
    with_database,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database
    from ofd_gateway.storage.letter_archive import LetterRecord

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Письма / letters about alerts.")

NumberArgument = Annotated[int, typer.Argument(min=0, max=2**63 - 1, metavar="ID", help="Number from the list.")]


@app.command("list")
def list_letters(
    recipient: Annotated[
        str | None, typer.Option(metavar="INN|operator", help="Only to this recipient.", show_default=False)
    ] = None,
    state: Annotated[
        Literal["queued", "sent", "refused", "failed"] | None,
        typer.Option(help="Only in this state.", show_default=False),
    ] = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Письма в порядке составления. / Letters in the order in which they were written."""
    from ofd_gateway.storage.letter_archive import LetterArchive

    async def work(opened: Database, _settings: Settings) -> list[LetterRecord]:
        return await LetterArchive(opened).list_letters(recipient=recipient, state=state, limit=limit)

    records = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for record in records:
            print_json(_line(record))
    else:
        _print_table(records)


@app.command("show")
def show_letter(
    number: NumberArgument,
    as_html: Annotated[bool, typer.Option("--html", help="Only the HTML part.")] = False,
    as_raw: Annotated[bool, typer.Option("--raw", help="Only the message as it is sent.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Одно письмо: текст, предупреждения, попытки. / One letter: its text, its alerts, the attempts and answers."""
    from ofd_gateway.storage.letter_archive import LetterArchive

    if as_html + as_raw + as_json > 1:
        raise typer.BadParameter("--html, --raw and --json exclude each other")

    async def work(opened: Database, _settings: Settings) -> tuple[LetterRecord, bytes] | None:
        return await LetterArchive(opened).letter(number)

    found = with_database(work, config=config, database=database, state_dir=state_dir)
    if found is None:
        raise fail(f"письма {number} нет / no such letter")
    record, raw = found
    if as_raw:
        sys.stdout.buffer.write(raw)
        return
    message = _parsed(raw)
    if as_html:
        sys.stdout.write(_part(message, "html"))
    elif as_json:
        print_json(_whole(record, message))
    else:
        _print_one(record, message)


@app.command("retry")
def retry_letter(
    number: NumberArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Отправить ещё раз, сейчас. / Send a letter again now, also one that was refused or given up."""
    from ofd_gateway.storage.letter_archive import LetterArchive

    async def work(opened: Database, settings: Settings) -> LetterRecord | None:
        from ofd_gateway.clock import left_clock

        archive = LetterArchive(opened)
        now = left_clock(settings.state_dir).now()
        if not await archive.retry(number, now, settings.alerts.notices(), who=user_name()):
            return None
        found = await archive.letter(number)
        return found[0] if found else None

    record = with_database(work, config=config, database=database, state_dir=state_dir)
    if record is None:
        raise fail(
            f"письма {number} нет, оно отправлено или отправляется / no such letter, or it was sent or is being sent"
        )
    if as_json:
        print_json(_line(record))
    else:
        sys.stdout.write(f"письмо {number} в очереди / letter {number} is queued\n")


def _parsed(raw: bytes) -> EmailMessage:
    from email import message_from_bytes, policy

    return message_from_bytes(raw, policy=policy.default)


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _line(record: LetterRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "recipient": record.recipient,
        "address": record.address,
        "subject": record.subject,
        "state": record.state,
        "created_at": record.created_at.isoformat(),
        "attempts": record.attempts,
        "next_attempt_at": _iso(record.next_attempt_at),
        "sent_at": _iso(record.sent_at),
        "message_id": record.message_id,
    }


def _whole(record: LetterRecord, message: EmailMessage) -> dict[str, Any]:
    return {
        **_line(record),
        "text": _part(message, "plain"),
        "alerts": [
            {
                "id": alert.alert_id,
                "rule": alert.rule,
                "subject": alert.subject,
                "level": alert.level,
                "reason": alert.reason.lower(),
            }
            for alert in record.alerts
        ],
        "history": [
            {"at": attempt.at.isoformat(), "outcome": attempt.outcome, "code": attempt.code, "reply": attempt.reply}
            for attempt in record.history
        ],
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _print_table(records: list[LetterRecord]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        sys.stderr.write("писем нет / no letters\n")
        return
    table = Table(title="Письма / letters", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "кому / to", "адрес / address", "составлено / written", "состояние / state"):
        table.add_column(name, no_wrap=True)
    table.add_column("тема / subject", overflow="fold")
    for record in records:
        cells = (
            str(record.id),
            printable(record.recipient),
            printable(record.address),
            _local(record.created_at),
            _state(record),
            printable(record.subject),
        )
        table.add_row(*map(Text, cells))
    console().print(table)


def _state(record: LetterRecord) -> str:
    if record.state != "queued":
        return record.state
    if record.next_attempt_at is None:
        return "held"
    return f"queued ({record.attempts})" if record.attempts else "queued"


def _print_one(record: LetterRecord, message: EmailMessage) -> None:
    out = console()
    out.print(printable(record.subject), style="bold")
    for name, value in (
        ("кому / to", f"{record.recipient} <{record.address}>"),
        ("составлено / written", _local(record.created_at)),
        ("состояние / state", _state(record)),
        ("отправлено / sent", _local(record.sent_at)),
        ("следующая попытка / next attempt", _local(record.next_attempt_at)),
        ("Message-ID", record.message_id),
    ):
        if value:
            out.print(f"{name}: {printable(value)}")
    out.print()
    for line in _part(message, "plain").splitlines():
        out.print(printable(line))
    out.print("\nпредупреждения / alerts:", style="bold")
    for alert in record.alerts:
        out.print(
            printable(
                f"  {alert.alert_id}  {alert.rule or '–'}  {alert.subject or ''}  {alert.level}  {alert.reason.lower()}"
            )
        )
    out.print("\nпопытки / attempts:", style="bold")
    for attempt in record.history:
        answer = attempt.reply if attempt.code is None else f"{attempt.code} {attempt.reply}"
        out.print(printable(f"  {_local(attempt.at)}  {attempt.outcome}  {answer}"))


def _local(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S %z}"
