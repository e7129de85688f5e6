"""The examples below deploy/: they parse, and what they name exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ofd_gateway.setting_values import Group
from ofd_gateway.settings import ENVIRONMENT_PREFIX, Settings, load_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
UNIT = (DEPLOY / "ofd-gateway.service").read_text(encoding="utf-8")
HAPROXY = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")


def variables(model: type[Group] | type[Settings], prefix: str = ENVIRONMENT_PREFIX) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            found |= variables(kind, f"{prefix}{name.upper()}__")
        else:
            found.add(prefix + name.upper())
    return found


def gateways() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in COMPOSE["services"].items() if "OFD_GATEWAY_LISTEN" in str(service)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{ENVIRONMENT_PREFIX}[A-Z_]+\b", path.read_text(encoding="utf-8")))
    assert named - variables(Settings) - {f"{ENVIRONMENT_PREFIX}SECRETS_DIR"} == set()


def test_the_gateways_of_the_compose_file_would_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert sorted(gateways()) == ["gateway1", "gateway2"]
    for service in gateways().values():
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, str(value))
        (tmp_path / "OFD_GATEWAY_DATABASE").write_text("postgresql://ofd:secret@database/ofd\n")
        monkeypatch.setenv("OFD_GATEWAY_SECRETS_DIR", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
        settings = load_settings()
        assert settings.database == "postgresql://ofd:secret@database/ofd"
        assert settings.intake.proxy_protocol == "v2"
        (subnet,) = COMPOSE["networks"]["registers"]["ipam"]["config"]
        assert settings.intake.proxy_trusted == [subnet["subnet"]]


def test_what_the_compose_file_refers_to_is_in_it() -> None:
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("depends_on", [])) <= set(COMPOSE["services"])
    mounted = [volume for service in COMPOSE["services"].values() for volume in service.get("volumes", [])]
    for source in (volume.partition(":")[0] for volume in mounted):
        if source.startswith("./deploy/"):
            assert (DEPLOY.parent / source).is_file()


def test_the_balancer_knows_the_gateways_and_their_ports() -> None:
    servers = dict(re.findall(r"^\s*server (\S+) (\S+)$", HAPROXY, re.MULTILINE))
    assert servers == {name: f"{name}:7777" for name in gateways()}
    assert "send-proxy-v2" in HAPROXY
    assert "httpchk GET /readyz" in HAPROXY
    connections = re.search(r"maxconn (\d+)", HAPROXY)
    assert connections is not None
    assert COMPOSE["services"]["balancer"]["ulimits"]["nofile"] > 2 * int(connections[1])
    idle_s = Settings().intake.idle_timeout.total_seconds()
    for side in ("client", "server"):
        told = re.search(rf"timeout {side} (\d+)s", HAPROXY)
        assert told is not None
        assert int(told[1]) > idle_s


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="there is no haproxy on this machine")
def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    local = tmp_path / "haproxy.cfg"
    local.write_text(re.sub(r"(server \S+) \S+:", r"\1 127.0.0.1:", HAPROXY))
    checked = subprocess.run(["haproxy", "-c", "-f", local], capture_output=True, text=True, check=False, timeout=20)
    assert checked.returncode == 0, checked.stderr


def unit_values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def test_the_unit_matches_the_service() -> None:
    assert unit_values("Type") == ["notify"]
    assert unit_values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert unit_values("UMask") == ["0077"]
    (files,) = unit_values("LimitNOFILE")
    assert int(files) > 2 * Settings().intake.max_connections
    (stop,) = unit_values("TimeoutStopSec")
    assert int(stop.removesuffix("s")) > 10


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "ofd-gateway.service"
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", UNIT, flags=re.MULTILINE)
    unit.write_text(re.sub(r"^(User|Group)=.*$", r"\1=daemon", text, flags=re.MULTILINE))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
