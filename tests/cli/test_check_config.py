"""`check-config`: the effective settings, where they come from, and what is wrong with them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from .running import child


def test_every_setting_is_shown_with_secrets_masked(shell, monkeypatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_SMTP__PASSWORD", "s3cret")
    done = shell("check-config", "--json", "--database", "postgresql://ofd:hidden@db/ofd")
    assert (done.code, done.err, len(done.lines)) == (0, "", 1)
    shown = json.loads(done.out)
    assert shown["database"] == "postgresql://ofd:***@db/ofd"
    assert shown["smtp"]["password"] == "***"
    assert (shown["listen"], shown["intake"]["idle_timeout"]) == ("127.0.0.1:7777", "5m")
    text = shell("check-config", "--database", "postgresql://ofd:hidden@db/ofd").out
    assert "hidden" not in text
    assert "s3cret" not in text


def test_what_is_shown_can_be_kept_as_a_configuration(shell, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_FFD__SEVERITIES", "R-X6=off,r_s3=warning")
    monkeypatch.setenv("OFD_GATEWAY_OFD__NAME", 'ООО "Ромашка" \\ Ко')
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__FN_FILLING__PERCENT", "70,99")
    first = shell("check-config", "--state-dir", str(tmp_path))
    assert first.code == 0
    for name in ("FFD__SEVERITIES", "OFD__NAME", "ALERTS__FN_FILLING__PERCENT"):
        monkeypatch.delenv(f"OFD_GATEWAY_{name}")
    kept = tmp_path / "kept.toml"
    kept.write_text(first.out)
    assert tomllib.loads(first.out)["ofd"]["name"] == 'ООО "Ромашка" \\ Ко'
    again = shell("check-config", "--config", str(kept), "--json")
    assert json.loads(again.out)["alerts"]["fn_filling"]["percent"] == [70, 99]
    assert json.loads(again.out)["ffd"]["severities"] == {"R-X6": "off", "r_s3": "warning"}


def test_each_line_tells_where_its_value_comes_from(tmp_path: Path) -> None:
    config = tmp_path / "ofd.toml"
    config.write_text('http = "127.0.0.1:1"\n[ffd.severities]\n"R-X6" = "off"\n')
    done = child(
        "check-config", "--config", str(config), "--state-dir", str(tmp_path), environment={"OFD_GATEWAY_WORKERS": "2"}
    )
    assert (done.code, done.err) == (0, "")
    sources = {
        key: line.partition("# ")[2] for line in done.lines for key in [line.partition(" = ")[0]] if "# " in line
    }
    assert sources == {
        "http": str(config),
        "ffd.severities.R-X6": str(config),
        "workers": "OFD_GATEWAY_WORKERS",
        "state_dir": "command line",
    }


def test_a_key_that_toml_would_not_take_is_quoted(shell, tmp_path: Path) -> None:
    from ofd_gateway.cli.config import _flat

    assert list(_flat({"a b": {"c": 1}, "d": {}})) == [('"a b".c', 1), ("d", {})]


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"OFD_GATEWAY_INTAKE__MESSAGE_TIMEOUT": "soon"}, "intake.message_timeout: 'soon' is no duration"),
        ({"OFD_GATEWAY_NONSENSE": "1"}, "OFD_GATEWAY_NONSENSE: there is no such setting"),
        ({"OFD_GATEWAY_FFD__SEVERITIES": "R-Z9=off"}, "ffd.severities: there is no rule 'R-Z9'"),
        ({"OFD_GATEWAY_CONFIG": "/nonexistent.toml"}, "the configuration file /nonexistent.toml does not exist"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_with_2(environment: dict[str, str], complaint: str) -> None:
    done = child("check-config", environment=environment)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"ofd-gateway: {complaint}")
    assert done.err.count("\n") == 1
