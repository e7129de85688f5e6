"""What the operator makes of violations: modes, severities, the bounded list; and the catalogue behind them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ofd_gateway.ffd.checks import (
    DEFAULT,
    RULES,
    CheckPolicy,
    PolicyError,
    Severity,
    UnknownRuleError,
    Violation,
    check,
    explain,
    response_code,
)
from ofd_gateway.ffd.checks.catalogue import GROUPS
from tests.ffd.checks.making import NOW, Records, document, judge, minimal, put, vln

PAGE = Path(__file__).parents[3] / "docs" / "checks.md"


def unbalanced() -> Records:
    return put(minimal(3, "1.2"), 1217, vln(1))


def test_errors_answer_fourteen_only_when_enforced() -> None:
    error = Violation(rule="R-S3", severity=Severity.ERROR)
    warning = Violation(rule="R-S2", severity=Severity.WARNING)
    assert response_code((warning, error), DEFAULT) == 14
    assert response_code((warning,), DEFAULT) == 0
    assert response_code((), DEFAULT) == 0
    assert response_code((error,), CheckPolicy(mode="observe")) == 0
    assert response_code((error,), CheckPolicy(mode="off")) == 0


def test_observed_violations_are_listed() -> None:
    assert [one[0] for one in judge(3, unbalanced(), policy=CheckPolicy(mode="observe"))] == ["R-S3"]


def test_nothing_is_looked_at_when_checks_are_off() -> None:
    assert judge(3, unbalanced(), policy=CheckPolicy(mode="off")) == []


@pytest.mark.parametrize(("severity", "told"), [("error", ["error"]), ("warning", ["warning"]), ("off", [])])
@pytest.mark.parametrize("name", ["R-S3", "r_s3", "r-s3"])
def test_one_rule_raised_lowered_or_off(name: str, severity: str, told: list[str]) -> None:
    policy = CheckPolicy(severities={name: severity})
    assert [one[1] for one in judge(3, unbalanced(), policy=policy)] == told


def test_a_setting_beats_the_leniency_of_a_version() -> None:
    records = put(minimal(3, "1.0"), 1081, vln(1))
    assert [one[1] for one in judge(3, records)] == ["warning"]
    assert [one[1] for one in judge(3, records, policy=CheckPolicy(severities={"R-S3": "error"}))] == ["error"]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("R-T1", "R-M1")])
def test_every_rule_can_be_set(rule: str) -> None:
    for severity in ("error", "warning"):
        assert CheckPolicy(severities={rule: severity}).severity_of(rule, Severity.ERROR) is Severity(severity)
    assert CheckPolicy(severities={rule: "off"}).severity_of(rule, Severity.ERROR) is None


@pytest.mark.parametrize("severities", [{"R-Z9": "off"}, {"R-S3": "loud"}])
def test_a_policy_that_cannot_be_is_refused(severities: dict[str, str]) -> None:
    with pytest.raises(PolicyError):
        CheckPolicy(severities=severities)
    with pytest.raises(PolicyError, match="at least 1"):
        CheckPolicy(limit=0)


def crowd() -> Records:
    """Sixty warnings, then three errors."""
    records = minimal(3, "1.2")
    records.extend((40000 + extra, b"") for extra in range(60))
    put(records, 1054, b"\5")
    put(records, 1055, b"\3")
    return put(records, 1217, vln(1))


def test_errors_go_before_warnings_when_there_are_too_many() -> None:
    found = judge(3, crowd(), policy=CheckPolicy(limit=5))
    assert [one[:2] for one in found] == [
        ("R-P2", "warning"),
        ("R-P2", "warning"),
        ("R-X1", "error"),
        ("R-X1", "error"),
        ("R-S3", "error"),
        ("R-M1", "warning"),
    ]
    made = check(document(3, crowd()), now=NOW, policy=CheckPolicy(limit=5))
    assert made[-1].found == "58"
    assert len(judge(3, crowd())) == 51


def test_errors_that_are_left_out_still_answer_fourteen() -> None:
    found = check(document(3, crowd()), now=NOW, policy=CheckPolicy(limit=1))
    assert [(one.rule, one.severity.value) for one in found] == [("R-X1", "error"), ("R-M1", "error")]
    lowered = CheckPolicy(limit=1, severities={"R-M1": "off"})
    assert [one.rule for one in check(document(3, crowd()), now=NOW, policy=lowered)] == ["R-X1"]


def test_long_bytes_are_shown_in_part() -> None:
    records = minimal(3, "1.2")
    records.append((9999, b"\xab" * 40))
    (found,) = check(document(3, records), now=NOW)
    assert found.found == " ".join(["ab"] * 32) + " …"


def test_a_rule_is_found_by_any_spelling() -> None:
    assert explain(" r_s3 ").id == "R-S3"
    with pytest.raises(UnknownRuleError):
        explain("R-Z9")


def test_rules_are_complete() -> None:
    for rule in RULES.values():
        assert re.fullmatch(r"R-[TVPXSQM]\d+", rule.id)
        assert rule.group in GROUPS
        assert all((rule.title_ru, rule.title_en, rule.remedy_ru, rule.remedy_en, rule.source)), rule.id


def test_rules_of_a_sequence_are_warnings() -> None:
    assert {rule.severity for rule in RULES.values() if rule.group == "sequence"} == {Severity.WARNING}


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_page_says_what_the_table_says(rule: object) -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = RULES[rule.id]  # type: ignore[attr-defined]
    _, heading, rest = text.partition(f"### `{found.id}` {found.title_en} / {found.title_ru}\n")
    assert heading, f"docs/checks.md does not explain {found.id}"
    section = rest.split("\n#")[0]
    for line in (f"Default: {found.severity.value}.", found.remedy_ru, found.remedy_en, found.leniency):
        assert line in section
