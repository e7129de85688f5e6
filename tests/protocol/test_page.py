"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from ofd_gateway import crypto
from ofd_gateway.protocol import MAX_BODY_BYTES, Reason, confirmation, container, session
from ofd_gateway.protocol.session import FFD_BY_VERSION
from tests.protocol.samples import FAULTS_TO_OPERATOR, FAULTS_TO_REGISTER, confirmation_container

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    table = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def test_every_reason_and_no_other():
    listed = [row[0].strip("`") for row in rows(section("Refusals"))]
    assert sorted(listed) == sorted(get_args(Reason))


def test_when_a_reason_is_known():
    told = {row[0].strip("`"): (row[2], row[3]) for row in rows(section("Refusals"))}
    for fault in (*FAULTS_TO_OPERATOR, *FAULTS_TO_REGISTER):
        known, kept = told[fault.reason]
        size = {len(fault.data): "whole message", 4: "4 bytes", 30: "30 bytes", 62: "62 bytes"}
        assert "first wrong byte" in known or size[fault.known_after] in known, fault.name
        if kept != "–":
            assert fault.has_header == kept.startswith("yes") or "to a register" in known, fault.name


def test_every_version_and_no_other():
    listed = {bytes.fromhex(row[0].strip("`")): row[1] for row in rows(section("P-versions"))}
    assert listed == FFD_BY_VERSION


@pytest.mark.parametrize("module", [session, container, confirmation, crypto], ids=lambda module: module.__name__)
def test_the_pictures_are_those_of_the_code(module):
    """What stands indented in a module's docstring stands on the page."""
    assert module.__doc__ is not None
    lines = [line.strip() for line in module.__doc__.splitlines() if line.startswith("    ")]
    assert lines
    on_page = {re.sub(r"\s+", " ", line.strip()) for line in PAGE.splitlines()}
    assert [line for line in lines if line and re.sub(r"\s+", " ", line) not in on_page] == []


def test_the_sizes():
    assert f"46 to {MAX_BODY_BYTES:,}" in PAGE
    size = len(confirmation_container())
    assert f"{size} bytes, with the session header {size + 30}" in PAGE


def test_the_example_runs():
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "docs/protocol.md", "exec"), {})
