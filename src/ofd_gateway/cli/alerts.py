"""`ofd-gateway alerts`: what the rules found; muting of letters."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ofd_gateway.cli.alert_lines import STATES, line, print_table
from ofd_gateway.cli.alert_replay import replay
from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    LimitOption,
    StateDirOption,
    parse_moment,
    present,
    with_database,
    with_directory,
)
from ofd_gateway.cli.output import print_json, printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from pathlib import Path

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, Directory
    from ofd_gateway.storage.alerts import AlertBook, AlertRecord

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Уведомления / what the rules found.")

IdArgument = Annotated[int, typer.Argument(min=0, max=2**63 - 1, metavar="ID", help="Number from the list.")]
WhoOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it; the user of this machine by default.")
]
WhyOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the history of the alert.", show_default=False)]


@app.command("list")
def list_alerts(
    only_open: Annotated[bool, typer.Option("--open", help="Without those that are resolved.")] = False,
    customer: Annotated[
        str | None, typer.Option(metavar="INN", help="Only those of this INN.", show_default=False)
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule: register_silent …", show_default=False)] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="Only this type: service, messages, silence, fault, operator.", show_default=False),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only this register, FN or customer, by its number.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Opened since: 2026-01-31, 24h.", show_default=False)
    ] = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Уведомления в порядке появления. / Alerts in the order in which they were opened."""
    from ofd_gateway.storage.alerts import AlertBook

    _check_choices(rule, type_)
    moment = parse_moment(since, lambda: present(config, state_dir))

    async def work(opened: Database, _settings: Settings) -> list[AlertRecord]:
        return await AlertBook(opened).list(
            open_only=only_open,
            customer=customer,
            rule=rule,
            type_=type_,
            subject=subject,
            since=moment,
            limit=limit,
        )

    records = with_database(work, config=config, database=database, state_dir=state_dir)
    now = present(config, state_dir)
    if as_json:
        for record in records:
            print_json(line(record, now))
    else:
        print_table(records, now)


@app.command("explain")
def explain_alert(
    number: IdArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Почему: документы, пороги, история, письма. / Why: documents, thresholds, history and letters."""
    from ofd_gateway.cli.alert_explanation import collect, print_explanation

    now = present(config, state_dir)
    explanation = with_database(
        lambda opened, settings: collect(opened, settings, number, now),
        config=config,
        database=database,
        state_dir=state_dir,
    )
    if as_json:
        print_json(explanation)
    else:
        print_explanation(explanation)


@app.command("ack")
def ack(
    number: IdArgument,
    why: WhyOption = "",
    who: WhoOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Принять к сведению: до закрытия писем нет. / No letters until it is resolved or turns critical."""
    _change(
        lambda book, name, now: book.ack(number, who=name, why=_storable(why), now=now),
        who,
        config=config,
        database=database,
        state_dir=state_dir,
        as_json=as_json,
    )


@app.command("unack")
def unack(
    number: IdArgument,
    why: WhyOption = "",
    who: WhoOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Отменить `ack`. / Take an acknowledgement back."""
    _change(
        lambda book, name, now: book.unack(number, who=name, why=_storable(why), now=now),
        who,
        config=config,
        database=database,
        state_dir=state_dir,
        as_json=as_json,
    )


@app.command("silence")
def silence(
    number: IdArgument,
    for_: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="2h, 3d.", show_default=False)] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="2026-01-31, 2026-01-31T12:00.", show_default=False)
    ] = None,
    why: WhyOption = "",
    who: WhoOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Придержать письма на время. / Hold letters back for a time."""
    ends_at = _end_of_silence(for_, until, present(config, state_dir))
    _change(
        lambda book, name, now: book.silence(number, ends_at, who=name, why=_storable(why), now=now),
        who,
        config=config,
        database=database,
        state_dir=state_dir,
        as_json=as_json,
    )


@app.command("unsilence")
def unsilence(
    number: IdArgument,
    why: WhyOption = "",
    who: WhoOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Отменить `silence`. / End a silence."""
    _change(
        lambda book, name, now: book.unsilence(number, who=name, why=_storable(why), now=now),
        who,
        config=config,
        database=database,
        state_dir=state_dir,
        as_json=as_json,
    )


app.command("replay")(replay)


def _change(
    action: Callable[[AlertBook, str, datetime], Awaitable[AlertRecord]],
    who: str | None,
    *,
    config: Path | None,
    database: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Carries out one change and says what the alert is by then."""
    from ofd_gateway.storage.alerts import AlertBook

    async def work(opened: Database, directory: Directory, now: datetime) -> tuple[AlertRecord, datetime]:
        return await action(AlertBook(opened, directory.notices), _storable(who or _user()), now), now

    record, now = with_directory(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json(line(record, now))
        return
    state = STATES[record.state(now)]
    what = printable(f"{record.rule} {record.level}, {record.subject}")
    sys.stdout.write(f"уведомление {record.id} ({what}): {state}\n")


def _check_choices(rule: str | None, type_: str | None) -> None:
    from ofd_gateway.alerts import RULES, AlertType
    from ofd_gateway.alerts.incident import INCIDENT_RULE

    rules = [*(known.name for known in RULES), INCIDENT_RULE]
    if rule is not None and rule not in rules:
        raise typer.BadParameter(f"{rule!r} is none of {', '.join(rules)}")
    types = [known.value for known in AlertType]
    if type_ is not None and type_ not in types:
        raise typer.BadParameter(f"{type_!r} is none of {', '.join(types)}")


def _end_of_silence(for_: str | None, until: str | None, now: datetime) -> datetime:
    from datetime import UTC, datetime

    from ofd_gateway.durations import DurationError, parse_duration

    if (for_ is None) == (until is None):
        raise typer.BadParameter("one of --for and --until is needed")
    try:
        ends_at = (
            now + parse_duration(for_) if for_ is not None else datetime.fromisoformat(until or "").astimezone(UTC)
        )
    except DurationError as error:
        raise typer.BadParameter(str(error)) from None
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{for_ or until!r} is no moment like 2026-01-31T12:00") from None
    if ends_at <= now:
        raise typer.BadParameter("the silence would end before it begins")
    return ends_at


def _user() -> str:
    """The name of the user, or its number where the machine knows no name."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _storable(text: str) -> str:
    """What the shell gave may hold bytes that are no text in any language; PostgreSQL takes none of them."""
    return text.encode("utf-8", "replace").decode()
