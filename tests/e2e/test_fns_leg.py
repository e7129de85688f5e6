"""A gateway, a fleet of virtual registers, and the emulator of the tax service's side with every fault it knows."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.fns_emulator.process import RunningEmulator

from .running import DEADLINE_S, RunningGateway, wait_until

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
seed = 7

[[rule]]
name = "poison"
match = { fn = "9999000001000003", fd = 5 }
fault = { http_status = 500 }

[[rule]]
match = { share = 0.05 }
answer = { postpone = 2 }

[[rule]]
match = { share = 0.05, kind = ["receipt"] }
answer = { status = "refused", code = 507, text = "сумма оплат не равна итогу" }

[[rule]]
match = { every = 9 }
fault = { drop = "after_processing" }

[[rule]]
match = { every = 7 }
fault = { body = "fewer_answers" }

[[rule]]
match = { every = 11 }
fault = { body = "not_json" }

[[rule]]
match = { nth = 4 }
fault = { http_status = 503, retry_after = "1s" }
"""
ENVIRONMENT = {
    "OFD_GATEWAY_FNS__RETRY_MIN": "100ms",
    "OFD_GATEWAY_FNS__RETRY_MAX": "1s",
    "OFD_GATEWAY_FNS__TIMEOUT": "5s",
    "OFD_GATEWAY_FNS__BATCH": "25",
    "OFD_GATEWAY_FNS__TOKEN": "s3cret",
}
REGISTERS = 12


def lines(gateway: RunningGateway, *words: str) -> list[dict[str, Any]]:
    done = gateway.command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def until_queued(gateway: RunningGateway, most: int) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        (status,) = lines(gateway, "fns", "status")
        if status["queued"] <= most:
            return status
        assert time.monotonic() < deadline, status


@pytest.mark.faults
def test_a_fleet_against_a_tax_service_that_breaks(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT, encoding="utf-8")
    emulator = RunningEmulator("--script", str(script), "--token", "s3cret", "--prefix", "/ofd")
    environment = {**ENVIRONMENT, "OFD_GATEWAY_FNS__URL": emulator.ready["url"]}
    gateway = RunningGateway(tmp_path / "state", environment=environment)
    try:
        host, port = gateway.address
        run = gateway.command(
            *("simulate", "--to", f"{host}:{port}", "--registers", str(REGISTERS), "--receipts", "20"),
            *("--ffd", "1.05,1.2", "--expect-code", "any"),
        )
        assert run.returncode == 0, run.stderr
        records = lines(gateway, "documents", "list", "--limit", "0")
        assert len(records) >= REGISTERS * 22
        wait_until(lambda: bool(gateway.events("fns.paused")), what="a pause of the poisonous FN")
        until_queued(gateway, 30)
        assert {reason for reason in ("http_500", "nonsense") if troubles(gateway, reason)} == {"http_500", "nonsense"}
        ask(emulator, "PUT", "script", content=b"")
        gateway.command("fns", "resend", "--fn", "9999000001000003")
        until_queued(gateway, 0)
        summary = ask(emulator, "GET", "summary")
        assert (summary["in_order"], summary["documents"]) == (True, len(records)), summary
        assert summary["faults"] > 3
        decided = lines(gateway, "documents", "list", "--limit", "0")
        assert {(one["fn"], one["fd"]): (one["fns"], one["fns_code"]) for one in decided} == verdicts(emulator)
        assert {one["fns_code"] for one in decided if one["fns"] == "refused"} == {507}
        alerts = [one for one in lines(gateway, "alerts", "list") if one["rule"] == "fns_rejected"]
        assert "507" in {one["facts"]["code"] for one in alerts if one["facts"]["source"] == "fns"}
        assert gateway.stop() == 0
    finally:
        gateway.close()
        emulator.close()


def verdicts(emulator: RunningEmulator) -> dict[tuple[str, int], tuple[str, int]]:
    """What the other side has decided on, page by page."""
    found: dict[tuple[str, int], tuple[str, int]] = {}
    after: int | None = 0
    while after is not None:
        page = ask(emulator, "GET", "documents", params={"limit": 100, "after": after})
        for one in page["documents"]:
            found[one["fn"], one["fd"]] = one["answer"]["status"], one["answer"]["code"]
        after = page["next"] if page["documents"] else None
    return found


def troubles(gateway: RunningGateway, reason: str) -> bool:
    return any(record["reason"] == reason for record in gateway.events("fns.failed"))


def ask(emulator: RunningEmulator, method: str, path: str, **options: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer s3cret"}
    answer = httpx.request(method, f"{emulator.ready['url']}/v1/{path}", headers=headers, timeout=20, **options)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found
