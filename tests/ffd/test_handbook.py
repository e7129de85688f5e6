"""The published pages are those that the tables make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ofd_gateway.ffd.dictionary import specs
from ofd_gateway.ffd.handbook import handbook, schema_files

DOCS = Path(__file__).resolve().parents[2] / "docs"
REMEDY = "run `python scripts/generate_ffd_docs.py`"


def test_the_page_is_current() -> None:
    assert handbook() == (DOCS / "ffd.md").read_text(encoding="utf-8"), REMEDY


def test_the_schemas_are_current() -> None:
    made = dict(schema_files())
    published = {
        path.relative_to(DOCS / "schemas").as_posix(): path.read_text(encoding="utf-8")
        for path in (DOCS / "schemas").rglob("*.json")
    }
    assert made == published, REMEDY


def test_every_tag_is_on_the_page() -> None:
    page = handbook()
    assert [spec.tag for spec in specs() if f"| {spec.tag}{' *' if spec.repeatable else ''} | " not in page] == []
    assert "| 1054 | operation type / признак расчета | operationType | M | M |" in page
    assert "| &emsp;1023 | &emsp;quantity / количество предмета расчета |" in page


@pytest.mark.parametrize("line", (DOCS / "ffd-questions.md").read_text(encoding="utf-8").splitlines()[8:])
def test_open_questions_are_about_known_tags(line: str) -> None:
    known = {spec.tag for spec in specs()}
    if line.startswith("| "):
        numbers = re.findall(r"\b\d{4}\b", line.split("|")[1])
        assert {int(number) for number in numbers} <= known
        assert len(line.strip("|").split("|")) == 5
