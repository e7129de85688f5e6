"""docs/alerts.md is the catalogue: every rule, its type, its levels, its settings and every reason stand in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ofd_gateway.alerts import RULES, Parameters, Rule, customise
from ofd_gateway.alerts.explain import spelt_parameters
from ofd_gateway.alerts.fns_delay import FNS_DELAYED
from ofd_gateway.alerts.incident import INCIDENT_RULE
from ofd_gateway.alerts.notices import NoticeReason, Outcome
from ofd_gateway.storage.dead_addresses import ADDRESS_DEAD

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
HEADS = ("Trigger", "Data", "Levels", "Episode", "Resolves", "Letter")
NAMES = [rule.name for rule in RULES]
LETTERS = {Outcome.SEND: "sent", Outcome.HOLD: "held", Outcome.SKIP: "none"}


def settings(rule: str) -> dict[str, str]:
    return dict(re.findall(rf"^\| `alerts\.{rule}\.(\w+)` \| (.*?) \|$", SECTIONS[rule], re.MULTILINE))


def test_every_rule_has_a_section_and_every_section_a_rule() -> None:
    assert list(SECTIONS) == [*NAMES, INCIDENT_RULE, FNS_DELAYED, ADDRESS_DEAD]


@pytest.mark.parametrize("rule", [*NAMES, INCIDENT_RULE, FNS_DELAYED, ADDRESS_DEAD])
def test_a_section_answers_every_question(rule: str) -> None:
    assert tuple(re.findall(r"^- \*\*(\w+)\.\*\* \S", SECTIONS[rule], re.MULTILINE)) == HEADS


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_table_names_the_type(rule: Rule) -> None:  # type: ignore[type-arg]
    assert f"| [`{rule.name}`](#{rule.name}) | `{rule.type.value}` |" in PAGE


@pytest.mark.parametrize("rule", NAMES)
def test_settings_and_their_defaults_are_those_of_the_parameters(rule: str) -> None:
    documented = settings(rule)
    spelt = {name.partition(".")[2]: value for name, value in spelt_parameters(rule, Parameters()).items()}
    assert set(documented) == set(spelt)
    for name, default in documented.items():
        if default.startswith("`"):
            assert customise(Parameters(), {rule: {name: default.strip("`")}}) == Parameters()
        else:
            assert (default.startswith("none"), spelt[name]) == (True, "")


@pytest.mark.parametrize(
    ("rule", "parameter"),
    [
        ("service_ending", "before"),
        ("register_silent", "after"),
        ("fn_filling", "percent"),
        ("fn_expiring", "before"),
        ("documents_unsent", "after"),
        ("messages_low", "left"),
    ],
)
def test_levels_are_the_thresholds(rule: str, parameter: str) -> None:
    levels = re.search(r"^- \*\*Levels\.\*\* (.*?)(?=^- |\Z)", SECTIONS[rule], re.MULTILINE | re.DOTALL)
    assert levels is not None
    named = re.findall(r"`(\w+)`", levels[1])
    thresholds = settings(rule)[parameter].strip("`").split(",")
    assert named[: len(thresholds)] == thresholds


def test_every_reason_is_listed_with_what_it_does_to_a_letter() -> None:
    listed = re.findall(r"^\| ([a-z, ]+) \| (sent|held|none) \|$", PAGE, re.MULTILINE)
    assert listed == [(reason.value, LETTERS[reason.outcome]) for reason in NoticeReason]
