"""`ofd-gateway demo`: sixty days of a small chain in about a minute, on a gateway of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, fail

if TYPE_CHECKING:
    from ofd_gateway.demo.play import DemoOrder
    from ofd_gateway.demo.scene import Ending, View

__all__ = ["demo"]


def demo(
    days: Annotated[int, typer.Option(min=1, max=400, help="Сколько дней сыграть. / Days to play.")] = 60,
    seconds: Annotated[
        float, typer.Option(min=1, help="За сколько секунд, если машина успевает. / In about so many seconds.")
    ] = 55.0,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Показать всё за минуту: три магазина, двенадцать касс. / A small chain plays sixty days in a minute.

    Шлюз, база и письма лежат в новом каталоге и остаются там; настройки машины не читаются. / Gateway, database and
    letters are left in a new folder; settings of this machine are not read.
    """
    import sys
    import tempfile

    from ofd_gateway.cli.output import console, print_json
    from ofd_gateway.demo.lines import Lines
    from ofd_gateway.demo.play import DemoOrder

    if database not in (None, "embedded"):
        raise typer.BadParameter("только встроенная база / the built-in one alone", param_hint="--database")
    folder = (state_dir or Path(tempfile.mkdtemp(prefix="ofd-gateway-demo-"))).absolute()
    if (folder / "postgres").exists():
        raise fail(f"{folder}: здесь уже есть база, возьмите новый каталог / there is a database here already", code=2)
    out = console()
    view: View
    if sys.stdout.isatty() and not as_json:
        from ofd_gateway.demo.stage import Stage

        view = Stage(out)
    else:
        view = Lines(sys.stderr if as_json else sys.stdout)
    ending = _play(DemoOrder(state_dir=folder, days=days, seconds=seconds), view)
    if as_json:
        print_json(_object(ending, folder))
        return
    from ofd_gateway.demo.ending import print_ending

    print_ending(ending, folder, out, command=_own_name())


def _play(order: DemoOrder, view: View) -> Ending:
    """SIGINT and SIGTERM end the play early, with the sum of what was; a second one kills."""
    import asyncio
    import signal
    import sys

    from ofd_gateway.demo.play import run_demo

    async def play() -> Ending:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def once(number: int) -> None:
            stop.set()
            loop.remove_signal_handler(number)

        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, once, number)
        return await run_demo(order, view, stop)

    return asyncio.run(play())


def _object(ending: Ending, state_dir: Path) -> dict[str, object]:
    scene = ending.scene
    return {
        "state_dir": str(state_dir),
        "days": scene.day,
        "documents": scene.documents,
        "mismatches": scene.mismatches,
        "types": list(ending.alert_types),
        "alerts": [
            {"at": item.at.isoformat(), "kind": item.kind, "rule": item.rule, "level": item.level, "about": item.about}
            for item in scene.news
        ],
        "letters": [
            {"id": one.number, "at": one.at.isoformat(), "address": one.address, "subject": one.subject}
            for one in ending.letters
        ],
        "countdowns": [
            {
                "name": one.name,
                "at": None if one.at is None else one.at.isoformat(),
                "days_left": one.days_left,
                "cause": one.cause,
            }
            for one in ending.countdowns
        ],
        "seconds": round(ending.seconds, 1),
    }


def _own_name() -> str:
    """How this very command is called from where the user stands."""
    import sys

    path = Path(sys.argv[0])
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path) if path.name == "ofd-gateway" else "ofd-gateway"
