"""`ofd-gateway simulate`: virtual registers against any operator's endpoint."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption
from ofd_gateway.cli.simulation import run_and_show, show_scenarios
from ofd_gateway.simulator.fleet import DEFAULT_OPERATOR, FleetOrder
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS, Habit
from ofd_gateway.simulator.identity import inn_is_valid
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.scenario import find_scenario
from ofd_gateway.simulator.shop import Operator
from ofd_gateway.simulator.till import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.clock import Clock

MIXED = "mixed"
DEFAULT_RECEIPTS = 10
_SECONDS_OF_ROOM = 5
"""How far two processes' views of a fast clock may lie apart, in real seconds."""
_BY_SCENARIO = (
    "registers",
    "receipts",
    "duration",
    "rate",
    "ffd",
    "habit",
    "receipts_per_shift",
    "close_fn",
    "prebuild",
    "lose",
    "expect_code",
)
"""Options that a scenario decides."""

_HABITS_HELP = "; ".join(f"{habit.name}: {habit.text}" for habit in HABITS.values())


def simulate(
    context: typer.Context,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="HOST:PORT[,…]",
            help="Куда подключаться (шлюз этой машины); несколько адресов через запятую или повтором: при отказе "
            "следующий. / Endpoint of the operator (the gateway of this machine); several: the next when one fails.",
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
    scenario: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Сценарий: имя или файл TOML. / A shipped scenario, or a TOML file."),
    ] = None,
    list_scenarios: Annotated[
        bool, typer.Option("--list-scenarios", help="Какие есть сценарии. / Scenarios that are shipped.")
    ] = False,
    clock_start: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Виртуальное время, как в serve. / Virtual time like serve's.", show_default=False
        ),
    ] = None,
    clock_rate: Annotated[
        float | None, typer.Option(metavar="N", help="Его скорость. / Its pace.", show_default=False)
    ] = None,
    clock_anchor: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Когда начато; шлюз пишет в clock.virtual. / The real moment it began, told by clock.virtual.",
            show_default=False,
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
    if list_scenarios:
        show_scenarios(as_json=as_json)
        return
    (host, port), *others = parse_endpoints(to or [_listening(config, database, state_dir)])
    clock = _clock(clock_start, clock_rate, clock_anchor, config, state_dir, follows=not to)
    endpoint = Endpoint(
        host=host,
        port=port,
        others=tuple(others),
        answer_timeout_s=parse_duration_s(answer_timeout, "--answer-timeout"),
        operator_inn=_checked_inn(operator_inn),
        response_codes=parse_codes(expect_code),
        clock_tolerance=_tolerance(parse_duration_s(clock_tolerance, "--clock-tolerance"), clock),
    )
    operator = Operator(inn=operator_inn, name=DEFAULT_OPERATOR.name) if operator_inn else DEFAULT_OPERATOR
    patience_s = parse_duration_s(patience, "--patience")
    orders: Sequence[FleetOrder]
    if scenario is not None:
        _refuse_what_scenarios_decide(context)
        orders = find_scenario(scenario).orders(endpoint, seed=seed, operator=operator, patience_s=patience_s)
    else:
        try:
            order = FleetOrder(
                endpoint=endpoint,
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
                operator=operator,
                prebuilt=prebuild,
                lose_probability=lose,
                patience_s=patience_s,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        orders = (order,)
    clean = run_and_show(orders, scenario=scenario, record=record, clock=clock, as_json=as_json)
    if not clean:
        raise typer.Exit(1)


def parse_endpoints(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Host and port of each `HOST:PORT[,HOST:PORT…]`; typer.BadParameter when one is none."""
    return [parse_endpoint(part.strip()) for text in texts for part in text.split(",")]


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


def _refuse_what_scenarios_decide(context: typer.Context) -> None:
    for name in _BY_SCENARIO:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{option}: решает сценарий / the scenario decides that", param_hint="--scenario")


def _clock(
    start: str | None,
    rate: float | None,
    anchor: str | None,
    config: Path | None,
    state_dir: Path | None,
    *,
    follows: bool,
) -> Clock:
    """A virtual clock by the options; else that of this machine's gateway, when it is the one that is talked to."""
    from ofd_gateway.clock import SystemClock, VirtualClock, left_clock
    from ofd_gateway.settings import SettingsError, load_settings

    given = {name: value for name, value in (("start", start), ("rate", rate), ("anchor", anchor)) if value is not None}
    if given:
        try:
            setting = load_settings(config, clock=given).clock.anchored(SystemClock().now()).setting()
        except SettingsError as error:
            raise typer.BadParameter(str(error), param_hint="--clock-start") from None
        return SystemClock() if setting is None else VirtualClock(setting)
    if follows or state_dir is not None:
        return left_clock(load_settings(config, state_dir=state_dir).state_dir)
    return SystemClock()


def _tolerance(tolerance_s: float, clock: Clock) -> timedelta:
    """A fast clock goes on while an answer is on its way."""
    from ofd_gateway.clock import real_s

    return timedelta(seconds=max(tolerance_s, _SECONDS_OF_ROOM / real_s(clock, 1.0)))
