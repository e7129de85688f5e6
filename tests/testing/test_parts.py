"""Settings of marks, lines of logs, templates of clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ofd_gateway.testing.errors import GatewayGone, OptionUnknown
from ofd_gateway.testing.log_lines import readable
from ofd_gateway.testing.options import SHORT, settings_of
from ofd_gateway.testing.server import Server
from ofd_gateway.testing.templates import prepare_cluster


def test_the_last_setting_wins() -> None:
    marks: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (({"intake.accept": "known"},), {"checks": "off"}),
        ((), {"ffd__checks": "observe", "smtp__parallel": 2}),
    ]
    assert settings_of(["checks = enforce", "ofd.name = Проба = 1"], marks) == {
        "ffd.checks": "observe",
        "ofd.name": "Проба = 1",
        "intake.accept": "known",
        "smtp.parallel": "2",
    }


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        (True, "true"),
        (False, "false"),
        (["1d", "3d"], "1d,3d"),
        ({"R-S3": "off", "R-S2": "warning"}, "R-S3=off,R-S2=warning"),
    ],
)
def test_values_are_spelt_as_in_the_environment(value: Any, spelt: str) -> None:
    assert settings_of([], [((), {"severities": value})]) == {"ffd.severities": spelt}


def test_short_names_stand_for_settings() -> None:
    from ofd_gateway.settings import Settings

    for key in SHORT.values():
        group, name = key.split(".")
        assert name in Settings.model_fields[group].annotation.model_fields  # type: ignore[union-attr]


@pytest.mark.parametrize("line", ["checks", "state_dir = /", "web.token=x"])
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(OptionUnknown, match=line.partition("=")[0].strip()):
        settings_of([line], [])


def test_log_lines_are_readable() -> None:
    record = {
        "timestamp": "2026-11-24T09:23:12.622414Z",
        "level": "warning",
        "event": "message.rejected",
        "peer": "127.0.0.1:1",
        "reason": "container_crc",
    }
    text = readable(json.dumps(record) + '\nTraceback\n{"level": 1}\n[]\n')
    assert text.splitlines() == [
        "09:23:12.622 warning message.rejected   reason=container_crc",
        "Traceback",
        '{"level": 1}',
        "[]",
    ]


def test_a_long_log_is_cut() -> None:
    lines = readable("\n".join(map(str, range(300)))).splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("… 100 lines before", "100", "299", 201)


def test_a_gateway_that_does_not_start_has_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(GatewayGone, match=r"ofd\.inn"):
        Server(tmp_path, {"ofd.inn": "12"}, templates=None, keep=False)
    assert not (tmp_path / "state").exists()


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.timeout(180)
def test_the_first_cluster_leaves_a_template_and_the_next_is_its_copy(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    (templates / "older").mkdir(parents=True)
    prepare_cluster(tmp_path / "first", templates)
    [template] = templates.iterdir()
    assert template.name != "older"
    made = (template / "data" / "global" / "pg_control").stat().st_mtime_ns
    prepare_cluster(tmp_path / "second", templates)
    assert tree(tmp_path / "second" / "postgres") == tree(template)
    assert (tmp_path / "second" / "postgres" / "data").stat().st_uid == (template / "data").stat().st_uid
    assert (tmp_path / "second" / "postgres" / "data").stat().st_mode == (template / "data").stat().st_mode
    assert [path.name for path in templates.iterdir()] == [template.name]
    assert (template / "data" / "global" / "pg_control").stat().st_mtime_ns == made


def test_a_template_that_cannot_be_copied_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ofd_gateway.testing import templates as room

    def fail(source: Path, target: Path) -> None:
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "_copy", fail)
    (tmp_path / "templates" / room._key()).mkdir(parents=True)
    prepare_cluster(tmp_path / "state", tmp_path / "templates")
    assert (tmp_path / "state" / "postgres" / "data" / "PG_VERSION").is_file()
