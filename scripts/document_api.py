#!/usr/bin/env python3
"""Writes docs/openapi.json from the code: `make docs` after the HTTP API has changed.

    python scripts/document_api.py [--check]

With `--check` nothing is written; exit status 1 when the file is not what the code says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from ofd_gateway.web.openapi import openapi_document

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def page() -> str:
    """The whole text of docs/openapi.json."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Writes the file, or compares it."""
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
