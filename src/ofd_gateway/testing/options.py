"""Settings of the gateway as marks and pytest's configuration name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ofd_gateway.testing.errors import OptionUnknown

__all__ = ["SHORT", "settings_of"]

SHORT: Final = {
    "accept": "intake.accept",
    "checks": "ffd.checks",
    "idle_timeout": "intake.idle_timeout",
    "inn": "ofd.inn",
    "message_timeout": "intake.message_timeout",
    "names": "ffd.names",
    "severities": "ffd.severities",
    "undecodable": "intake.undecodable",
}
"""Short names of settings that tests want often."""

_OURS: Final = frozenset(
    {
        "config",
        "database",
        "disposable",
        "faults.enabled",
        "http",
        "listen",
        "logs.format",
        "state_dir",
        "web.token",
        "workers",
    }
)


def settings_of(lines: Iterable[str], marks: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> dict[str, str]:
    """Dotted keys and their values: those of the configuration, then those of marks, the last one wins.

    A line is `key = value`. A mark has keyword arguments, with `__` for a dot, and mappings with dotted keys. Raises
    `OptionUnknown` for what is no setting, or one that the plugin needs for itself.
    """
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            raise OptionUnknown(f"ofd_settings: {line!r} is not written `key = value`")
        found[_key(key.strip())] = value.strip()
    for positional, named in marks:
        for mapping in positional:
            if not isinstance(mapping, Mapping):
                raise OptionUnknown(f"pytest.mark.ofd: {mapping!r} is no mapping of settings")
            found.update((_key(key), _spell(value)) for key, value in mapping.items())
        found.update((_key(key), _spell(value)) for key, value in named.items())
    return found


def _key(written: str) -> str:
    key = SHORT.get(written, written.replace("__", "."))
    if key in _OURS:
        raise OptionUnknown(f"{key} cannot be set: the plugin needs it for itself")
    return key


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, Mapping):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return str(value)
