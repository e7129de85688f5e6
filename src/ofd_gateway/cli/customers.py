"""`ofd-gateway customers`: who is told, and of what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli import values
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    fail,
    user_name,
    with_database,
    with_directory,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Customer, Database, Directory

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Клиенты / who is told, and of what.")

InnOption = Annotated[str, typer.Option("--inn", metavar="ИНН", help="INN of the customer.")]
NameOption = Annotated[str | None, typer.Option(help="Имя / name.", show_default=False)]
EmailOption = Annotated[
    list[str] | None, typer.Option("--email", help="Адреса, через запятую / addresses.", show_default=False)
]
NotifyOption = Annotated[
    str | None,
    typer.Option(metavar="TYPES", help="service,messages,silence,fault; none.", show_default=False),
]
TimezoneOption = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Часовой пояс: Asia/Omsk; none.", show_default=False)
]
LocaleOption = Annotated[str | None, typer.Option(metavar="ru|en", help="Язык писем / language.", show_default=False)]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="RULE.NAME=VALUE",
        help="Свои пороги: service_ending.before=45d; none.",
        show_default=False,
    ),
]
QuietOption = Annotated[
    str | None, typer.Option(metavar="HH:MM-HH:MM", help="Тихие часы / quiet hours; none.", show_default=False)
]
ReceiptsOption = Annotated[
    str | None,
    typer.Option(metavar="WAYS", help="Чеки покупателям / receipts to buyers: email,sms; none.", show_default=False),
]
TellResolvedOption = Annotated[
    bool | None,
    typer.Option("--tell-resolved/--no-tell-resolved", help="Писать, когда всё в порядке снова.", show_default=False),
]


@app.command("add")
def add_customer(
    inn: InnOption,
    name: NameOption = None,
    email: EmailOption = None,
    notify: NotifyOption = None,
    timezone: TimezoneOption = None,
    locale: LocaleOption = None,
    threshold: ThresholdOption = None,
    quiet_hours: QuietOption = None,
    tell_resolved: TellResolvedOption = None,
    receipts: ReceiptsOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Добавить клиента; его кассы находятся по ИНН. / Add a customer; its registers are found by the INN."""
    from ofd_gateway.storage import Customer, CustomerBook

    told = _told(name, email, notify, timezone, locale, quiet_hours, tell_resolved, receipts)
    number = values.inn(inn)
    parameters = values.thresholds({}, threshold or [])

    async def work(opened: Database, directory: Directory, now: datetime) -> Customer:
        customer = Customer(
            inn=number,
            parameters=parameters,
            created_at=now,
            changed_at=now,
            **{
                "name": "",
                "emails": (),
                "notify": values.TYPES,
                "locale": "ru",
                "timezone": None,
                "quiet_hours": None,
                "tell_resolved": True,
                **told,
            },
        )
        await CustomerBook(opened).add(customer, directory)
        return customer

    _show(with_directory(work, config=config, database=database, state_dir=state_dir), as_json=as_json)


@app.command("set")
def set_customer(
    inn: InnOption,
    name: NameOption = None,
    email: EmailOption = None,
    notify: NotifyOption = None,
    timezone: TimezoneOption = None,
    locale: LocaleOption = None,
    threshold: ThresholdOption = None,
    quiet_hours: QuietOption = None,
    tell_resolved: TellResolvedOption = None,
    receipts: ReceiptsOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Изменить названное, остальное остаётся. / Change what is named; the rest stays."""
    import msgspec

    from ofd_gateway.storage import CustomerBook

    told = _told(name, email, notify, timezone, locale, quiet_hours, tell_resolved, receipts)

    async def work(opened: Database, directory: Directory, now: datetime) -> Customer:
        book = CustomerBook(opened)
        known = await book.get(inn)
        if known is None:
            raise _unknown(inn)
        customer = msgspec.structs.replace(
            known, parameters=values.thresholds(known.parameters, threshold or []), changed_at=now, **told
        )
        await book.change(customer, directory, now, who=user_name(), has_new_emails=email is not None)
        return customer

    _show(with_directory(work, config=config, database=database, state_dir=state_dir), as_json=as_json)


@app.command("remove")
def remove_customer(
    inn: InnOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Убрать клиента: больше ему не пишут; кассы, документы и письма остаются. / Remove a customer; the rest stays."""
    from ofd_gateway.storage import CustomerBook

    async def work(opened: Database, directory: Directory, now: datetime) -> None:
        await CustomerBook(opened).remove(inn, directory, now, who=user_name())

    with_directory(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"inn": inn, "removed": True})
    else:
        console().print(f"клиента {printable(inn)} больше нет / the customer is removed")


@app.command("list")
def list_customers(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Все клиенты по ИНН. / All customers by INN."""
    from ofd_gateway.storage import CustomerBook

    async def work(opened: Database, _settings: Settings) -> list[Customer]:
        return await CustomerBook(opened).list()

    customers = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        for customer in customers:
            print_json(_line(customer))
    else:
        _print_table(customers)


@app.command("show")
def show_customer(
    inn: Annotated[str | None, typer.Argument(metavar="ИНН", help="INN of the customer.", show_default=False)] = None,
    inn_option: Annotated[
        str | None, typer.Option("--inn", metavar="ИНН", help="The same as an option.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Один клиент. / One customer."""
    from ofd_gateway.storage import CustomerBook

    number = inn or inn_option
    if number is None:
        raise typer.BadParameter("an INN is needed")

    async def work(opened: Database, _settings: Settings) -> Customer | None:
        return await CustomerBook(opened).get(number)

    customer = with_database(work, config=config, database=database, state_dir=state_dir)
    if customer is None:
        raise _unknown(number)
    _show(customer, as_json=as_json)


def _told(
    name: str | None,
    email: list[str] | None,
    notify: str | None,
    timezone: str | None,
    locale: str | None,
    quiet_hours: str | None,
    tell_resolved: bool | None,
    receipts: str | None,
) -> dict[str, Any]:
    """What the options say, checked; options that were not given are absent."""
    told: dict[str, Any] = {}
    if name is not None:
        told["name"] = name
    if email is not None:
        told["emails"] = values.emails(email)
    if notify is not None:
        told["notify"] = values.types(notify)
    if timezone is not None:
        told["timezone"] = values.timezone(timezone)
    if locale is not None:
        told["locale"] = values.locale(locale)
    if quiet_hours is not None:
        told["quiet_hours"] = values.quiet_hours(quiet_hours)
    if tell_resolved is not None:
        told["tell_resolved"] = tell_resolved
    if receipts is not None:
        told["receipts"] = values.channels(receipts)
    return told


def _unknown(inn: str) -> typer.Exit:
    return fail(f"клиента {inn} нет / no such customer")


def _line(customer: Customer) -> dict[str, Any]:
    return {
        "inn": customer.inn,
        "name": customer.name,
        "emails": list(customer.emails),
        "notify": list(customer.notify),
        "locale": customer.locale,
        "timezone": customer.timezone,
        "thresholds": customer.parameters,
        "tell_resolved": customer.tell_resolved,
        "quiet_hours": customer.quiet_hours,
        "receipts": list(customer.receipts),
        "created_at": customer.created_at.isoformat(),
        "changed_at": customer.changed_at.isoformat(),
    }


def _show(customer: Customer, *, as_json: bool) -> None:
    if as_json:
        print_json(_line(customer))
        return
    out = console()
    for name, value in (
        ("ИНН / INN", customer.inn),
        ("имя / name", customer.name),
        ("адреса / e-mails", ", ".join(customer.emails) or "нет: писать некому / none"),
        ("уведомления / notify", ", ".join(customer.notify) or "нет / none"),
        ("язык / locale", customer.locale),
        ("пояс / timezone", customer.timezone or "общий / default"),
        ("тихие часы / quiet hours", customer.quiet_hours or "нет / none"),
        ("чеки покупателям / receipts", ", ".join(customer.receipts) or "нет / none"),
        ("конец тревоги / resolved", "писать / tell" if customer.tell_resolved else "не писать / do not tell"),
        *(
            (f"порог / threshold {rule}.{option}", value)
            for rule, options in sorted(customer.parameters.items())
            for option, value in sorted(options.items())
        ),
    ):
        out.print(f"{name}: {printable(str(value))}")


def _print_table(customers: list[Customer]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not customers:
        sys.stderr.write("клиентов нет / no customers\n")
        return
    table = Table(title="Клиенты / customers", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("ИНН / INN", "имя / name", "адреса / e-mails", "уведомления / notify"):
        table.add_column(name, overflow="fold")
    for customer in customers:
        cells = (customer.inn, customer.name, ", ".join(customer.emails), ", ".join(customer.notify))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console().print(table)
