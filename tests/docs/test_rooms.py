"""docs/architecture.md says which rooms there are and which are pure; the source agrees."""

from __future__ import annotations

import ast
import re

import pytest
from pages import SOURCE, page
from sources import imported_modules, trees

ROOMS = dict(re.findall(r"^\| `(\w+)` \| (pure|) ?\|", page("architecture.md"), re.MULTILINE))
PURE = sorted(room for room, mark in ROOMS.items() if mark == "pure")
SHELLS = {
    "ofd_gateway.alerts.deadlines",
    "ofd_gateway.alerts.mailer",
    "ofd_gateway.alerts.reporting",
    "ofd_gateway.buyers.loop",
    "ofd_gateway.buyers.mailing",
    "ofd_gateway.buyers.planner",
    "ofd_gateway.buyers.reports",
    "ofd_gateway.buyers.service",
    "ofd_gateway.buyers.smpp.session",
    "ofd_gateway.buyers.texting",
}
"""Modules of a pure room that are its shell by design; no pure module may import them."""

IMPURE = {
    "asyncio",
    "asyncpg",
    "concurrent",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "socket",
    "structlog",
    "subprocess",
    "threading",
    "time",
    "uuid",
}
MOMENTS = {"now", "utcnow", "today"}


def test_the_rooms_listed_are_the_modules():
    modules = {path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("**/*.py"))}
    assert set(ROOMS) == modules | packages


def test_pure_rooms_are_known():
    assert {"protocol", "ffd", "crypto", "ledger"} <= set(PURE)


def pure_files(room):
    folder = SOURCE / room
    place = folder if folder.is_dir() else folder.with_suffix(".py")
    for path, tree in trees(place):
        module = ".".join(("ofd_gateway", *path.relative_to(SOURCE).with_suffix("").parts))
        if module not in SHELLS:
            yield path, tree


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_nothing_impure(room):
    found = {
        f"{path.name}: {module}"
        for path, tree in pure_files(room)
        for module in imported_modules(tree)
        if module.split(".")[0] in IMPURE or module in SHELLS
    }
    assert found == set()


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_never_ask_for_the_present_moment(room):
    found = [
        f"{path.name}:{node.lineno}"
        for path, tree in pure_files(room)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MOMENTS
        if isinstance(node.func.value, ast.Name | ast.Attribute)
    ]
    assert found == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_read_and_write_no_files(room):
    """Package data through importlib.resources is allowed: it is part of the code."""
    found = [
        f"{path.name}:{node.lineno}"
        for path, tree in pure_files(room)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}
    ]
    assert found == []
