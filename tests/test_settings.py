"""Where settings come from, which one wins, and how a wrong one is named."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ofd_gateway.settings import (
    Settings,
    SettingsError,
    default_state_dir,
    format_duration,
    load_settings,
    parse_duration,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("OFD_GATEWAY_"):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load_settings()
    assert (str(settings.listen), str(settings.http), settings.database) == ("127.0.0.1:7777", "127.0.0.1:8080", "embedded")
    assert settings.state_dir == default_state_dir()


def test_the_command_line_beats_the_environment_and_that_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ofd.toml"
    file.write_text('listen = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\nworkers = 3\n[intake]\nidle_timeout = "1m"\n')
    monkeypatch.setenv("OFD_GATEWAY_HTTP", "127.0.0.1:2")
    monkeypatch.setenv("OFD_GATEWAY_WORKERS", "2")
    settings = load_settings(file, workers=4, database=None)
    assert (settings.listen.port, settings.http.port, settings.workers) == (1, 2, 4)
    assert settings.intake.idle_timeout == timedelta(minutes=1)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ofd.toml"
    file.write_text("workers = 5\n")
    monkeypatch.setenv("OFD_GATEWAY_CONFIG", str(file))
    assert load_settings().workers == 5


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("OFD_GATEWAY_INTAKE__IDLE_TIMOUT", "3s", "intake.idle_timout: there is no such setting"),
        ("OFD_GATEWAY_LISTN", "127.0.0.1:0", "OFD_GATEWAY_LISTN: there is no such setting"),
        ("OFD_GATEWAY_INTAKE__IDLE_TIMEOUT", "soon", "intake.idle_timeout: 'soon' is no duration"),
        ("OFD_GATEWAY_LISTEN", "7777", "listen: '7777' is no address"),
        ("OFD_GATEWAY_LISTEN", "127.0.0.1:70000", "listen: '127.0.0.1:70000' is no address"),
        ("OFD_GATEWAY_INTAKE__ACCEPT", "some", "intake.accept"),
        ("OFD_GATEWAY_OFD__INN", "12", "ofd.inn"),
        ("OFD_GATEWAY_INTAKE__MAX_CONNECTIONS_PER_FN", "1", "intake.max_connections_per_fn"),
        ("OFD_GATEWAY_FFD__SEVERITIES", "R-S3", "ffd.severities: 'R-S3' should be written like R-S3=warning"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert complaint in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist"):
        load_settings(tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("listen = \n")
    with pytest.raises(SettingsError, match=r"broken\.toml"):
        load_settings(broken)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3s", 3), ("24h", 86400), ("45d", 45 * 86400), ("500ms", 0.5), ("1h30m", 5400), (" 2 M ", 120)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["3s", "90s", "24h", "45d", "500ms", "0s"])
def test_durations_are_spelt_back(text: str) -> None:
    duration = parse_duration(text)
    assert isinstance(duration, timedelta)
    assert parse_duration(format_duration(duration)) == duration


def test_severities_are_pairs_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_FFD__SEVERITIES", "R-S3=warning, R-X6=off")
    assert load_settings().ffd.severities == {"R-S3": "warning", "R-X6": "off"}


def test_an_address_may_be_of_ipv6() -> None:
    settings = load_settings(listen="[::1]:7777")
    assert (settings.listen.host, settings.listen.port, str(settings.listen)) == ("::1", 7777, "[::1]:7777")


def test_settings_travel_to_workers_whole() -> None:
    settings = load_settings(workers=2, listen="127.0.0.1:0")
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_the_state_directory_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_state_dir() == Path("/data/ofd-gateway")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_state_dir() == Path("/home/somebody/.local/share/ofd-gateway")


def test_the_page_of_settings_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "configuration_page.py"), "--check"], check=False, timeout=60
    )
    assert done.returncode == 0, "run scripts/configuration_page.py"
