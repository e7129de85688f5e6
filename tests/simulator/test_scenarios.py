"""The shipped scenarios against a real gateway, and scenario files with and without sense."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.scenario import ScenarioError, find_scenario, shipped_scenarios
from tests.e2e.running import RunningGateway

from .reading import number, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT = Endpoint(host="127.0.0.1", port=1)
NEW_YEARS_EVE = "2026-12-31T20:59:50Z"
"""Ten seconds before midnight in Moscow."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("scenarios"), "--listen", "127.0.0.1:0", "--clock-start", NEW_YEARS_EVE
    )
    yield running
    running.close()


def play(gateway: RunningGateway, name: str, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The report, and the confirmed documents as the simulator recorded them."""
    record = gateway.state_dir / f"{name}.jsonl"
    done = gateway.command(
        *("simulate", "--scenario", name, "--to", gateway.ready["ofd"], "--state-dir", str(gateway.state_dir)),
        *("--seed", str(seed), "--record", str(record), "--json"),
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["scenario"] == name
    assert report["clean"]
    return report, [json.loads(line) for line in record.read_text().splitlines()]


def fleets(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {fleet["name"]: fleet for fleet in report["fleets"]}


def stored(gateway: RunningGateway, seed: int, fleet: int = 0) -> list[dict[str, Any]]:
    lines = gateway.command("documents", "list", "--limit", "0", "--json").stdout.splitlines()
    prefix = f"9999{seed + fleet:06d}"
    return [line for line in map(json.loads, lines) if line["fn"].startswith(prefix)]


def test_a_quiet_shop(gateway: RunningGateway) -> None:
    report, confirmed = play(gateway, "quiet-shop", 100)
    (fleet,) = report["fleets"]

    assert fleet["by_response_code"] == {"0": len(confirmed)}
    assert {"receiptCorrection", "currentStateReport", "fiscalReportCorrection"} <= fleet["by_kind"].keys()
    assert all(not line["violations"] for line in stored(gateway, 100))


def test_the_shopping_centre_on_31_december_passes_midnight(gateway: RunningGateway) -> None:
    report, confirmed = play(gateway, "mall-31-december", 200)
    (fleet,) = report["fleets"]

    assert fleet["open_loop"]
    assert fleet["by_response_code"] == {"0": len(confirmed)}
    assert {"receipt", "bso"} <= fleet["by_kind"].keys()
    years = {line["issued_at"][:4] for line in stored(gateway, 200)}
    assert years <= {"2026", "2027"}
    assert "2027" in years


def test_a_reconnect_storm_loses_nothing(gateway: RunningGateway) -> None:
    report, confirmed = play(gateway, "reconnect-storm", 300)
    (fleet,) = report["fleets"]

    assert fleet["unconfirmed"] == fleet["mismatches"] == fleet["stuck_registers"] == 0
    assert fleet["connections"] >= 2 * fleet["registers"]
    sent = {(line["fn"], line["fd"]) for line in confirmed}
    assert len(sent) == len(confirmed) == fleet["confirmed"]
    assert {(line["fn"], line["fd"]) for line in stored(gateway, 300)} == sent


def test_drives_near_their_end_say_so(gateway: RunningGateway) -> None:
    report, confirmed = play(gateway, "fn-near-its-end", 400)
    keys, memory = (fleets(report)[name] for name in ("keys", "memory"))

    assert keys["refused_by_fn"] == {}
    assert memory["refused_by_fn"] == {"archive_full": memory["registers"]}
    assert memory["by_kind"]["closeArchive"] == memory["registers"]
    flags: Counter[int] = Counter()
    for line in confirmed:
        if line["code"] in (2, 5):
            root = root_of(bytes.fromhex(line["container"]))
            flags.update(root.keys() & {1050, 1051, 1052})
            if line["fn"].startswith("9999000400") and 1213 in root:
                assert number(root[1213]) <= 2
    assert flags[1050] == flags[1051] == keys["by_kind"]["openShift"] + keys["by_kind"]["closeShift"]
    assert flags[1052] == memory["registers"]


def test_wrong_clocks_are_told_by_code_14_only_when_they_are_ahead(gateway: RunningGateway) -> None:
    report, _ = play(gateway, "wrong-clock", 500)
    ahead, behind = (fleets(report)[name] for name in ("ahead", "behind"))

    assert ahead["by_response_code"] == {"14": ahead["confirmed"]}
    assert behind["by_response_code"] == {"0": behind["confirmed"]}
    assert all("R-Q6" in line["violations"] for line in stored(gateway, 500))


def test_broken_tlv_gets_no_answer_and_is_kept_in_quarantine(gateway: RunningGateway) -> None:
    report, confirmed = play(gateway, "broken-tlv", 600)
    broken, healthy = (fleets(report)[name] for name in ("broken", "healthy"))

    assert (broken["unreadable"], broken["held_registers"], broken["mismatches"]) == (3, 3, 0)
    assert (healthy["unreadable"], healthy["unconfirmed"], healthy["mismatches"]) == (0, 0, 0)
    kept = [
        json.loads(line) for line in gateway.command("quarantine", "list", "--limit", "0", "--json").stdout.splitlines()
    ]
    refused = {(row["fn"], row["fd"]) for row in kept if row["fn"].startswith("9999000600")}
    assert len(refused) == 3
    assert {row["reason"] for row in kept} == {"tlv_overrun"}
    assert refused.isdisjoint({(line["fn"], line["fd"]) for line in confirmed})


def test_the_gateway_says_that_its_time_is_not_real(gateway: RunningGateway) -> None:
    said = gateway.wait_event("clock.virtual")

    assert said["level"] == "warning"
    assert said["start"] == "2026-12-31T20:59:50+00:00"


def test_every_shipped_scenario_has_two_languages_and_orders() -> None:
    names = [scenario.name for scenario in shipped_scenarios()]
    assert names == [
        "broken-tlv",
        "fn-near-its-end",
        "mall-31-december",
        "quiet-shop",
        "reconnect-storm",
        "wrong-clock",
    ]
    for scenario in shipped_scenarios():
        assert " / " in scenario.title
        orders = scenario.orders(ENDPOINT, seed=5)
        assert [order.seed for order in orders] == list(range(5, 5 + len(orders)))
        assert len({order.name for order in orders}) == len(orders)


def test_a_file_is_a_scenario_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "моё / mine"\ntext = "одна касса / one register"\n'
        '[[fleet]]\nname = "one"\nduration = "2s"\nclock_error = "-1h30m"\n[fleet.expect]\ncodes = "any"\n'
    )

    (order,) = find_scenario(str(path)).orders(ENDPOINT)

    assert order.endpoint.response_codes is None
    assert order.duration_s == 2
    assert order.clock_error.total_seconds() == -5400


def test_the_file_in_the_documentation_is_a_scenario(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "network.toml"
    path.write_text(body, encoding="utf-8")

    (order,) = find_scenario(str(path)).orders(ENDPOINT)

    assert (order.name, order.registers, order.ends_s) == ("shops", 10, 90)
    assert [scenario.name for scenario in shipped_scenarios() if f"`{scenario.name}`" not in page] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "missing required field"),
        ('title = "a"\ntext = "b"\nfleet = []', "at least one fleet"),
        ("title =", "Invalid value"),
        ('[[fleet]]\nname = "x"\nreceipts = 1\nspeed = 3', "speed"),
        ('[[fleet]]\nname = "x"', "fleet 'x': a run needs a number of receipts or a duration"),
        ('[[fleet]]\nname = "x"\nreceipts = 1\nhabits = ["rude"]', "fleet 'x': 'rude' is none of keep-alive"),
        ('[[fleet]]\nname = "x"\nreceipts = 1\nffd = ["2.0"]', "fleet 'x': '2.0' is not a valid Ffd"),
        ('[[fleet]]\nname = "x"\nduration = "soon"', "fleet 'x': 'soon'"),
        ('[[fleet]]\nname = "x"\nload = [{ rate = 0, for = "1s" }]', "fleet 'x': a rate is above zero"),
        ('[[fleet]]\nname = "x"\nreceipts = "many"', "Expected `int | null`"),
        ('[[fleet]]\nname = "x"\nreceipts = 1\n[fleet.expect]\nunreadable = "smile"', "Invalid enum value"),
    ],
)
def test_a_scenario_without_sense_is_refused(tmp_path: Path, body: str, words: str) -> None:
    path = tmp_path / "wrong.toml"
    head = 'title = "a / b"\ntext = "c"\n' if body.startswith("[[") else ""
    path.write_text(head + body)

    with pytest.raises(ScenarioError) as error:
        find_scenario(str(path))
    assert words in str(error.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_names_the_shipped_ones(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "absent.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ScenarioError, match="quiet-shop"):
        find_scenario(str(path))
