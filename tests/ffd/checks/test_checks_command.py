"""`ofd-gateway checks list` and `explain`."""

from __future__ import annotations

import msgspec
from typer.testing import CliRunner

from ofd_gateway.cli.checks import app
from ofd_gateway.ffd.checks import RULES


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_the_list_names_every_rule_once() -> None:
    code, out, _ = run("list")
    assert code == 0
    named = [line.split()[0] for line in out.splitlines() if line.startswith("  R-")]
    assert named == list(RULES)
    assert "суммы / sums" in out


def test_the_list_for_programs() -> None:
    code, out, _ = run("list", "--json")
    assert code == 0
    rules = [msgspec.json.decode(line) for line in out.splitlines()]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert rules[0] == msgspec.json.decode(run("explain", "R-T1", "--json")[1])


def test_one_rule_in_both_languages() -> None:
    code, out, _ = run("explain", "r-s2")
    assert code == 0
    assert out.splitlines()[:4] == [
        "R-S2  ошибка / error",
        "  Итог чека = сумма предметов / Total = sum of the items",
        "  Как исправить: Пересчитайте 1020 по 1043 предметов.",
        "  What to do:    Compute 1020 from 1043 of the items.",
    ]
    assert "  Leniency:      Under a rouble a warning" in out
    assert '[ffd.severities] R-S2 = "off"' in out
    assert "Leniency" not in run("explain", "R-X4")[1]


def test_an_unknown_rule_is_told_on_standard_error() -> None:
    code, out, err = run("explain", "R-S2", "R-Z9")
    assert (code, out) == (1, "")
    assert "нет такого правила" in err
