"""`ofd-gateway checks`: the rules of the format-logical control, and what to do about a violation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, fail, print_json
from ofd_gateway.ffd.checks.catalogue import GROUPS, RULES, UnknownRuleError, explain

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.catalogue import Rule

__all__ = ["app"]

_SEVERITIES: Final = {"error": "ошибка / error", "warning": "предупреждение / warning"}

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command("list")
def list_rules(
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Все правила ФЛК. / Every rule of the format-logical control."""
    del state_dir, database, config
    if as_json:
        for rule in RULES.values():
            print_json(_as_json(rule))
        return
    group = ""
    for rule in RULES.values():
        if rule.group != group:
            group = rule.group
            sys.stdout.write(f"\n{' / '.join(GROUPS[group])}\n")
        sys.stdout.write(f"  {rule.id:<6}{rule.severity.value:<9}{rule.title_ru} / {rule.title_en}\n")


@app.command("explain")
def explain_rules(
    rules: Annotated[
        list[str],
        typer.Argument(metavar="RULE...", help="Номер правила, например R-S3. / Id of a rule, such as R-S3."),
    ],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Что требует правило и как исправить документ. / What a rule demands and how to mend a document."""
    del state_dir, database, config
    try:
        found = [explain(rule) for rule in rules]
    except UnknownRuleError as error:
        raise fail(f"нет такого правила / {error}") from None
    for rule in found:
        if as_json:
            print_json(_as_json(rule))
        else:
            sys.stdout.write(_as_text(rule))


def _as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "group": rule.group,
        "severity": rule.severity.value,
        "title_ru": rule.title_ru,
        "title_en": rule.title_en,
        "remedy_ru": rule.remedy_ru,
        "remedy_en": rule.remedy_en,
        "leniency": rule.leniency,
        "source": rule.source,
    }


def _as_text(rule: Rule) -> str:
    lines = [
        f"{rule.id}  {_SEVERITIES[rule.severity.value]}",
        f"  {rule.title_ru} / {rule.title_en}",
        f"  Как исправить: {rule.remedy_ru}",
        f"  What to do:    {rule.remedy_en}",
    ]
    if rule.leniency:
        lines.append(f"  Leniency:      {rule.leniency}")
    lines.append(f"  Source:        {rule.source}")
    lines.append(f'  Setting:       [ffd.severities] {rule.id} = "off"  (error, warning, off)')
    return "\n".join(lines) + "\n"
