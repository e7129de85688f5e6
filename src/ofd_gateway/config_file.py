"""Where the configuration file is: named, or in one of the usual places. Imports nothing that is slow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["CONFIG_VARIABLE", "find_config_file", "usual_config_files"]

CONFIG_VARIABLE: Final = "OFD_GATEWAY_CONFIG"


def find_config_file(named: Path | None = None) -> Path | None:
    """The file that was named (by `--config`, else by `OFD_GATEWAY_CONFIG`), else the first usual one that exists."""
    if named is not None:
        return named
    variable = os.environ.get(CONFIG_VARIABLE)
    if variable:
        return Path(variable)
    return next((file for file in usual_config_files() if file.is_file()), None)


def usual_config_files() -> tuple[Path, ...]:
    """`ofd-gateway/config.toml` in the user's configuration directory, then in `/etc`."""
    base = os.environ.get("XDG_CONFIG_HOME")
    user = Path(base) if base else Path("~/.config").expanduser()
    return user / "ofd-gateway" / "config.toml", Path("/etc/ofd-gateway/config.toml")
