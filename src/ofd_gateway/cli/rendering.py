"""Messages, containers and documents for people: trees in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from ofd_gateway.cli.hexdump import hex_dump
from ofd_gateway.cli.output import console, printable
from ofd_gateway.ffd.checks import RULES, Severity
from ofd_gateway.ffd.tree import meaning_of
from ofd_gateway.protocol import CONTAINER_HEADER_BYTES, FROM_FN, SESSION_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from ofd_gateway.captures.reading import Reading
    from ofd_gateway.ffd import Document, Field
    from ofd_gateway.ffd.checks import Violation
    from ofd_gateway.protocol import Container, SessionHeader

__all__ = ["container_tree", "document_tree", "print_fault", "print_reading", "session_tree"]

_SHOWN_BYTES: Final = 32
_CONTEXT_BYTES: Final = 32
_FN_DIRECTION: Final = "ФН → ОФД / from the FN"
_OPERATOR_DIRECTION: Final = "ОФД → ФН / from the operator"
_SEVERITIES: Final = {
    Severity.ERROR: ("ошибка / error", "red"),
    Severity.WARNING: ("предупреждение / warning", "yellow"),
}


def print_reading(
    reading: Reading, *, base: int, violations: Sequence[Violation] = (), out: Console | None = None
) -> None:
    """All that is known of one message, layer by layer; offsets count from `base`. Standard output by default."""
    out = out or console()
    if reading.header is not None:
        out.print(session_tree(reading.header, base=base))
        base += SESSION_HEADER_BYTES
    if reading.container is not None:
        out.print(container_tree(reading.container, reading.document, base=base, violations=violations))
    elif reading.document is not None:
        tree = document_tree(reading.document, base=base, violations=violations)
        if reading.message_sign is not None:
            offset = base + len(reading.document.raw)
            tree.add(_row(offset, "ФПС / message sign", reading.message_sign.hex(), ""))
        out.print(tree)


def print_fault(raw: bytes, offset: int, text: str, *, out: Console | None = None) -> None:
    """The bytes around a fault, the one at `offset` marked, and what is wrong with it."""
    dump = Text()
    shown = hex_dump(raw, start=max(offset - _CONTEXT_BYTES, 0), end=offset + _CONTEXT_BYTES)
    for line in shown.splitlines():
        row = Text(line + "\n")
        column = offset - int(line[:8], 16)
        if 0 <= column < 16 and offset < len(raw):
            row.stylize("bold reverse red", 10 + column * 3, 12 + column * 3)
        dump.append_text(row)
    (out or console()).print(dump.append(printable(text), style="red"))


def session_tree(header: SessionHeader, *, base: int = 0) -> Tree:
    """The session header, field by field."""
    raw = header.pack()
    hint = header.ffd_hint or "неизвестна / unknown"
    crc = f"0x{header.crc:04x}" if header.crc_mode else "не проверяется / not looked at"
    length = str(header.body_length) if header.body_length else "0: служебный режим / service message"
    answer = "ждёт ответа / expects an answer" if header.expects_answer else "без ответа / expects no answer"
    tree = Tree(_title("сеансовый заголовок / session header", SESSION_HEADER_BYTES))
    for start, end, name, meaning in (
        (0, 4, "сигнатура / signature", ""),
        (4, 6, "версия S-протокола / S-protocol version", ""),
        (6, 8, "версия P-протокола / P-protocol version", f"ФФД {hint}"),
        (8, 24, "номер ФН / FN number", f'"{header.fn}"'),
        (24, 26, "длина контейнера / length of the container", length),
        (26, 28, "флаги / flags", f"{answer}, CRC: {header.crc_mode.name.lower()}"),
        (28, 30, "CRC", crc),
    ):
        tree.add(_row(base + start, name, raw[start:end].hex(), meaning))
    return tree


def container_tree(
    container: Container, document: Document | None, *, base: int = 0, violations: Sequence[Violation] = ()
) -> Tree:
    """The container's header and trailer, and the document inside, None when its body cannot be read."""
    raw = container.raw
    is_from_fn = container.kind == FROM_FN
    tree = Tree(_title("контейнер / container", len(raw)))
    for start, end, name, meaning in (
        (0, 2, "длина / length", str(len(raw))),
        (2, 4, "CRC", f"0x{int.from_bytes(raw[2:4], 'little'):04x}"),
        (4, 5, "тип / type", _FN_DIRECTION if is_from_fn else _OPERATOR_DIRECTION),
        (5, 6, "код документа / document code", str(container.document_code)),
        (6, 7, "версия / version", str(container.format_version)),
        (7, 9, "служебные данные / service data", ""),
        (9, 17, "номер ФН / FN number", f'"{container.fn}"'),
        (17, 20, "номер ФД / FD number", str(container.fd)),
        (20, 28, "синхропосылка / nonce", ""),
        (28, 30, "ключ / key id", ""),
        (30, 32, "длина тела / length of the body", str(len(container.body))),
    ):
        tree.add(_row(base + start, name, raw[start:end].hex(), meaning))
    body_at = base + CONTAINER_HEADER_BYTES
    if document is None:
        tree.add(_row(body_at, "тело не читается / unreadable body", _short(container.body), ""))
    else:
        tree.add(document_tree(document, base=body_at, violations=violations))
    sign = "ФПС / message sign" if is_from_fn else "ФПП / confirmation sign"
    tree.add(_row(body_at + len(container.body), sign, container.trailer.hex(), ""))
    return tree


def document_tree(document: Document, *, base: int = 0, violations: Sequence[Violation] = ()) -> Tree:
    """Every field with offset, number, names, bytes and meaning; violations stand at their fields.

    That of a missing field stands where it should be, one that concerns no field at the document itself.
    """
    tree = Tree(_title(f"{document.kind}, ФФД {document.ffd}", len(document.raw)))
    left = list(violations)
    _add_fields(tree, document.fields(), document, base, left)
    for violation in left:
        _add_violation(tree, violation)
    return tree


def _add_fields(tree: Tree, fields: Iterable[Field], document: Document, base: int, left: list[Violation]) -> None:
    for field in fields:
        names = "неизвестный реквизит / unknown tag"
        if field.spec is not None:
            names = f"{field.spec.name_ru} / {field.spec.name_en.replace('_', ' ')}"
        raw = "" if field.children is not None else _short(field.raw)
        branch = tree.add(_row(base + field.offset, f"{field.tag} {names}", raw, meaning_of(field, document)))
        _take(left, branch, field.path)
        if field.children is not None:
            _add_fields(branch, field.children, document, base, left)
            _take(left, branch, field.path, is_below=True)


def _take(left: list[Violation], branch: Tree, path: str, *, is_below: bool = False) -> None:
    """Moves the violations of a field, or those of fields that are missing below it, to its branch."""
    for violation in [one for one in left if one.path == path or (is_below and one.path.startswith(f"{path}."))]:
        _add_violation(branch, violation)
        left.remove(violation)


def _add_violation(branch: Tree, violation: Violation) -> None:
    word, colour = _SEVERITIES[violation.severity]
    said = f"{violation.rule} {word}: {violation.path}"
    if violation.found:
        said += f"; найдено / found: {violation.found}"
    if violation.expected:
        said += f"; ожидается / expected: {violation.expected}"
    node = branch.add(Text(printable(said), style=colour))
    rule = RULES.get(violation.rule)
    if rule is not None:
        node.add(Text(f"{rule.title_ru}. {rule.remedy_ru}"))
        node.add(Text(f"{rule.title_en}. {rule.remedy_en}"))


def _title(name: str, size: int) -> Text:
    return Text.assemble((name, "bold"), f", {size} байт / bytes")


def _row(offset: int, name: str, raw: str, meaning: str) -> Text:
    row = Text.assemble((f"{offset:5d}", "dim"), "  ", name)
    if raw:
        row.append("  ").append(raw, style="cyan")
    if meaning:
        row.append("  ").append(meaning, style="green")
    return row


def _short(data: bytes) -> str:
    return data.hex() if len(data) <= _SHOWN_BYTES else f"{data[:_SHOWN_BYTES].hex()}… ({len(data)})"
