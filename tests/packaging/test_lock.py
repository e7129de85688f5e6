"""uv.lock: from the public index alone, and for the dependencies that pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK_TEXT = (ROOT / "uv.lock").read_text(encoding="utf-8")
LOCK = tomllib.loads(LOCK_TEXT)

PUBLIC = {"https://pypi.org", "https://files.pythonhosted.org"}
REQUIREMENTS = [
    Requirement(text)
    for texts in (PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values())
    for text in texts
]


def test_every_address_is_of_the_public_index():
    hosts = set(re.findall(r"\b[a-z+]+://[^/\"]+", LOCK_TEXT))
    assert hosts == PUBLIC


def test_nothing_comes_from_a_folder_or_a_repository():
    sources = {tuple(sorted(package["source"])) for package in LOCK["package"] if package["name"] != "ofd-gateway"}
    assert sources == {("registry",)}


def test_every_file_has_a_checksum():
    files = [file for package in LOCK["package"] for file in [*package.get("wheels", []), package.get("sdist")] if file]
    assert files
    assert [file["url"] for file in files if not file.get("hash", "").startswith("sha256:")] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_is_locked_within_its_bounds(requirement):
    versions = [p["version"] for p in LOCK["package"] if p["name"] == canonicalize_name(requirement.name)]
    assert versions, "run `make lock`"
    assert [version for version in versions if version not in requirement.specifier] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_has_bounds_on_both_sides(requirement):
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {">=", "<"}


def test_the_project_names_no_index_of_its_own():
    assert "uv" not in PROJECT["tool"]
