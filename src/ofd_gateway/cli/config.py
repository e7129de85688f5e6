"""`ofd-gateway check-config`: what the gateway would serve with."""

from __future__ import annotations

import sys
from typing import Any


from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, print_json

__all__ = ["check_config"]


def check_config(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Показывает действующие настройки; пароли скрыты. / Shows the effective settings, secrets masked."""
    from ofd_gateway.settings import load_settings
    from ofd_gateway.storage.database import masked_dsn

    settings = load_settings(config, database=database, state_dir=state_dir)
    shown: dict[str, Any] = settings.model_dump(mode="json")
    shown["database"] = masked_dsn(settings.database)
    if as_json:
        print_json(shown)
        return
    for key, value in _flat(shown):
        sys.stdout.write(f"{key} = {_toml(value)}\n")


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            pairs.extend(_flat(value, f"{prefix}{key}."))
        else:
            pairs.append((prefix + key, value))
    return pairs


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case dict():
            return "{}"
        case list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case None:
            return '""'
        case _:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'


