"""What people see: sums, text and trees that no document can spoil."""

from __future__ import annotations

import io
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.cli.main import run
from ofd_gateway.cli.output import console, print_json, printable, roubles
from ofd_gateway.cli.rendering import document_tree
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import Severity, Violation
from tests.messages import DEBUG_FN, document_body


@pytest.mark.parametrize(
    ("kopecks", "text"), [(None, ""), (0, "0.00"), (5, "0.05"), (123456, "1234.56"), (-5, "-0.05"), (-250, "-2.50")]
)
def test_sums_are_spelt_as_registers_print_them(kopecks: int | None, text: str) -> None:
    assert roubles(kopecks) == text


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


def test_json_is_one_line_of_exact_numbers(capsys) -> None:
    print_json({"количество": Decimal("0.876"), "text": "a\nb"})
    assert capsys.readouterr().out == '{"количество":0.876,"text":"a\\nb"}\n'


def test_a_stream_that_is_no_file_is_left_as_it_is(monkeypatch) -> None:
    class Written(io.StringIO):
        pass

    out = Written()
    monkeypatch.setattr(sys, "stdout", out)
    assert run(["--version"]) == 0
    assert out.getvalue().startswith("ofd-gateway ")


def test_a_violation_of_a_rule_that_is_no_more_is_still_shown(capsys) -> None:
    violation = Violation(rule="R-OLD", severity=Severity.WARNING, path="receipt.totalSum", found="\x1b[0m")
    console().print(document_tree(decode(document_body(DEBUG_FN, 1)), violations=[violation]))
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if "  1020 " in line)
    assert "R-OLD предупреждение / warning: receipt.totalSum; найдено / found: \\x1b[0m" in lines[at + 1]
