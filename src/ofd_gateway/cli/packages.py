"""`ofd-gateway packages`: messages to buyers that a customer has bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    with_database,
    with_directory,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, Directory, Package

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Пакеты сообщений / messages to buyers.")

CustomerOption = Annotated[str, typer.Option("--customer", metavar="ИНН", help="INN of the customer.")]
MessagesOption = Annotated[int, typer.Option("--messages", min=1, max=10**9, help="Сколько / how many.")]
ReasonOption = Annotated[str, typer.Option(help="Основание / what for.", show_default=False)]


@app.command("topup")
def top_up(
    customer: CustomerOption,
    messages: MessagesOption,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Пополнить пакет клиента. / Add messages to a customer's package."""
    from ofd_gateway.storage import PackageBook

    async def work(opened: Database, directory: Directory, now: datetime) -> int:
        return await PackageBook(opened).top_up(customer, messages, reason, directory, now)

    balance = with_directory(work, config=config, database=database, state_dir=state_dir)
    _print_balance(customer, balance, as_json=as_json)


@app.command("spend")
def spend(
    customer: CustomerOption,
    messages: MessagesOption,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Списать сообщения; больше остатка не списать. / Take messages away, never more than are left."""
    from ofd_gateway.storage import PackageBook

    async def work(opened: Database, directory: Directory, now: datetime) -> int:
        return await PackageBook(opened).spend(customer, messages, reason, directory, now)

    balance = with_directory(work, config=config, database=database, state_dir=state_dir)
    _print_balance(customer, balance, as_json=as_json)


@app.command("show")
def show_package(
    customer: CustomerOption,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Остаток и последние движения. / The balance and the latest movements."""
    from ofd_gateway.storage import PackageBook

    async def work(opened: Database, _settings: Settings) -> Package:
        return await PackageBook(opened).get(customer)

    package = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json(
            {
                "customer": package.customer_inn,
                "balance": package.balance,
                "movements": [
                    {
                        "at": movement.at.isoformat(),
                        "messages": movement.messages,
                        "balance": movement.balance,
                        "reason": movement.reason,
                    }
                    for movement in package.movements
                ],
            }
        )
        return
    _print_balance(customer, package.balance, as_json=False)
    for movement in package.movements:
        moved = f"{movement.messages:+}  → {movement.balance}  {printable(movement.reason)}"
        console().print(f"{movement.at.astimezone():%Y-%m-%d %H:%M:%S}  {moved}".rstrip())


def _print_balance(customer: str, balance: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"customer": customer, "balance": balance})
    else:
        console().print(f"{customer}: осталось сообщений / messages left: {balance}")
