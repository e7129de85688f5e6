#!/usr/bin/env python3
"""Writes docs/wireshark/ofd.lua, the Wireshark dissector, from the tables of the formats: `make docs` after a change.

    python scripts/generate_wireshark.py [--check]

With `--check` nothing is written; exit status 1 when the file is not what the tables say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.dictionary import document_codes, document_kind, meanings, specs
from ofd_gateway.ffd.enumerations import enumerations
from ofd_gateway.ffd.tree import is_money
from ofd_gateway.ffd.values import ENCODING, TagKind
from ofd_gateway.protocol.session import FFD_BY_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.ffd.dictionary import TagSpec

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATE: Final = ROOT / "scripts" / "ofd.lua.template"
SCRIPT: Final = ROOT / "docs" / "wireshark" / "ofd.lua"
MARK: Final = "--@TABLES@\n"
FISCAL_SIGN: Final = 1077
KINDS: Final = {
    TagKind.STRING: "text",
    TagKind.BYTES: "bytes",
    TagKind.BYTE: "number",
    TagKind.BITS8: "bits",
    TagKind.U16: "number",
    TagKind.U32: "number",
    TagKind.BITS32: "bits",
    TagKind.UNIXTIME: "time",
    TagKind.VLN: "number",
    TagKind.FVLN: "quantity",
    TagKind.STLV: "structure",
}


def script() -> str:
    """The whole text of the dissector."""
    before, mark, after = TEMPLATE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{TEMPLATE} has no line {MARK.strip()}")
    return before + "\n".join(_tables()) + "\n" + after


def _tables() -> Iterator[str]:
    yield "-- Bytes 80 to FF of CP866."
    yield "local CP866 = {"
    for start in range(128, 256, 16):
        yield "    " + " ".join(f"{_quoted(bytes([byte]).decode(ENCODING))}," for byte in range(start, start + 16))
    yield "}"
    yield "local P_VERSIONS = {"
    yield from (f'    [0x{version.hex()}] = "ФФД {ffd}",' for version, ffd in FFD_BY_VERSION.items())
    yield "}"
    yield "local DOCUMENTS = {"
    yield from (f"    [{code}] = {_quoted(_document(code))}," for code in document_codes())
    yield "}"
    yield "-- Tag: its meanings, the present one first: kind, names, and where the number was reused, its parents."
    yield "local TAGS = {"
    for tag in sorted({spec.tag for spec in specs()} - set(document_codes())):
        yield f"    [{tag}] = {{ {', '.join(_meaning(spec, len(meanings(tag))) for spec in _ordered(tag))} }},"
    yield "}"
    yield "-- Tag: names of its values, or of its bits by their positions."
    yield "local VALUES = {"
    for tag, found in sorted(enumerations().items()):
        members = ", ".join(
            f"[{_key(member.value)}] = {_quoted(_names(member.name_ru, member.name_en))}" for member in found.members
        )
        yield f"    [{tag}] = {{ {members} }},"
    yield "}"


def _ordered(tag: int) -> list[TagSpec]:
    """Meanings of a tag, those that are still in force first."""
    return sorted(meanings(tag), key=lambda spec: bool(spec.until))


def _meaning(spec: TagSpec, count: int) -> str:
    kind = "sign" if spec.tag == FISCAL_SIGN else "money" if is_money(spec) else KINDS[spec.kind]
    parts = [_quoted(kind), _quoted(_names(spec.name_ru, spec.name_en))]
    if count > 1:
        parts.append("{ " + ", ".join(f"[{parent}] = true" for parent in sorted(spec.parents)) + " }")
    return "{ " + ", ".join(parts) + " }"


def _document(code: int) -> str:
    kind = document_kind(code)
    names = {spec.name_ru for spec in meanings(code)}
    return f"{names.pop()} / {kind}" if len(names) == 1 else kind


def _names(name_ru: str, name_en: str) -> str:
    return f"{name_ru} / {name_en.replace('_', ' ')}"


def _key(value: int | str) -> str:
    return str(value) if isinstance(value, int) else _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def main() -> int:
    """Writes or checks the dissector; returns the exit status."""
    wanted = script()
    if "--check" in sys.argv[1:]:
        return 0 if SCRIPT.is_file() and SCRIPT.read_text(encoding="utf-8") == wanted else 1
    SCRIPT.parent.mkdir(exist_ok=True)
    SCRIPT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
