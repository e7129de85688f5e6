"""Somebody's suite in a folder of its own, run by a pytest of its own with our plugin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEADLINE_S = 110


class Outcome:
    """What pytest said, and how many tests ended how."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        self.counts = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (\w+)", last_line(text))}

    def __eq__(self, other: object) -> bool:
        return (
            {name: self.counts.get(name, 0) for name in other} == other if isinstance(other, dict) else NotImplemented
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.text}"


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if re.search(r"\d+ (passed|failed|error)", line)]
    return lines[-1] if lines else ""


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OFD_GATEWAY_", "PYTEST_"))}
    return {**plain, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "pytest", "-p", "no:cov", *arguments]


def run_pytest(folder: Path, *arguments: str, templates: Path | None = None, **variables: str) -> Outcome:
    """Without `templates` the folder's own cache is used, as a user's would be."""
    cache = () if templates is None else ("-o", f"cache_dir={templates}")
    ended = subprocess.run(
        command(*cache, *arguments),
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
    return Outcome(ended.returncode, ended.stdout)
