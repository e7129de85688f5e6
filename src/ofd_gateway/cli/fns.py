"""`ofd-gateway fns`: the leg to the tax service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    parse_moment,
    present,
    with_database,
)
from ofd_gateway.cli.output import console, print_json, printable

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database
    from ofd_gateway.storage.fns_archive import FnsStatus, PausedLine

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Передача в ФНС / the leg to the tax service.")

STATUSES = ("unsent", "accepted", "soft_quarantine", "hard_quarantine", "refused")


@app.command("status")
def show_status(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Очередь в ФНС и её состояние. / How the queue for the tax service stands."""
    from ofd_gateway.storage.fns_archive import FnsArchive

    now = present(config, state_dir)

    async def work(opened: Database, settings: Settings) -> tuple[FnsStatus, str]:
        return await FnsArchive(opened).status(now), settings.fns.url

    status, url = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json(_record(status, now))
    else:
        _print_status(status, url, now)


@app.command("resend")
def resend(
    fn: Annotated[str | None, typer.Option(help="Only this FN; its pause ends.", show_default=False)] = None,
    fd: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Only this FD, with --fn.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="T", help="Arrived since: 2026-01-31, 2026-01-31T12:00, 24h.", show_default=False),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help=f"Only with this answer ({', '.join(STATUSES)}); repeatable.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Отправить в ФНС ещё раз, или то, что сохранено без передачи (--status unsent). / Queue documents once more."""
    from ofd_gateway.storage.fns_archive import FnsArchive

    if fn is None and since is None and not status:
        raise typer.BadParameter("name documents by --fn, --since or --status")
    if fd is not None and fn is None:
        raise typer.BadParameter("--fd goes with --fn")
    for one in status or ():
        if one not in STATUSES:
            raise typer.BadParameter(f"{one!r} is none of {', '.join(STATUSES)}")
    now = present(config, state_dir)
    moment = parse_moment(since, lambda: now)
    wanted: Any = status or None

    async def work(opened: Database, _settings: Settings) -> int:
        return await FnsArchive(opened).resend(now, fn=fn, fd=fd, since=moment, statuses=wanted)

    count = with_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"queued": count})
    else:
        console().print(f"поставлено в очередь / queued: {count}")


def _record(status: FnsStatus, now: datetime) -> dict[str, Any]:
    return {
        "queued": status.queued,
        "oldest_seconds": _waited_s(status, now),
        "rate": status.rate,
        "endpoint": "down" if status.failing_since else "up",
        "failing_since": _iso(status.failing_since),
        "failures": status.failures,
        "next_attempt_at": _iso(status.next_attempt_at),
        "last_error": status.trouble or None,
        "paused_fns": status.paused,
        "paused": [
            {
                "fn": line.fn,
                "generation": line.generation,
                "fd": line.fd,
                "failures": line.failures,
                "failing_since": _iso(line.failing_since),
                "next_attempt_at": _iso(line.next_attempt_at),
                "last_error": line.trouble,
            }
            for line in status.lines
        ],
        "not_accepted": status.not_accepted,
    }


def _waited_s(status: FnsStatus, now: datetime) -> float:
    oldest = status.oldest_queued_at
    return 0.0 if oldest is None else round(max((now - oldest).total_seconds(), 0.0), 1)


def _print_status(status: FnsStatus, url: str, now: datetime) -> None:
    out = console()
    if url:
        out.print(f"адрес / endpoint: {printable(url)}")
    if status.failing_since is not None:
        out.print(
            f"не отвечает с / silent since {_local(status.failing_since)}: {printable(status.trouble)}; "
            f"следующая попытка / next attempt {_local(status.next_attempt_at)}",
            style="red",
        )
    out.print(f"в очереди / queued: {status.queued}")
    if status.oldest_queued_at is not None:
        out.print(
            f"старейший ждёт с / oldest waits since: {_local(status.oldest_queued_at)} ({_waited_s(status, now):.0f} s)"
        )
    out.print(f"решений в секунду за минуту / decisions per second, last minute: {status.rate:g}")
    for name, documents in status.not_accepted.items():
        out.print(f"{name}: {documents}")
    if status.paused:
        out.print(f"ФН на паузе / FNs that pause: {status.paused}", style="yellow")
        for line in status.lines:
            out.print(_line(line))


def _line(line: PausedLine) -> str:
    return (
        f"  {line.fn} ФД {line.fd}: {printable(line.trouble)}, попыток / attempts {line.failures}, "
        f"с / since {_local(line.failing_since)}, далее / next {_local(line.next_attempt_at)}"
    )


def _local(at: datetime | None) -> str:
    return "–" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
