"""Writes docs/configuration.md from the settings themselves; `--check` only says whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ofd_gateway.settings import ENVIRONMENT_PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"

HEAD = """# Configuration

Every setting has a default, a TOML key, and an environment variable; the later source wins:

1. the default,
2. the TOML file named by `--config` or `OFD_GATEWAY_CONFIG`; without either, the first that exists of
   `~/.config/ofd-gateway/config.toml` (`$XDG_CONFIG_HOME` is respected) and `/etc/ofd-gateway/config.toml`,
3. files in the directory named by `OFD_GATEWAY_SECRETS_DIR`, one value a file, named as the variables are
   (`OFD_GATEWAY_SMTP__PASSWORD`, in any case): what Docker, Kubernetes and systemd hand over as secrets or credentials,
4. the environment: `OFD_GATEWAY_` and the key in capitals, `__` between the levels,
5. the command line.

```toml
listen = "0.0.0.0:7777"
database = "postgresql://ofd@db.example/ofd"

[intake]
idle_timeout = "10m"

[ffd.severities]
"R-X6" = "off"
```

Durations are written like `500ms`, `3s`, `1h30m`, `24h`, `45d`; lists are separated by commas in the environment and
may be TOML arrays in the file. An unknown key or variable is refused with exit
code 2, and the message names it. `ofd-gateway check-config` prints the effective settings with secrets masked, and
where each of them comes from.

"""


def main() -> int:
    """Writes the page, or compares it."""
    page = render()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text() == page else 1
    PAGE.write_text(page)
    return 0


def render() -> str:
    """The whole page."""
    rows: list[str] = []
    for key, default, text in _settings(Settings):
        variable = ENVIRONMENT_PREFIX + key.replace(".", "__").upper()
        rows.append(f"| `{key}` | `{variable}` | {default} | {text} |")
    table = "| key | variable | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    return HEAD + table


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not field.description:
            yield from _settings(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, _default(model, name), (field.description or "").replace("|", "\\|")


def _default(model: type[BaseModel], name: str) -> str:
    if name == "state_dir":
        return "`/var/lib/ofd-gateway` for root, else `~/.local/share/ofd-gateway`"
    field = model.model_fields[name]
    value: Any = field.get_default(call_default_factory=True)
    shown = model.model_construct(**{name: value}).model_dump(mode="json", include={name})[name]
    if isinstance(shown, list):
        shown = ",".join(str(item) for item in shown)
    if shown in ("", None, {}):
        return ""
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


if __name__ == "__main__":
    sys.exit(main())
