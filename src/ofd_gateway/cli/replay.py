"""`ofd-gateway replay`: sends recorded messages of registers again and checks the answers."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ofd_gateway.cli.addresses import parse_address
from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, fail, print_json
from ofd_gateway.cli.inputs import read_file, read_pieces
from ofd_gateway.cli.recorded import print_notes
from ofd_gateway.cli.simulate import parse_codes, parse_duration_s
from ofd_gateway.clock import SystemClock
from ofd_gateway.replay.plan import Numbering, ReplayPlan, TooManyDrives, plan_replay
from ofd_gateway.replay.run import Connections, Outcome, Pace, ReplayOrder, run_replay

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["replay"]

_FN: Final = re.compile(r"[0-9]{15,16}")
_SHOWN_MISMATCHES: Final = 3


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Anything that decode reads: pcapng, JSON lines, hex.")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="Кому слать. / The operator to send to.")],
    rate: Annotated[
        str,
        typer.Option(metavar="N|original|max", help="Сообщений в секунду, как записано, сразу. / Messages a second."),
    ] = "max",
    connections: Annotated[
        Connections, typer.Option(help="Какие сообщения на одном соединении. / Which messages share a connection.")
    ] = Connections.AS_RECORDED,
    fn: Annotated[
        str | None, typer.Option(metavar="FN", help="Другой номер ФН. / Send under this FN number.", show_default=False)
    ] = None,
    fd_from: Annotated[
        int | None,
        typer.Option(
            min=1, max=0xFFFFFF, help="Нумеровать ФД отсюда. / Number documents from here.", show_default=False
        ),
    ] = None,
    sign: Annotated[
        str, typer.Option(metavar="keep|random", help="ФПС: как записан или случайный. / The message sign.")
    ] = "keep",
    expect_code: Annotated[
        str, typer.Option(metavar="CODES", help="Верные коды 1022: 0,14 или any. / Right response codes, or any.")
    ] = "any",
    answer_timeout: Annotated[str, typer.Option(metavar="TIME", help="Ждать ответа. / Wait for an answer.")] = "30s",
    clock_tolerance: Annotated[
        str, typer.Option(metavar="TIME", help="Допуск времени 1012. / Tolerance of the confirmation's time.")
    ] = "5m",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Шлёт записанные сообщения касс снова и проверяет каждый ответ. / Sends recorded messages again, checks answers.

    Код выхода 0: на всё отвечено верно; 1: нет; 2: неверные параметры. / Exit 0 when every answer came and is right.
    """
    del config, database, state_dir
    order = ReplayOrder(
        to=parse_address(to, "--to"),
        pace=_pace(rate),
        connections=connections,
        answer_timeout_s=parse_duration_s(answer_timeout, "--answer-timeout"),
        response_codes=parse_codes(expect_code),
        clock_tolerance=timedelta(seconds=parse_duration_s(clock_tolerance, "--clock-tolerance")),
    )
    capture = read_pieces(read_file(file))
    try:
        plan = plan_replay(capture.pieces, _numbering(fn, fd_from, sign))
    except TooManyDrives as error:
        raise typer.BadParameter(str(error), param_hint="--fn") from error
    print_notes(capture.notes)
    if not plan.messages:
        raise fail(_no_messages(plan))
    outcomes = _run(plan, order, as_json=as_json)
    _show_end(plan, outcomes, sign=sign, as_json=as_json)
    is_whole = len(outcomes) == len(plan.messages) and all(outcome.is_right for outcome in outcomes)
    if not is_whole or plan.skipped or any(note.is_fault for note in capture.notes):
        raise typer.Exit(1)


def _pace(text: str) -> Pace:
    if text == "original":
        return Pace(original=True)
    if text == "max":
        return Pace()
    try:
        per_second = float(text)
    except ValueError:
        per_second = 0.0
    if not 0 < per_second < float("inf"):
        raise typer.BadParameter(f"{text!r}: 10, 0.5, original, max", param_hint="--rate")
    return Pace(per_second=per_second)


def _numbering(fn: str | None, fd_from: int | None, sign: str) -> Numbering:
    if fn is not None and not _FN.fullmatch(fn):
        raise typer.BadParameter(f"{fn!r}: 15 или 16 цифр / digits", param_hint="--fn")
    if sign not in {"keep", "random"}:
        raise typer.BadParameter(f"{sign!r}: keep, random", param_hint="--sign")
    return Numbering(fn=fn, fd_from=fd_from, new_sign=secrets.token_bytes if sign == "random" else None)


def _run(plan: ReplayPlan, order: ReplayOrder, *, as_json: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if as_json:
            print_json(_outcome_object(outcome))
            sys.stdout.flush()

    try:
        asyncio.run(run_replay(plan.messages, order, clock=SystemClock(), on_outcome=tell))
    except KeyboardInterrupt:
        sys.stderr.write("прервано / interrupted\n")
    return sorted(outcomes, key=lambda outcome: outcome.message.number)


def _show_end(plan: ReplayPlan, outcomes: Sequence[Outcome], *, sign: str, as_json: bool) -> None:
    for skipped in plan.skipped:
        sys.stderr.write(f"#{skipped.number} не отправлено / not sent: {skipped.text}\n")
    right = sum(outcome.is_right for outcome in outcomes)
    summary = {
        "messages": len(plan.messages),
        "right": right,
        "wrong": len(outcomes) - right,
        "unsent": len(plan.messages) - len(outcomes) + len(plan.skipped),
        "message_sign": "recorded" if sign == "keep" else "random",
    }
    if as_json:
        print_json({"summary": summary})
        return
    _print_table(outcomes)
    kept = "как записан / as recorded" if sign == "keep" else "случайный / random"
    sys.stdout.write(
        f"сообщений / messages {summary['messages']}, верно / right {right}, неверно / wrong {summary['wrong']}, "
        f"не отправлено / unsent {summary['unsent']}; ФПС / message sign: {kept}\n"
    )


def _outcome_object(outcome: Outcome) -> dict[str, object]:
    message = outcome.message
    return {
        "number": message.number,
        "connection": message.connection,
        "fn": message.fn,
        "fd": message.fd,
        "kind": message.kind,
        "response_code": outcome.response_code,
        "latency_ms": None if outcome.latency_s is None else round(outcome.latency_s * 1000, 3),
        "right": outcome.is_right,
        "mismatches": list(outcome.mismatches),
        "error": outcome.error,
    }


def _print_table(outcomes: Sequence[Outcome]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ofd_gateway.cli.output import console, printable

    table = Table(title="Повтор / replay", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("№", "соед. / conn."):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("ФН / FN", no_wrap=True)
    table.add_column("ФД / FD", no_wrap=True, justify="right")
    table.add_column("вид / kind", no_wrap=True)
    for name in ("код / code", "мс / ms"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("замечания / remarks")
    for outcome in outcomes:
        message = outcome.message
        left = len(outcome.mismatches) - _SHOWN_MISMATCHES
        remarks = [outcome.error or "", *outcome.mismatches[:_SHOWN_MISMATCHES]]
        remarks += [f"… и ещё / and {left} more"] if left > 0 else []
        cells = (
            str(message.number),
            str(message.connection),
            message.fn,
            "" if message.fd is None else str(message.fd),
            message.kind,
            "" if outcome.response_code is None else str(outcome.response_code),
            "" if outcome.latency_s is None else f"{outcome.latency_s * 1000:.1f}",
            "\n".join(map(printable, filter(None, remarks))),
        )
        table.add_row(*map(Text, cells), style=None if outcome.is_right else "red")
    console().print(table)


def _no_messages(plan: ReplayPlan) -> str:
    reasons = "; ".join(f"#{skipped.number}: {skipped.text}" for skipped in plan.skipped[:_SHOWN_MISMATCHES])
    return "нет сообщений кассы / no messages of a register" + (f" ({reasons})" if reasons else "")
