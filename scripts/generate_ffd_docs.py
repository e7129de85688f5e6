"""Writes docs/ffd.md and docs/schemas from the tables of the package: `python scripts/generate_ffd_docs.py`."""

from __future__ import annotations

from pathlib import Path

from ofd_gateway.ffd.handbook import handbook, schema_files

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Every file is written anew; schemas that no longer exist are removed."""
    (DOCS / "ffd.md").write_text(handbook(), encoding="utf-8")
    folder = DOCS / "schemas"
    wanted = {folder / name: text for name, text in schema_files()}
    for stale in set(folder.rglob("*.schema.json")) - wanted.keys():
        stale.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"docs/ffd.md and {len(wanted)} schemas")


if __name__ == "__main__":
    main()
