"""Where settings come from, which one wins, and how a wrong one is named."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ofd_gateway.config_file import usual_config_files
from ofd_gateway.settings import (
    Settings,
    SettingsError,
    default_state_dir,
    format_duration,
    load_settings,
    parse_duration,
    sources_of,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("OFD_GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


def test_defaults() -> None:
    settings = load_settings()
    assert (str(settings.listen), str(settings.http), settings.database) == (
        "127.0.0.1:7777",
        "127.0.0.1:8080",
        "embedded",
    )
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
    ("text", "seconds"),
    [("3s", 3), ("24h", 86400), ("45d", 45 * 86400), ("500ms", 0.5), ("1h30m", 5400), (" 2 M ", 120)],
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


@pytest.mark.parametrize("number", [30, 1.5, True])
def test_a_duration_needs_a_unit(number: object, tmp_path: Path) -> None:
    file = tmp_path / "ofd.toml"
    file.write_text(f"[intake]\nidle_timeout = {str(number).lower()}\n")
    with pytest.raises(SettingsError, match=r"intake\.idle_timeout: "):
        load_settings(file)


def test_a_duration_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_INTAKE__IDLE_TIMEOUT", "9999999999999d")
    with pytest.raises(SettingsError, match=r"intake\.idle_timeout: .* longer than any duration can be"):
        load_settings()


@pytest.mark.parametrize("text", [":7777", "::1:7777", "[::1]", "host:", "host:port", "host:٣", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"listen: .* is no address"):
        load_settings(listen=text)


def test_the_database_is_embedded_or_a_uri() -> None:
    for choice in ("embedded", "postgresql://ofd@db.example/ofd", "postgres://db"):
        assert load_settings(database=choice).database == choice
    with pytest.raises(SettingsError) as caught:
        load_settings(database="host=db password=hidden")
    assert str(caught.value).startswith("database: it is neither")
    assert "hidden" not in str(caught.value)


def test_the_state_directory_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_settings(state_dir="here").state_dir == tmp_path / "here"
    assert load_settings(state_dir="~/there").state_dir == Path("/home/somebody/there")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__REGISTER_SILENT__AFTER", "24h, 3d,")
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__MESSAGES_LOW__LEFT", "20,5")
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__OPERATOR_EMAILS", "a@example.org,b@example.org")
    alerts = load_settings().alerts
    assert alerts.register_silent.after == [timedelta(hours=24), timedelta(days=3)]
    assert alerts.messages_low.left == [20, 5]
    assert alerts.operator_emails == ["a@example.org", "b@example.org"]
    assert alerts.parameters().register_silent.after == (timedelta(hours=24), timedelta(days=3))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("OFD_GATEWAY_FFD__SEVERITIES", "R-Z99=off", "ffd.severities: there is no rule 'R-Z99'"),
        ("OFD_GATEWAY_ALERTS__TIMEZONE", "Europe/Nowhere", "alerts.timezone: 'Europe/Nowhere' is no time zone"),
        ("OFD_GATEWAY_ALERTS__FN_EXPIRING__BEFORE", "45d,soon", "alerts.fn_expiring.before: 'soon' is no duration"),
    ],
)
def test_what_a_room_refuses_is_told_with_its_key(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert complaint in str(caught.value)


def test_alerts_that_fit_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__TIMEZONE", "Asia/Omsk")
    monkeypatch.setenv("OFD_GATEWAY_ALERTS__FN_FILLING__CAPACITY", "1000")
    parameters = load_settings().alerts.parameters()
    assert (parameters.timezone, parameters.fn_filling.capacity) == ("Asia/Omsk", 1000)


def test_secrets_lie_in_files_named_as_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ofd_gateway_smtp__password").write_text("s3cret\n")
    (tmp_path / "OFD_GATEWAY_DATABASE").write_text("postgresql://ofd:pw@db/ofd\n")
    (tmp_path / "of_another_program").write_text("nothing to us\n")
    monkeypatch.setenv("OFD_GATEWAY_SECRETS_DIR", str(tmp_path))
    settings = load_settings()
    assert (settings.smtp.password, settings.database) == ("s3cret", "postgresql://ofd:pw@db/ofd")
    assert "s3cret" not in repr(settings)
    assert "pw@" not in repr(settings)
    assert settings.masked()["smtp"]["password"] == "***"


def test_the_environment_beats_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ofd_gateway_smtp__password").write_text("old")
    (tmp_path / "ofd_gateway_smtp__user").write_text("user")
    monkeypatch.setenv("OFD_GATEWAY_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("OFD_GATEWAY_SMTP__PASSWORD", "new")
    smtp = load_settings().smtp
    assert (smtp.user, smtp.password) == ("user", "new")


def test_a_missing_directory_of_secrets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r'directory ".*nowhere" does not exist'):
        load_settings()


def test_an_empty_password_needs_no_mask() -> None:
    assert load_settings().masked()["smtp"]["password"] == ""


def test_the_usual_configuration_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings().workers == 1
    file = tmp_path / "ofd-gateway" / "config.toml"
    file.parent.mkdir()
    file.write_text("workers = 3\n")
    assert load_settings().workers == 3
    named = tmp_path / "named.toml"
    named.write_text("workers = 4\n")
    assert load_settings(named).workers == 4


def test_usual_places_of_the_configuration_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert usual_config_files() == (
        Path("/home/somebody/.config/ofd-gateway/config.toml"),
        Path("/etc/ofd-gateway/config.toml"),
    )


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ofd.toml"
    file.write_text('lissten = "127.0.0.1:1"\n[alerts.fd_gap]\nbefore = "1h"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert "lissten: there is no such setting" in str(caught.value)
    assert "alerts.fd_gap.before: there is no such setting" in str(caught.value)


def test_every_key_tells_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ofd.toml"
    file.write_text('http = "127.0.0.1:1"\nworkers = 2\n[ffd.severities]\n"R-X6" = "off"\n')
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "ofd_gateway_smtp__password").write_text("s3cret")
    monkeypatch.setenv("OFD_GATEWAY_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("OFD_GATEWAY_WORKERS", "3")
    monkeypatch.setenv("OFD_GATEWAY_INTAKE__ACCEPT", "known")
    assert sources_of(file, listen="127.0.0.1:2", database=None) == {
        "http": str(file),
        "workers": "OFD_GATEWAY_WORKERS",
        "ffd.severities": str(file),
        "smtp.password": f"{secrets}/",
        "intake.accept": "OFD_GATEWAY_INTAKE__ACCEPT",
        "listen": "command line",
    }


def test_a_directory_is_no_configuration_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no file"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "per_s", "spelt"),
    [("60/min", 1.0, "60/min"), (" 5 / s ", 5.0, "5/s"), ("1800/h", 0.5, "1800/h"), ("off", 0.0, "off")],
)
def test_rates(text: str, per_s: float, spelt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_WEB__CHECK_RATE", text)
    settings = load_settings()
    assert settings.web.check_rate.per_s == per_s
    assert settings.masked()["web"]["check_rate"] == spelt


@pytest.mark.parametrize("text", ["60", "0/min", "-1/s", "1.5/s", "60/week", "many", "", "1000000/s"])
def test_what_is_no_rate_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_WEB__CHECK_RATE", text)
    with pytest.raises(SettingsError, match=r"web\.check_rate: .* is no rate"):
        load_settings()


def test_networks_of_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFD_GATEWAY_WEB__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert load_settings().web.trusted_proxies == ["10.0.0.0/8", "::1"]
    monkeypatch.setenv("OFD_GATEWAY_WEB__TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(SettingsError, match=r"web\.trusted_proxies: '10\.0\.0\.1/8' is no network"):
        load_settings()


def test_the_base_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().web.base_url("127.0.0.1:8080") == "http://127.0.0.1:8080"
    monkeypatch.setenv("OFD_GATEWAY_WEB__PUBLIC_URL", "https://check.example/")
    assert load_settings().web.base_url("127.0.0.1:8080") == "https://check.example"
    monkeypatch.setenv("OFD_GATEWAY_WEB__PUBLIC_URL", "check.example")
    with pytest.raises(SettingsError, match=r"web\.public_url"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "by_email", "on"),
    [
        ({}, False, False),
        ({"smtp": {"host": "mail.test"}}, True, True),
        ({"smtp": {"host": "mail.test"}, "buyers": {"email": "off"}}, False, False),
        ({"buyers": {"email": "on"}}, True, True),
        ({"sms": {"host": "smsc.test"}}, False, True),
    ],
)
def test_receipts_go_to_buyers_where_there_is_a_way(given: dict[str, object], by_email: bool, on: bool) -> None:
    settings = load_settings(**given)
    assert (settings.buyers_by_email, settings.buyers_on) == (by_email, on)


def test_the_password_of_the_centre_is_a_secret() -> None:
    settings = load_settings(sms={"host": "smsc.test", "password": "secret08"})
    assert settings.masked()["sms"]["password"] == "***"
    assert "secret08" not in repr(settings)


@pytest.mark.parametrize("sender", ["", "+79990000000", "1234", "Romashka 24"])
def test_who_messages_come_from(sender: str) -> None:
    assert load_settings(sms={"sender": sender}).sms.parameters().sender == sender


@pytest.mark.parametrize("sender", ["Ромашка", "a name too long", "+7999000000000000000000", "a\r\nb"])
def test_who_messages_cannot_come_from(sender: str) -> None:
    with pytest.raises(SettingsError, match=r"sms\.sender"):
        load_settings(sms={"sender": sender})
