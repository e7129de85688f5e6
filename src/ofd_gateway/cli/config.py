"""`ofd-gateway check-config`: what the gateway would serve with."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Final

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption
from ofd_gateway.cli.output import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_config"]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN: Final = 64


def check_config(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Показывает действующие настройки; пароли скрыты. / Shows the effective settings, secrets masked."""
    from ofd_gateway.settings import load_settings, sources_of
    from ofd_gateway.storage import masked_dsn

    settings = load_settings(config, database=database, state_dir=state_dir)
    shown = settings.masked()
    shown["database"] = masked_dsn(settings.database)
    if as_json:
        print_json(shown)
        return
    sources = sources_of(config, database=database, state_dir=state_dir)
    for key, value in _flat(shown):
        # A table that is one setting, such as ffd.severities, is of one source.
        source = sources.get(key) or sources.get(key.rpartition(".")[0], "")
        line = f"{key} = {_toml(value)}"
        sys.stdout.write(f"{line:<{_COLUMN}}  # {source}\n" if source else f"{line}\n")


def _flat(tree: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        key = prefix + (name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False))
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _toml(value: object) -> str:
    """A TOML value: the output can be kept as a configuration file. Strings of JSON are strings of TOML."""
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
