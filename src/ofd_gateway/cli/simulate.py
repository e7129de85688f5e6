"""`ofd-gateway simulate`: virtual registers against any operator's endpoint."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, fail, print_json
from ofd_gateway.simulator.fleet import DEFAULT_OPERATOR, FleetOrder, FleetReport, Progress, run_fleet
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS, Habit
from ofd_gateway.simulator.identity import inn_is_valid
from ofd_gateway.simulator.record import Recorder
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.report import progress_line, report_object, summary_lines
from ofd_gateway.simulator.shop import Operator
from ofd_gateway.simulator.till import Plan

MIXED = "mixed"
DEFAULT_RECEIPTS = 10

_HABITS_HELP = "; ".join(f"{habit.name}: {habit.text}" for habit in HABITS.values())


def simulate(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="HOST:PORT",
            help="Куда подключаться (шлюз этой машины). / Endpoint of the operator (the gateway of this machine).",
            show_default=False,
        ),
    ] = None,
    registers: Annotated[int, typer.Option(min=1, max=100_000, help="Число касс. / Virtual registers.")] = 10,
    receipts: Annotated[
        int | None, typer.Option(min=0, help=f"Чеков на кассу ({DEFAULT_RECEIPTS}). / Receipts of each register.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Длительность, 30s, 5m. / Run for this long, then close shifts.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Документов в секунду на всех. / Documents per second of the fleet, open loop."),
    ] = None,
    ffd: Annotated[
        str,
        typer.Option(metavar="VERSIONS", help="Версии ФФД через запятую. / Formats dealt to the registers in turn."),
    ] = "1.05",
    seed: Annotated[
        int, typer.Option(min=0, max=999_999, help="Зерно: те же кассы и чеки. / Same shops and receipts.")
    ] = 1,
    habit: Annotated[
        str, typer.Option(metavar="HABITS", help=f"Привычки связи через запятую, {MIXED}: все. / {_HABITS_HELP}.")
    ] = "keep-alive",
    receipts_per_shift: Annotated[int, typer.Option(min=1, help="Чеков в смене. / Receipts of one shift.")] = 50,
    close_fn: Annotated[
        bool, typer.Option("--close-fn", help="Закрыть ФН в конце. / Close the drives at the end.")
    ] = False,
    prebuild: Annotated[
        bool, typer.Option("--prebuild", help="Собрать документы заранее. / Build documents before the clock starts.")
    ] = False,
    lose: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Доля потерянных подтверждений. / Share of confirmations lost on purpose."),
    ] = 0.0,
    operator_inn: Annotated[
        str | None, typer.Option(help="ИНН ОФД: в регистрацию и для проверки 1017. / Operator's INN, sent and checked.")
    ] = None,
    expect_code: Annotated[
        str, typer.Option(metavar="CODES", help="Ожидаемые коды 1022 или any. / Expected response codes, or any.")
    ] = "0",
    answer_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Ожидание подтверждения (по протоколу 300s). / Wait for an answer.")
    ] = "30s",
    clock_tolerance: Annotated[
        str, typer.Option(metavar="TIME", help="Допуск времени 1012. / Tolerance of the confirmation's time.")
    ] = "5m",
    patience: Annotated[
        str, typer.Option(metavar="TIME", help="Сдаться без подтверждений за. / Give up without any confirmation for.")
    ] = "2m",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Подтверждённые документы, JSON построчно. / Confirmed documents as JSON lines.",
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Виртуальные кассы шлют документы и проверяют каждое подтверждение. / Virtual registers check every confirmation.

    Код выхода 0: всё подтверждено и верно; 1: расхождения или неподтверждённые документы; 2: неверные параметры.
    """
    host, port = parse_endpoint(to or _listening(config, database, state_dir))
    try:
        order = FleetOrder(
            endpoint=Endpoint(
                host=host,
                port=port,
                answer_timeout_s=parse_duration_s(answer_timeout, "--answer-timeout"),
                operator_inn=_checked_inn(operator_inn),
                response_codes=parse_codes(expect_code),
                clock_tolerance=timedelta(seconds=parse_duration_s(clock_tolerance, "--clock-tolerance")),
            ),
            registers=registers,
            plan=Plan(
                receipts=DEFAULT_RECEIPTS if receipts is None and duration is None else receipts,
                receipts_per_shift=receipts_per_shift,
                closes_archive=close_fn,
            ),
            duration_s=None if duration is None else parse_duration_s(duration, "--duration"),
            rate_per_s=rate,
            ffd_mix=_formats(ffd),
            habits=_habits(habit),
            seed=seed,
            operator=Operator(inn=operator_inn, name=DEFAULT_OPERATOR.name) if operator_inn else DEFAULT_OPERATOR,
            prebuilt=prebuild,
            lose_probability=lose,
            patience_s=parse_duration_s(patience, "--patience"),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    report = _run(order, record)
    if as_json:
        print_json(report_object(report))
    else:
        for line in summary_lines(report):
            typer.echo(line)
    if not report.clean:
        raise typer.Exit(1)


def parse_endpoint(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; typer.BadParameter when it is neither."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"{text!r}: HOST:PORT, [::1]:7777", param_hint="--to")
    return host, int(port)


def parse_duration_s(text: str, option: str) -> float:
    """Seconds of `250ms`, `3s`, `5m`, `24h`, `1h30m`; typer.BadParameter when it is no duration or none at all."""
    from ofd_gateway.settings import parse_duration

    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if not isinstance(duration, timedelta) or not duration:
        raise typer.BadParameter(f"{text!r}: 250ms, 3s, 5m, 24h", param_hint=option)
    return duration.total_seconds()


def _listening(config: Path | None, database: str | None, state_dir: Path | None) -> str:
    """Where the gateway with the same settings listens."""
    from ofd_gateway.settings import load_settings

    return str(load_settings(config, database=database, state_dir=state_dir).listen)


def _formats(text: str) -> tuple[Ffd, ...]:
    try:
        return tuple(Ffd(part.strip()) for part in text.split(","))
    except ValueError:
        known = ", ".join(version.value for version in Ffd)
        raise typer.BadParameter(f"{text!r}: {known}", param_hint="--ffd") from None


def _habits(text: str) -> tuple[Habit, ...]:
    if text == MIXED:
        return tuple(HABITS.values())
    try:
        return tuple(HABITS[part.strip()] for part in text.split(","))
    except KeyError as error:
        raise typer.BadParameter(f"{error.args[0]!r}: {', '.join(HABITS)}, {MIXED}", param_hint="--habit") from None


def parse_codes(text: str) -> frozenset[int] | None:
    """Response codes of `0,14`, None for `any`; typer.BadParameter when it is neither."""
    if text == "any":
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) < 256 for part in parts):
        raise typer.BadParameter(f"{text!r}: 0,14 / any", param_hint="--expect-code")
    return frozenset(map(int, parts))


def _checked_inn(inn: str | None) -> str | None:
    if inn is not None and not inn_is_valid(inn):
        raise typer.BadParameter(
            f"{inn!r}: 10 или 12 цифр с верным контрольным числом / digits", param_hint="--operator-inn"
        )
    return inn


def _run(order: FleetOrder, record: Path | None) -> FleetReport:
    with ExitStack() as resources:
        try:
            recorder = resources.enter_context(Recorder(record)) if record is not None else None
        except OSError as error:
            raise typer.BadParameter(str(error), param_hint="--record") from error
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                return runner.run(_run_until_stopped(order, recorder))
            except OSError as error:
                raise fail(f"{record}: {error}") from error


async def _run_until_stopped(order: FleetOrder, recorder: Recorder | None) -> FleetReport:
    """SIGINT and SIGTERM end the run in good order: shifts are closed, queues sent. A second one kills."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    interactive = sys.stderr.isatty()
    if sys.platform != "win32":
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, _stop_once, loop, signal_number, stop)
    try:
        return await run_fleet(
            order,
            recorder=recorder,
            stop=stop,
            on_progress=_show_in_place if interactive else _show_line,
            progress_every_s=0.5 if interactive else 5.0,
        )
    finally:
        if interactive:
            typer.echo(err=True)


def _stop_once(loop: asyncio.AbstractEventLoop, signal_number: signal.Signals, stop: asyncio.Event) -> None:
    stop.set()
    loop.remove_signal_handler(signal_number)


def _show_in_place(progress: Progress) -> None:
    typer.echo(f"\r\x1b[2K{progress_line(progress)}", err=True, nl=False)


def _show_line(progress: Progress) -> None:
    typer.echo(progress_line(progress), err=True)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # pragma: no cover - uvloop exists on every platform of the tests
        return None
    return uvloop.Loop
