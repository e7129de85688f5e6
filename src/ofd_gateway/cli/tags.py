"""`ofd-gateway tags`: what the tables of the formats say of a tag or of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, fail, print_json
from ofd_gateway.ffd.dictionary import FFD_VERSIONS, specs
from ofd_gateway.ffd.listing import KIND_CODES, describe_tag, find_specs, list_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["tags"]

_REQUIREMENTS: Final = {
    "mandatory": "обязателен / mandatory",
    "conditional": "по условию / conditional",
    "optional": "можно / optional",
    "recommended": "рекомендуется / recommended",
    "recommended_conditional": "рекомендуется по условию / recommended when it applies",
    "absent": "запрещён / absent",
}


def tags(
    wanted: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TAG|NAME]...",
            help="Номер, имя JSON или слова названия. / Number, key of FNS JSON, or words of a name.",
            show_default=False,
        ),
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            "--document",
            metavar="KIND",
            help="Состав документа: receipt, closeShift, 31 … / What a document may hold.",
            show_default=False,
        ),
    ] = None,
    ffd: Annotated[str, typer.Option("--ffd", metavar="VERSION", help="Версия ФФД для --document.")] = "1.2",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Реквизиты ФФД: значение, тип, длина, где стоит. / Tags of the formats and what documents hold."""
    del state_dir, database, config
    if document is not None:
        _show_document(document, ffd, as_json=as_json)
        return
    found = [spec for text in wanted for spec in find_specs(text)] if wanted else list(specs())
    if not found:
        raise fail(f"нет такого реквизита / no such tag: {' '.join(wanted or ())}")
    described = [describe_tag(spec) for spec in found]
    if as_json:
        for one in described:
            print_json(one)
    elif wanted:
        typer.echo("\n\n".join("\n".join(_tag_lines(one)) for one in described))
    else:
        for one in described:
            typer.echo(f"{one['tag']:>5}  {one['kind']:<8}  {one['json_name']:<34}  {one['name_ru']}")


def _show_document(document: str, ffd: str, *, as_json: bool) -> None:
    code = KIND_CODES.get(document, int(document) if document.isascii() and document.isdigit() else None)
    if ffd not in FFD_VERSIONS:
        raise typer.BadParameter(f"{ffd!r} is none of {', '.join(FFD_VERSIONS)}", param_hint="--ffd")
    if code is None or code not in KIND_CODES.values():
        raise typer.BadParameter(f"{document!r} is none of {', '.join(KIND_CODES)}", param_hint="--document")
    listed = list(list_document(code, ffd=ffd))
    if as_json:
        for one in listed:
            print_json(one)
        return
    if not listed:
        raise fail(f"{document}: нет в ФФД {ffd} / not a document of FFD {ffd}")
    for one in listed:
        typer.echo(_place_line(one))


def _place_line(place: Mapping[str, Any]) -> str:
    said = "; ".join(f"{year}: {_REQUIREMENTS[word]}" for year, word in place["requirement"].items())
    many = " *" if place["repeatable"] else ""
    note = f"  ({place['note']})" if place["note"] else ""
    names = f"{place['name_ru']} / {place['json_name']}{many}"
    return f"{'  ' * place['depth']}{place['tag']:>4}  {names}  [{said}]{note}"


def _tag_lines(tag: Mapping[str, Any]) -> Iterable[str]:
    yield f"{tag['tag']}  {tag['name_ru']} / {tag['name_en'].replace('_', ' ')}"
    old = "" if tag["json_name_2017"] == tag["json_name"] else f", 2017: {tag['json_name_2017']}"
    aliases = f", ещё / also: {', '.join(tag['aliases'])}" if tag["aliases"] else ""
    yield f"  JSON: {tag['json_name']}{old}{aliases}"
    length = "" if tag["length"] is None else f", {'=' if tag['fixed'] else '≤'} {tag['length']}"
    yield f"  тип / kind: {tag['kind']}{length}{', повторяется / repeatable' if tag['repeatable'] else ''}"
    until = f" … {tag['until']}" if tag["until"] else " …"
    yield f"  ФФД: {tag['since']}{until} ({tag['era']})"
    yield f"  где / in: {', '.join(map(str, tag['parents'])) or '—'}"
    if tag["values"] is not None:
        word = "биты / bits" if tag["values"]["bits"] else "значения / values"
        yield f"  {word}{'' if tag['values']['closed'] else ', перечень открыт / open'}:"
        for member in tag["values"]["members"]:
            yield f"    {member['value']}: {member['name_ru']} / {member['name_en'].replace('_', ' ')}"
    for place in tag["places"]:
        said = "; ".join(f"{edition}: {_REQUIREMENTS[word]}" for edition, word in place["requirement"].items())
        inside = f" в / in {', '.join(map(str, place['parents']))}" if place["parents"] else ""
        yield f"  {', '.join(place['documents'])}{inside}: {said}"
    if tag["note"]:
        yield f"  примечание / note: {tag['note']}"
    yield f"  источник / source: {tag['source']} ({tag['confidence']})"
