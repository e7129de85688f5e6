"""The documentation's files and what is found in them by shape."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "ofd_gateway"

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def page(name: str) -> str:
    """The text of one page below docs/."""
    return read(DOCS / name)


def every_page() -> list[Path]:
    """Every Markdown file that a reader may meet."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def links(path: Path) -> list[str]:
    """The targets of links, without those inside blocks of code."""
    return _LINK.findall(_FENCE.sub("", read(path)))


def anchors(path: Path) -> set[str]:
    """The anchors that headings get on the usual hosts."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", read(path))):
        text = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(text.replace(" ", "-"))
    return found


def code_blocks(path: Path, language: str) -> list[str]:
    """The insides of fenced blocks of one language."""
    return [body for name, body in _FENCE.findall(read(path)) if name == language]


def first_cells(text: str, heading: str) -> list[str]:
    """The first column, in backticks, of the first table below a heading."""
    _, found, rest = text.partition(f"# {heading}\n")
    assert found, heading
    section = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)


def project_files() -> list[Path]:
    """Every file of the project, as git knows them (new ones included); from the folders where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
        files = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        folders = ("src", "tests", "docs", "migrations", "scripts", "benchmarks", "endurance", ".ci")
        files = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
        files += [path for path in ROOT.iterdir() if path.is_file()]
    return [path for path in files if path.is_file()]
