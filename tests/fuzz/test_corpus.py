"""Every input that fuzzing has found interesting, tried on its target as an ordinary test."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.targets import TARGETS, check_of

CORPUS = Path(__file__).resolve().parents[2] / "fuzz" / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_keeps_the_promises_of_its_target(path: Path) -> None:
    check_of(path.parent.name)(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_at_all_is_an_input(target: str) -> None:
    check_of(target)(b"")
