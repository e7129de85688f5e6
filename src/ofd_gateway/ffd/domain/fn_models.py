"""What the number of an FN tells of it: model, months of its keys, capacity (номер ФН, 1041)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_CAPACITY", "FnModel", "FnModels", "fn_model"]

DEFAULT_CAPACITY: Final = 250_000
"""Signed documents any FN can hold at most, by the one number a maker has published."""

_TABLE: Final = """
    87100001              13 ФН-1 РИК
    87110001              36 ФН-1
    8712000100 8712000101 13 ФН-1 исп. 3
    87150001              13 Пр13-2
    87160001              13 Из13-2
    92810001              36 ФН-1.1 исп. 4
    92820001 92824403     15 ФН-1.1 исп. 5-15-2
    92834403              36 ФН-1.1 Эв36-2
    92840001              15 ФН-1.1 Эв15-2
    92850001 92854403     15 ФН-1.1 Из15-2
    92860001              15 ФН-1.1 исп. 3
    92874403              36 ФН-1.1 исп. 2
    92880001              15 ФН-1.1 исп. 5-15-1
    92890001              15 ФН-1.1 Пр15-2
    92514403              15 ФН-1.1 исп. 6-15-2
    92524403              36 ФН-1.1 Ав36-2
    92804403              15 ФН-1.1 Ав15-2
    99604403              15 ФН-1.1М Ин15-1М
    99614403              36 ФН-1.1М Ин36-1М
    72804405              36 ФН-1.2 Ин36-3
    72814407              15 ФН-1.2 Ин15-3
    72824405              15 ФН-1.2 Эв15-3
    72844405              15 ФН-1.2 Ав15-3
    72854405 72854407     36 ФН-1.2 Ав36-3
    73804408              15 ФН-1.2 Ин15-4
    73814407 73814408     36 ФН-1.2 Ин36-4
    9999                   0 МГМ
"""
"""Prefixes of the number, months (0: none), model. Sources: a maker's table and public tables of FN numbers."""


class FnModel(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one model. `months` is the time its keys serve, None for a debug FN and when unknown.

    How long they really serve depends on the mode of work; 1213 of a report is the better source.
    """

    name: str
    months: int | None
    capacity: int = DEFAULT_CAPACITY

    @property
    def is_debug(self) -> bool:
        """Whether it is a mass-and-size model (МГМ): a debug FN, whose documents nobody accepts for real."""
        return self.name == _DEBUG_NAME


_DEBUG_NAME: Final = "МГМ"


class FnModels:
    """A table of prefixes; the longest one that fits counts. `overrides` adds prefixes to the built-in table."""

    def __init__(self, overrides: Mapping[str, FnModel] | None = None) -> None:
        self._by_prefix = {**_built_in(), **(overrides or {})}
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def of(self, fn: str) -> FnModel | None:
        """The model of an FN by its number, None when no prefix fits."""
        for length in self._lengths:
            found = self._by_prefix.get(fn[:length])
            if found is not None:
                return found
        return None

    def capacity_of(self, fn: str) -> int:
        """Documents an FN can hold; the general number when its model is unknown."""
        found = self.of(fn)
        return DEFAULT_CAPACITY if found is None else found.capacity

    @property
    def prefixes(self) -> Mapping[str, FnModel]:
        """The whole table."""
        return self._by_prefix


def fn_model(fn: str) -> FnModel | None:
    """The model of an FN by the built-in table."""
    return _DEFAULT.of(fn)


def _built_in() -> dict[str, FnModel]:
    models = {}
    for line in _TABLE.strip().splitlines():
        words = line.split()
        prefixes = [word for word in words if word.isdigit() and len(word) >= 4]
        months, *name = words[len(prefixes) :]
        model = FnModel(name=" ".join(name), months=int(months) or None)
        models.update(dict.fromkeys(prefixes, model))
    return models


_DEFAULT: Final = FnModels()
