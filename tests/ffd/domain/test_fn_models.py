"""FN numbers to models."""

from __future__ import annotations

import pytest

from ofd_gateway.ffd.domain import FnModel, FnModels, fn_model


@pytest.mark.parametrize(
    ("fn", "name", "months"),
    [
        ("8710000100331763", "ФН-1 РИК", 13),
        ("8711000100000000", "ФН-1", 36),
        ("8712000100000000", "ФН-1 исп. 3", 13),
        ("8712000101000000", "ФН-1 исп. 3", 13),
        ("9282440300000000", "ФН-1.1 исп. 5-15-2", 15),
        ("9960440301643001", "ФН-1.1М Ин15-1М", 15),
        ("9961440300000000", "ФН-1.1М Ин36-1М", 36),
        ("7280440500000000", "ФН-1.2 Ин36-3", 36),
        ("7381440800000000", "ФН-1.2 Ин36-4", 36),
        ("9999078902013267", "МГМ", None),
    ],
)
def test_models(fn: str, name: str, months: int | None) -> None:
    model = fn_model(fn)
    assert model is not None
    assert (model.name, model.months, model.capacity) == (name, months, 250_000)
    assert model.is_debug == (name == "МГМ")


@pytest.mark.parametrize("fn", ["", "8712000102000000", "1234567890123456", "999"])
def test_unknown_numbers(fn: str) -> None:
    assert fn_model(fn) is None
    assert FnModels().capacity_of(fn) == 250_000


def test_the_table_can_be_overridden_and_the_longest_prefix_counts() -> None:
    own = FnModel(name="own", months=15, capacity=100_000)
    models = FnModels({"99990789": own, "1": own})
    assert models.of("9999078902013267") is own
    assert models.of("9999000000000000") == fn_model("9999000000000000")
    assert models.capacity_of("1000000000000000") == 100_000
    assert len(models.prefixes) == len(FnModels().prefixes) + 2


def test_prefixes_are_digits_and_models_have_names() -> None:
    for prefix, model in FnModels().prefixes.items():
        assert prefix.isdigit()
        assert model.name
        assert model.months in (None, 13, 15, 36)
