"""The sentences about one alert, from the templates of its rule: what happened, what to do, what became of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import jinja2
import msgspec

from ofd_gateway.alerts.letters.language import clean, day_text, moment_text, number_text, plural
from ofd_gateway.alerts.timeline import zone
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.alerts.letters.model import LetterLine, Recipient
    from ofd_gateway.alerts.model import FactValue

__all__ = ["Item", "UnknownRule", "item_of", "many_text", "templates"]

_TEMPLATES: Final = "templates"
_BY_FNS: Final = "fns"
_NO_REMEDIES: Final[Mapping[str, str]] = {}


class UnknownRule(OfdGatewayError):
    """There are no words for a rule. The letter cannot be composed; nothing of it was written."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as the reader sees it. `steps` is empty once it is over."""

    line: LetterLine
    rule: str
    title: str
    name: str
    place: str
    registration_number: str
    fn: str
    since: str
    until: str
    subject: str
    brief: str
    happened: tuple[str, ...]
    steps: tuple[str, ...]
    is_over: bool
    is_critical: bool


class _Facts(dict[str, Any]):
    """Facts of an alert; one that is absent is None, because alerts outlive the versions that wrote them."""

    def __missing__(self, key: str) -> None:
        return None


@functools.cache
def templates() -> jinja2.Environment:
    """The templates of letters: HTML is escaped, an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ofd_gateway.alerts.letters", _TEMPLATES),
        autoescape=jinja2.select_autoescape(("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def item_of(
    line: LetterLine,
    recipient: Recipient,
    language: str,
    register_timezone: str,
    *,
    is_alone: bool = True,
    remedies: Mapping[str, str] = _NO_REMEDIES,
) -> Item:
    """The sentences about one alert. `register_timezone` is used for a register that has none of its own.

    `remedies` say what to do about refusals of the tax service, by code; without one there are words of our own.

    Advice names the alert's own numbers only when it is alone in its letter, so that it is given once for many.

    Raises:
        UnknownRule: there are no words for the rule.
    """
    facts = _Facts({key: _cleaned(value) for key, value in line.facts.items()})
    name = clean(line.register_name or "") or clean(line.registration_number or "")
    fn = clean(line.fn or "")
    there = zone(line.timezone or register_timezone)
    here = zone(recipient.timezone)
    words = _words(
        line.rule,
        language,
        f=facts,
        a={
            "name": name or (f"ФН {fn}" if language == "ru" else f"FN {fn}"),
            "subject": clean(line.subject),
            "level": clean(line.level),
            "critical": line.critical,
        },
        alone=is_alone,
        remedy=remedies.get(str(facts["code"]), "") if facts["source"] == _BY_FNS else "",
        day=lambda value: day_text(value, there),
        moment=lambda value: moment_text(value, here),
    )
    happened = _paragraphs(words.over() if line.is_over else words.happened())
    if line.resolved_at is not None and not line.is_over:
        happened += _paragraphs(words.over())
    brief = _sentence(words.over_brief() if line.is_over else words.brief())
    return Item(
        line=line,
        rule=line.rule,
        title=_sentence(words.title()),
        name=name,
        place=clean(line.place or ""),
        registration_number=clean(line.registration_number or ""),
        fn=fn,
        since=moment_text(line.opened_at, here),
        until=moment_text(line.resolved_at, here) if line.resolved_at is not None else "",
        subject=_sentence(f"{words.prefix()} {brief}"),
        brief=brief,
        happened=happened,
        steps=() if line.is_over else _paragraphs(words.steps()),
        is_over=line.is_over,
        is_critical=line.critical and not line.is_over,
    )


def many_text(rule: str, count: int, language: str, *, is_over: bool) -> str:
    """The subject of a letter about so many alerts of one rule."""
    words = _words(rule, language, f=_Facts(), a={}, alone=False, remedy="", day=str, moment=str)
    return _sentence(words.many_over(count) if is_over else words.many(count))


def _words(rule: str, language: str, **values: Any) -> Any:
    try:
        template = templates().get_template(f"{language}/{rule}.txt.j2")
    except jinja2.TemplateNotFound:
        raise UnknownRule(f"there are no words for the rule {rule!r} in {language!r}") from None
    return template.make_module({**values, "number": number_text, "plural": plural})


def _cleaned(value: FactValue) -> FactValue:
    return clean(value) if isinstance(value, str) else value


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> tuple[str, ...]:
    """The lines of a macro that are not empty; templates break long ones nowhere."""
    return tuple(line for line in map(_sentence, text.split("\n")) if line)
