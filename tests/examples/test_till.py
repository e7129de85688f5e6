"""The example project: its tests pass in a copy of the folder, and its till knows nothing of us."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

from tests.testing.suites import run_pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "till"


def test_its_tests_pass_in_a_copy(tmp_path: Path) -> None:
    project = tmp_path / "till"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", ".venv"))
    outcome = run_pytest(project, "-p", "no:asyncio")
    assert outcome.code == 0, outcome
    assert outcome.counts["passed"] > 10


def test_the_till_is_plain_python() -> None:
    tree = ast.parse((EXAMPLE / "till.py").read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "collections", "dataclasses", "datetime", "hashlib", "socket", "struct"}


def test_the_project_needs_what_it_says() -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dependencies"] == []
    assert any(need.startswith("ofd-gateway") for need in project["dependency-groups"]["test"])
