"""The version is written down once, in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import ofd_gateway

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_package_tells_the_version_of_the_project():
    assert ofd_gateway.__version__ == VERSION


def test_the_source_does_not_repeat_it():
    spelt = re.compile(rf"[\"']{re.escape(VERSION)}[\"']")
    files = [path for path in (ROOT / "src").rglob("*.py") if spelt.search(path.read_text(encoding="utf-8"))]
    assert files == []


def test_the_changelog_has_it_as_its_newest_release():
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == VERSION
