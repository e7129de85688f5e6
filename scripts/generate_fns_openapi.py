#!/usr/bin/env python3
"""Writes docs/fns-openapi.json from the records of the contract: `make docs` after one has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ofd_gateway.fns_emulator import openapi_document

FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "fns-openapi.json"


def text() -> str:
    """The whole file."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """The file is written anew."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
