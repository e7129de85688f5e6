from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from ofd_gateway.cli import simulate as cli
from ofd_gateway.cli import simulation
from ofd_gateway.cli.main import run
from ofd_gateway.simulator import HABITS, Recorder, read_record
from ofd_gateway.simulator.open_files import TooFewFiles, make_room
from ofd_gateway.simulator.scenario import shipped_scenarios

from .reading import number, root_of
from .standin import OPERATOR_INN, Fault, TestOperator, changed, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "register_simulator.py"


@contextmanager
def in_background(operator: TestOperator) -> Iterator[TestOperator]:
    """The operator on an event loop of its own, for programs that run one themselves."""
    started, ended = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with serving(operator):
            loops.append(asyncio.get_running_loop())
            started.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield operator
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(10)


def simulate(operator: TestOperator, *options: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(cli.simulate)
    outcome = CliRunner().invoke(app, ["--to", f"127.0.0.1:{operator.port}", *options])
    return outcome.exit_code, outcome.stdout


def test_a_clean_run_exits_with_0_and_a_summary() -> None:
    with in_background(TestOperator()) as operator:
        code, out = simulate(operator, "--registers", "2", "--receipts", "4")

    assert code == 0
    assert "подтверждено / confirmed          14 (fiscalReport 2, openShift 2, receipt 8, closeShift 2)" in out
    assert "расхождения / mismatches          0" in out


def test_a_mismatch_exits_with_1_and_is_told() -> None:
    operator = TestOperator(faults=[Fault(fd=2, bend=changed(47, 0, 0, 9))])
    with in_background(operator):
        code, out = simulate(operator, "--registers", "1", "--receipts", "2")

    assert code == 1
    assert "ФН 9999000001000000 ФД 2: байт / byte 47, номер ФД / FD number: получено / found 9" in out


def test_many_mismatches_are_counted_and_the_first_shown() -> None:
    with in_background(TestOperator(response_code=14)) as operator:
        code, out = simulate(operator, "--registers", "3", "--receipts", "20")

    assert code == 1
    assert "… и ещё / and 49 more" in out


def test_json_is_one_line_for_programs(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with in_background(TestOperator()) as operator:
        code, out = simulate(
            operator,
            *("--registers", "3", "--receipts", "5", "--ffd", "1.05,1.2", "--habit", "mixed", "--lose", "0.5"),
            *("--prebuild", "--close-fn", "--operator-inn", OPERATOR_INN, "--record", str(record), "--json"),
        )

    (line,) = out.splitlines()
    report = json.loads(line)
    assert code == 0
    assert report["clean"] is True
    assert report["by_kind"] == {"fiscalReport": 3, "openShift": 3, "receipt": 15, "closeShift": 3, "closeArchive": 3}
    assert report["resent"] == report["lost_on_purpose"] > 0
    assert set(report["latency_ms"]) == {"p50", "p90", "p95", "p99", "p99.9", "max"}
    assert len(list(read_record(record))) == report["confirmed"] == 27


def test_mismatches_are_in_the_json_too() -> None:
    with in_background(TestOperator(response_code=14)) as operator:
        code, out = simulate(operator, "--registers", "1", "--receipts", "0", "--json")

    assert code == 1
    first = json.loads(out)["first_mismatches"][0]
    assert first == {
        "fn": "9999000001000000",
        "fd": 1,
        "rule": "code",
        "field": "1022 код ответа",
        "offset": 138,
        "found": "14",
        "expected": "0",
    }


@pytest.mark.parametrize("codes", ["14", "0, 14", "any"])
def test_other_codes_can_be_expected(codes: str) -> None:
    with in_background(TestOperator(response_code=14)) as operator:
        code, _ = simulate(operator, "--registers", "1", "--receipts", "1", "--expect-code", codes)

    assert code == 0


def test_a_duration_needs_no_number_of_receipts() -> None:
    with in_background(TestOperator()) as operator:
        code, out = simulate(operator, "--registers", "2", "--duration", "300ms", "--rate", "50", "--json")

    assert code == 0
    assert json.loads(out)["duration_s"] >= 0.3


def test_without_an_endpoint_the_gateway_of_this_machine_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_background(TestOperator()) as operator:
        monkeypatch.setenv("OFD_GATEWAY_LISTEN", f"127.0.0.1:{operator.port}")
        code = run(["simulate", "--registers", "1", "--receipts", "1", "--json"])

    assert code == 0
    assert [container.fd for _, container in operator.messages] == [1, 2, 3, 4]


def test_a_record_that_cannot_be_opened_is_a_wrong_option(tmp_path: Path) -> None:
    code, _ = simulate(TestOperator(port=1), "--record", str(tmp_path / "absent" / "record.jsonl"))

    assert code == 2


def test_a_record_that_cannot_be_written_ends_the_run_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Recorder, "write", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with in_background(TestOperator()) as operator:
        code, out = simulate(operator, "--registers", "1", "--record", str(tmp_path / "record.jsonl"))

    assert (code, out) == (1, "")


def test_giving_up_exits_with_1() -> None:
    with in_background(TestOperator(silent=True)) as operator:
        code, out = simulate(operator, "--registers", "1", "--patience", "300ms", "--answer-timeout", "100ms")

    assert code == 1
    assert "Given up" in out


@pytest.mark.parametrize(
    "options",
    [
        ("--to", "7777"),
        ("--to", "host:"),
        ("--to", "host:0"),
        ("--to", "host:65536"),
        ("--to", ":7777"),
        ("--ffd", "1.3"),
        ("--habit", "rude"),
        ("--expect-code", "256"),
        ("--expect-code", "none"),
        ("--duration", "soon"),
        ("--duration", "0s"),
        ("--duration", "90"),
        ("--operator-inn", "7704211202"),
        ("--prebuild", "--duration", "5s"),
        ("--lose", "2"),
        ("--registers", "0"),
    ],
)
def test_wrong_options_exit_with_2(options: tuple[str, ...]) -> None:
    code, out = simulate(TestOperator(port=1), *options)

    assert (code, out) == (2, "")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("localhost:1", ("localhost", 1)), ("[::1]:7777", ("::1", 7777)), ("a.b:65535", ("a.b", 65535))],
)
def test_endpoints_of_every_kind(text: str, endpoint: tuple[str, int]) -> None:
    assert cli.parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("3s", 3), ("1.5m", 90), ("24h", 86400), ("2d", 172800), ("1h30m", 5400)]
)
def test_durations_of_every_unit(text: str, seconds: float) -> None:
    assert cli.parse_duration_s(text, "--duration") == seconds


def test_help_names_every_habit() -> None:
    app = typer.Typer()
    app.command()(cli.simulate)

    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).stdout

    assert all(name in text for name in HABITS)


def test_progress_is_drawn_in_place_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    app = typer.Typer()
    app.command()(cli.simulate)
    options = ["--registers", "1", "--duration", "1200ms", "--rate", "20"]
    with in_background(TestOperator()) as operator, pytest.raises(SystemExit) as ended:
        app(["--to", f"127.0.0.1:{operator.port}", *options])

    assert ended.value.code == 0
    assert capsys.readouterr().err.count("\r\x1b[2K") >= 2


def test_the_script_is_the_command_and_a_signal_ends_it_in_order() -> None:
    with in_background(TestOperator()) as operator:
        program = subprocess.Popen(
            [
                sys.executable,
                str(SCRIPT),
                "--to",
                f"127.0.0.1:{operator.port}",
                "--duration",
                "1h",
                "--rate",
                "20",
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        deadline_s = time.monotonic() + 30
        while len(operator.messages) < 25:
            assert time.monotonic() < deadline_s, "the script sent nothing"
            time.sleep(0.02)
        program.send_signal(signal.SIGTERM)
        out, _ = program.communicate(timeout=20)

    report = json.loads(out)
    assert program.returncode == 0
    assert report["clean"] is True
    assert report["by_kind"]["closeShift"] == report["by_kind"]["openShift"]


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--list-scenarios", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run(["simulate", "--list-scenarios"]) == 0
    shown = capsys.readouterr().out

    assert [scenario["name"] for scenario in listed] == [scenario.name for scenario in shipped_scenarios()]
    assert all(scenario["name"] in shown and scenario["title"] in shown for scenario in listed)


def test_a_scenario_of_ones_own_reports_each_fleet(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "моё / mine"\ntext = "две группы / two groups"\n'
        '[[fleet]]\nname = "first"\nreceipts = 2\n[[fleet]]\nname = "second"\nreceipts = 1\nregisters = 2\n'
    )
    with in_background(TestOperator()) as operator:
        code, out = simulate(operator, "--scenario", str(path))
        again, lines = simulate(operator, "--scenario", str(path), "--seed", "50", "--json")

    assert (code, again) == (0, 0)
    assert "first: как ожидалось / as expected" in out
    report = json.loads(lines)
    assert [(fleet["name"], fleet["registers"], fleet["seed"]) for fleet in report["fleets"]] == [
        ("first", 1, 50),
        ("second", 2, 51),
    ]


def test_a_scenario_that_was_not_met_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "a / b"\ntext = "c"\n[[fleet]]\nname = "x"\nreceipts = 1\n[fleet.expect]\ncodes = [14]\n')
    with in_background(TestOperator()) as operator:
        code, out = simulate(operator, "--scenario", str(path))

    assert code == 1
    assert "x: НЕ КАК ОЖИДАЛОСЬ / NOT AS EXPECTED" in out


@pytest.mark.parametrize("option", [("--registers", "3"), ("--close-fn",), ("--expect-code", "14")])
def test_what_a_scenario_decides_is_no_option_beside_it(option: tuple[str, ...]) -> None:
    code, out = simulate(TestOperator(port=1), "--scenario", "quiet-shop", *option)

    assert (code, out) == (2, "")


def test_an_unknown_scenario_ends_with_1_and_names_the_shipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--to", "127.0.0.1:1", "--scenario", "unheard-of"]) == 1
    assert "reconnect-storm" in capsys.readouterr().err


def test_too_few_open_files_are_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 1024))
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))

    with pytest.raises(TooFewFiles, match="ulimit -n 10064"):
        make_room(10_000)
    make_room(500)
    make_room(100)

    assert limits == [(564, 1024)]


def test_a_virtual_clock_is_given_like_to_the_gateway() -> None:
    operator = TestOperator(clock_error=datetime(2031, 5, 1, tzinfo=UTC) - datetime.now(UTC))
    with in_background(operator) as running:
        code, out = simulate(
            running, "--registers", "1", "--receipts", "1", "--clock-start", "2031-05-01T00:00:00Z", "--json"
        )

    assert code == 0, out
    issued_at = number(root_of(operator.messages[0][1].raw)[1012])
    assert datetime.fromtimestamp(issued_at, UTC).year == 2031


@pytest.mark.parametrize("option", [("--clock-start", "soon"), ("--clock-rate", "0"), ("--clock-anchor", "x")])
def test_a_clock_without_sense_is_a_wrong_option(option: tuple[str, ...]) -> None:
    code, out = simulate(TestOperator(port=1), *option)

    assert (code, out) == (2, "")


def test_the_report_is_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "_on_terminal", lambda: True)
    with in_background(TestOperator(response_code=14)) as operator:
        code, out = simulate(operator, "--registers", "1", "--receipts", "1")

    assert code == 1
    assert "кассы / registers" in out
    assert "1022" in out
