"""Values reach the database as parameters: a statement is put together from constants of ours and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

STORAGE = Path(__file__).resolve().parents[2] / "src" / "ofd_gateway" / "storage"
FILES = sorted(STORAGE.glob("*.py"))

SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER|TRUNCATE|WHERE|VALUES|RETURNING|ORDER BY|LIMIT|JOIN"
    r"|SET|COPY|LOCK|NOTIFY|LISTEN|WITH|UNION|FROM)\b"
)
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
EXECUTING = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "prepare", "cursor"}
BUILDING = {"format", "format_map", "join", "replace", "substitute"}

COMPOSED = {
    "backup.py": {
        "current": "the name in our own URI of the built-in database",
        "kept": "that name and a date",
        "table": "one of the constant _PRECIOUS",
    },
    "buyer_erasure.py": {
        "_PAYERS.format(which=which.replace('$2', '$1'))": "one of two conditions written in this file",
        "_CANCEL.format(which=which)": "the same",
        "_ERASE.format(which=which)": "the same",
    },
    "forgetting.py": {
        "';'.join((f'DELETE FROM {name}' for name in names))": "quoted names of the database's own catalogue",
        "name": "one of them",
    },
    "document_queries.py": {
        "query": "one of three constants",
        "latest": "a constant with its table renamed",
        "in_order": "the same",
        "order": "one of these two",
        "_not_accepted(latest)": "made of these and constants",
        "_not_accepted(in_order)": "the same",
    },
    "feed.py": {"int(base)": "an integer; a default of a column takes no parameters"},
    "intake_statements.py": {
        "', '.join(adding)": "constants, chosen by which legs are on",
        "', '.join(queues)": "the same",
        "kept": "a constant with its parameters renumbered",
        "watched": "the same",
        "demand": "the same",
    },
}
"""What may stand in a statement beside constants, by file, and why it is none of a stranger's words."""

EXECUTED = {
    "alerts.py": {"query"},
    "backup.py": {"statement"},
    "buyer_archive.py": {"query"},
    "clock_steps.py": {"statement"},
    "commit.py": {"statements.write_all", "statements.add_documents"},
    "documents.py": {"latest", "everything"},
    "feed.py": {"query"},
    "migrations.py": {"migration.sql"},
    "registers.py": {"watch"},
}
"""What is executed that is neither written on the spot nor a constant; each of them is checked where it is made."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in FILES:
        yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def literals(node: ast.AST) -> str:
    return " ".join(
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def is_constant(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return CONSTANT.fullmatch(name) is not None
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return is_constant(left) and is_constant(right)
        case ast.Call(func=ast.Attribute(value=text, attr=name), args=args, keywords=keywords) if name in BUILDING:
            return all(map(is_constant, [text, *args, *(keyword.value for keyword in keywords)]))
        case ast.JoinedStr(values=values):
            return all(is_constant(part.value) if isinstance(part, ast.FormattedValue) else True for part in values)
    return False


def strangers_in(node: ast.expr) -> set[str]:
    """What is put into a text beside constants."""
    match node:
        case ast.JoinedStr(values=values):
            return {
                ast.unparse(part.value)
                for part in values
                if isinstance(part, ast.FormattedValue) and not is_constant(part.value)
            }
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return set().union(
                *(
                    strangers_in(side) if isinstance(side, ast.BinOp | ast.JoinedStr) else {ast.unparse(side)}
                    for side in (left, right)
                    if not is_constant(side)
                )
            )
        case ast.BinOp(op=ast.Mod()):
            return {ast.unparse(node)}
        case ast.Call(func=ast.Attribute(attr=name)) if name in BUILDING and not is_constant(node):
            return {ast.unparse(node)}
    return set()


def composed(tree: ast.Module) -> Iterator[tuple[int, set[str]]]:
    """Lines at which something other than constants is put into a statement; words of logs and errors are none."""
    others = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) or is_log(node) or is_error(node)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) and id(node) not in others:
            found = strangers_in(node) if SQL.search(literals(node)) else set()
            if found:
                yield node.lineno, found


def is_log(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error"}
    )


def is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__"


def test_statements_are_put_together_from_constants() -> None:
    found = {
        f"{name}:{line}: {stranger}"
        for name, tree in trees()
        for line, strangers in composed(tree)
        for stranger in strangers - COMPOSED.get(name, {}).keys()
    }
    assert found == set()


def test_what_is_executed_is_a_constant() -> None:
    found = set()
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTING:
                statement = node.args[0] if node.args else None
                if statement is None or is_constant(statement) or strangers_in(statement):
                    continue  # what is put together on the spot is the other test's business
                if ast.unparse(statement) not in EXECUTED.get(name, set()):
                    found.add(f"{name}:{node.lineno}: {ast.unparse(statement)}")
    assert found == set()


def test_constants_are_what_they_are_called() -> None:
    """A name in capitals is bound once, at the top of a module, and to constants where it is a text."""
    found = set()
    for name, tree in trees():
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Name) and CONSTANT.fullmatch(target.id) and len(target.id.strip("_")) > 1:
                    value = node.value
                    is_text = (
                        value is not None
                        and SQL.search(literals(value))
                        and isinstance(value, ast.JoinedStr | ast.BinOp)
                    )
                    if id(node) not in top or (is_text and not is_constant(value)):
                        found.add(f"{name}:{node.lineno}: {target.id}")
    assert found == set()


@pytest.mark.parametrize(
    ("code", "stranger"),
    [
        ('q = f"SELECT * FROM documents WHERE fn = {fn}"', "fn"),
        ('q = f"SELECT {_COLUMNS} FROM documents {where}"', "where"),
        ('q = "SELECT 1 FROM documents WHERE fn = \'" + fn', "fn"),
        ('q = "SELECT 1 FROM documents WHERE fn = %s" % fn', "'SELECT 1 FROM documents WHERE fn = %s' % fn"),
        ('q = "SELECT 1 FROM {}".format(table)', "'SELECT 1 FROM {}'.format(table)"),
        ('q = _COLUMNS + " WHERE fn = $1" + more', "more"),
    ],
)
def test_a_value_in_a_statement_would_be_found(code: str, stranger: str) -> None:
    assert stranger in set().union(*(found for _, found in composed(ast.parse(code))))


def test_only_storage_has_statements() -> None:
    """The driver's methods are called nowhere else, so these files are all there is to look at."""
    source = STORAGE.parent
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if path.parent != STORAGE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if (module or "").split(".")[0] == "asyncpg"
    }
    assert found == set()
