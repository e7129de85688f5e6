"""`ofd-gateway buyers`: receipts on their way to buyers, and what is kept of buyers' contacts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.buyers.states import MessageState
from ofd_gateway.cli.buyer_rendering import as_record, print_messages, print_table
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    LimitOption,
    StateDirOption,
    fail,
    user_name,
    with_database,
    with_directory,
)
from ofd_gateway.cli.output import print_json

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import BuyerMessage, Database, Directory

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Чеки покупателям / receipts to buyers.")

FnArgument = Annotated[str, typer.Argument(metavar="ФН", help="Number of the FN.")]
FdArgument = Annotated[int, typer.Argument(metavar="ФД", min=0, max=2**32 - 1, help="Number of the document.")]
GenerationOption = Annotated[
    int | None, typer.Option(min=0, max=2**31 - 1, help="Of a debug FN; the latest without it.", show_default=False)
]
ContactOption = Annotated[str, typer.Option("--contact", metavar="X", help="Телефон или адрес / phone or e-mail.")]


@app.command("list")
def list_messages(
    state: Annotated[
        MessageState | None,
        typer.Option(help="Only in this state.", show_default=False),
    ] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="ИНН", help="Only of this customer.", show_default=False)
    ] = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Сообщения по времени; контакты скрыты. / Messages in their order; contacts are masked."""
    from ofd_gateway.storage import BuyerArchive

    async def work(opened: Database, _settings: Settings) -> list[BuyerMessage]:
        return await BuyerArchive(opened).list_messages(state=state, customer=customer, limit=limit)

    messages = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for message in messages:
            print_json(as_record(message))
    elif messages:
        print_table(messages)
    else:
        sys.stderr.write("сообщений нет / no messages\n")


@app.command("show")
def show_receipt(
    fn: FnArgument,
    fd: FdArgument,
    generation: GenerationOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Сообщения одного чека: попытки, ответы, списания. / The messages of one receipt: attempts, answers, charges."""
    from ofd_gateway.storage import BuyerArchive

    async def work(opened: Database, _settings: Settings) -> list[BuyerMessage]:
        return await BuyerArchive(opened).of_receipt(fn, fd, generation)

    messages = with_database(work, config=config, database=database, state_dir=state_dir)
    if not messages:
        raise fail(f"по чеку {fd} ФН {fn} сообщений нет / no messages of this receipt")
    if as_json:
        for message in messages:
            print_json(as_record(message, whole=True))
    else:
        print_messages(messages)


@app.command("resend")
def resend_receipt(
    fn: FnArgument,
    fd: FdArgument,
    generation: GenerationOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Отправить чек ещё раз; СМС спишется снова. / Send a receipt again; a message to a phone is charged anew."""
    from ofd_gateway.ledger import RECEIPT_CODES
    from ofd_gateway.storage import BuyerArchive

    async def work(opened: Database, settings: Settings) -> bool:
        from datetime import UTC, datetime

        if not settings.buyers_on:
            sys.stderr.write(
                "отправка выключена, чек подождёт: smtp.host, sms.host / sending is off by these settings\n"
            )
        return await BuyerArchive(opened).resend(fn, fd, generation, sorted(RECEIPT_CODES), datetime.now(UTC))

    if not with_database(work, config=config, database=database, state_dir=state_dir):
        raise fail(f"чека {fd} ФН {fn} нет / no such receipt")
    if as_json:
        print_json({"fn": fn, "fd": fd, "queued": True})
    else:
        sys.stdout.write(f"чек {fd} ФН {fn} в очереди / the receipt is queued\n")


@app.command("export")
def export_contact(
    contact: ContactOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Всё, что хранится о контакте. / Everything that is kept under a contact, beside the documents themselves."""
    from ofd_gateway.storage import BuyerArchive

    wanted = _normalised(contact)

    async def work(opened: Database, _settings: Settings) -> list[BuyerMessage]:
        return await BuyerArchive(opened).of_contact(wanted)

    messages = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for message in messages:
            print_json({**as_record(message, whole=True), "contact": message.contact})
    elif messages:
        print_messages(messages, contact=wanted)
    else:
        sys.stderr.write("ничего не хранится / nothing is kept\n")


@app.command("erase")
def erase_contact(
    contact: ContactOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Стереть контакт и отменить то, что ещё не ушло. / Erase a contact, and cancel what has not gone out."""
    from ofd_gateway.storage import BuyerErasure

    wanted = _normalised(contact)

    async def work(opened: Database, directory: Directory, now: datetime) -> int:
        erasure = BuyerErasure(opened, directory, on_watched=_say_nothing)
        return await erasure.of_contact(wanted, now, who=user_name())

    erased = with_directory(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"erased": erased})
    else:
        sys.stdout.write(
            f"стёрто в сообщениях: {erased}; сами чеки хранятся пять лет по закону / "
            f"erased in messages: {erased}; the documents are kept for five years by law\n"
        )


def _normalised(contact: str) -> str:
    from ofd_gateway.buyers.contact import ContactUnusable, normalise_contact

    try:
        return normalise_contact(contact)
    except ContactUnusable as error:
        raise typer.BadParameter(f"no phone number and no e-mail address ({error.reason})") from None


def _say_nothing(outcome: Any) -> None:
    """What a refund means for the alerts is stored; the gateway tells of it."""
