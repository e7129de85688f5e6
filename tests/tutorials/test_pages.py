"""The tutorials do what they say."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.tutorials.session import ROOT, as_pattern, blocks, run_page

TUTORIALS = ROOT / "docs" / "tutorials"
NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="the sessions are written for bash")
NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="the session asks with curl, which is not here")


@pytest.mark.faults
@pytest.mark.timeout(150)
@NEEDS_BASH
def test_the_register_developers_session(tmp_path: Path) -> None:
    run_page(TUTORIALS / "register-developer.md", tmp_path, ports=(7777, 8080), log="first/gateway.log")


@pytest.mark.faults
@pytest.mark.timeout(150)
@NEEDS_BASH
@NEEDS_CURL
def test_the_firmware_testers_session(tmp_path: Path) -> None:
    run_page(TUTORIALS / "firmware-tester.md", tmp_path, ports=(7777, 7778, 8080), log="bench/gateway.log")


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_till_developers_tests_are_those_of_the_example() -> None:
    shown = code_blocks(TUTORIALS / "till-developer.md", "python")
    example = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "till" / "tests").glob("*.py"))
    assert len(shown) >= 5
    for block in shown:
        ast.parse(block)
        assert block in example, block


def test_the_pipelines_are_yaml() -> None:
    github, gitlab = (yaml.safe_load(block) for block in code_blocks(TUTORIALS / "till-developer.md", "yaml"))
    assert github["jobs"]["test"]["steps"][-1] == {"run": "pytest -n auto"}
    assert gitlab["test"]["script"][-1].startswith("pytest -n auto")


def test_pages_are_read_block_by_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\na\n```\n\n```sh\nb\n```\nwords\n```text\nc…\n```\n", encoding="utf-8")
    assert blocks(page) == [("a\n", None), ("b\n", "c…\n")]


@pytest.mark.parametrize(
    ("expected", "found", "is_same"),
    [
        ("a…c\n", "abbc\n", True),
        ("a…c\n", "ab\nc\n", False),
        ("…\nlast\n", "one\ntwo\nlast\n", True),
        ("first\n…\n", "first\n", True),
        ("a.c\n", "abc\n", False),
        ("a\n", "a\nb\n", False),
    ],
)
def test_what_is_left_out_may_be_anything(expected: str, found: str, is_same: bool) -> None:
    assert bool(re.fullmatch(as_pattern(expected), found)) == is_same
