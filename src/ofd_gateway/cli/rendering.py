"""Messages, containers and documents for people: trees in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.tree import Tree

from ofd_gateway.crypto import BodyUnreadable, EmulatorCrypto
from ofd_gateway.ffd import Document, FormatError, decode
from ofd_gateway.ffd.tree import meaning_of
from ofd_gateway.protocol import CONTAINER_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ofd_gateway.ffd import Field
    from ofd_gateway.protocol import Container, SessionHeader

__all__ = ["container_tree", "document_tree", "hex_dump", "session_tree"]

_SHOWN_BYTES = 32
_KINDS = {0xA5: "ФН → ОФД / from the FN", 0x5A: "ОФД → ФН / from the operator"}


def session_tree(header: SessionHeader) -> Tree:
    """The session header, field by field."""
    tree = Tree("[bold]сеансовый заголовок / session header[/bold], 30 bytes")
    hint = header.ffd_hint or "неизвестна / unknown"
    for offset, name, raw, meaning in (
        (0, "сигнатура / signature", "2a08410a", ""),
        (4, "версия S-протокола / S-version", "81a2", ""),
        (6, "версия P-протокола / P-version", header.version.hex(), f"ФФД {hint}"),
        (8, "номер ФН / FN", header.fn, ""),
        (24, "длина / length", str(header.body_length), "0 = служебный режим / service" if not header.body_length else ""),
        (26, "флаги / flags", f"0x{header.flags:04x}", f"CRC {header.crc_mode.name}"),
        (28, "CRC", f"0x{header.crc:04x}", ""),
    ):
        tree.add(_row(offset, name, raw, meaning))
    return tree


def container_tree(
    container: Container,
    *,
    base: int = 0,
    version_hint: str | None = None,
    violations: Sequence[Mapping[str, Any]] = (),
) -> Tree:
    """The container's header and trailer, and the document inside; offsets count from `base`."""
    tree = Tree(f"[bold]контейнер / container[/bold], {len(container.raw)} bytes")
    for offset, name, raw, meaning in (
        (4, "тип / type", f"{container.kind:02x}", _KINDS.get(container.kind, "")),
        (5, "документ / document", str(container.document_code), ""),
        (6, "версия / version", str(container.format_version), ""),
        (7, "служебные данные / service data", container.service_data.hex(), ""),
        (9, "номер ФН / FN", container.fn, ""),
        (17, "номер ФД / FD", str(container.fd), ""),
        (20, "синхропосылка / nonce", container.nonce.hex(), ""),
        (28, "ключ / key id", container.key_id.hex(), ""),
    ):
        tree.add(_row(base + offset, name, raw, meaning))
    try:
        body = EmulatorCrypto(b"-").unwrap(container)
        document = decode(body, version_hint=version_hint)
    except (BodyUnreadable, FormatError) as error:
        tree.add(f"[red]{escape(str(error))}[/red]")
        tree.add(_row(base + CONTAINER_HEADER_BYTES, "тело / body", _short(container.body), ""))
    else:
        tree.add(document_tree(document, base=base + CONTAINER_HEADER_BYTES, violations=violations))
    trailer_at = base + len(container.raw) - len(container.trailer)
    tree.add(_row(trailer_at, "подпись сообщения / message sign", container.trailer.hex(), ""))
    return tree


def document_tree(document: Document, *, base: int = 0, violations: Sequence[Mapping[str, Any]] = ()) -> Tree:
    """Every field with offset, number, names, bytes and meaning; violations stand at their fields."""
    tree = Tree(f"[bold]{document.kind}[/bold], ФФД {document.ffd}, {len(document.raw)} bytes")
    left = list(violations)
    _add_fields(tree, document.fields(), document, base, left)
    for violation in left:
        tree.add(_violation(violation))
    return tree


def hex_dump(data: bytes) -> str:
    """Sixteen bytes a line with offsets."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset : offset + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)  # noqa: PLR2004  printable ASCII
        lines.append(f"{offset:08x}  {part.hex(' '):<47}  {text}")
    return "\n".join(lines)


def _add_fields(
    tree: Tree, fields: Iterable[Field], document: Document, base: int, left: list[Mapping[str, Any]]
) -> None:
    for field in fields:
        names = "неизвестный реквизит / unknown tag"
        if field.spec is not None:
            names = f"{field.spec.name_ru} / {field.spec.name_en.replace('_', ' ')}"
        raw = "" if field.children is not None else _short(field.raw)
        branch = tree.add(_row(base + field.offset, f"{field.tag} {names}", raw, meaning_of(field, document)))
        for violation in [one for one in left if one.get("path") == field.path]:
            branch.add(_violation(violation))
            left.remove(violation)
        if field.children is not None:
            _add_fields(branch, field.children, document, base, left)


def _violation(violation: Mapping[str, Any]) -> str:
    colour = "red" if violation.get("severity") == "error" else "yellow"
    found, expected = violation.get("found"), violation.get("expected")
    said = f"{violation['rule']} {violation.get('path', '')}: {found}; {expected}"
    return f"[{colour}]{escape(said)}[/{colour}]"


def _row(offset: int, name: str, raw: str, meaning: str) -> str:
    shown = f"[dim]{offset:5d}[/dim]  {escape(name)}"
    if raw:
        shown += f"  [cyan]{escape(raw)}[/cyan]"
    return f"{shown}  [green]{escape(meaning)}[/green]" if meaning else shown


def _short(data: bytes) -> str:
    return data.hex() if len(data) <= _SHOWN_BYTES else f"{data[:_SHOWN_BYTES].hex()}… ({len(data)})"
