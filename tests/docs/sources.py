"""What the source says of itself: events, reasons, imports; found in the syntax tree, without running anything."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pages import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ANYTHING = "*"
"""Stands for what an f-string puts in."""

_EVENT = re.compile(r"[a-z_*]+(\.[a-z_*]+)+")
_SLUG = re.compile(r"[a-z]+(_[a-z]+)*")
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def trees(folder: Path = SOURCE) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def logged_events() -> dict[str, set[str]]:
    """Every event that structlog is given, with the files that give it."""
    events: dict[str, set[str]] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            for event in _events_of(node):
                events.setdefault(event, set()).add(path.name)
    return events


def reasons(folder: Path, makers: frozenset[str]) -> set[str]:
    """The reasons with which errors are made: the first argument or `reason=` of calls to one of `makers`.

    A maker that is a function of the same file counts only where its own first parameter is the reason.
    """
    found = set()
    for _, tree in trees(folder):
        others = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and "reason" not in [argument.arg for argument in node.args.args[:2]]
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in makers - others:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "reason"] or node.args[:1]
                found |= {value for value in _strings(given) if _SLUG.fullmatch(value)}
    return found


def imported_modules(tree: ast.Module) -> set[str]:
    """The full names of what is imported, except for type checkers only."""
    found: set[str] = set()
    skipped = {id(child) for node in ast.walk(tree) if _is_type_checking(node) for child in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def _events_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        by_level = isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS
        by_name = isinstance(node.func, ast.Call) and _name(node.func.func) == "getattr"
        if by_level or by_name:
            yield from (text for text in _strings(node.args[:2]) if _EVENT.fullmatch(text))
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "event":
                yield from (text for text in _strings([value]) if _EVENT.fullmatch(text))


def _strings(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp():
                yield from _strings([node.body, node.orelse])
            case ast.JoinedStr():
                yield "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING"
