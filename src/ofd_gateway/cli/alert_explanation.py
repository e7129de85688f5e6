"""`alerts explain`: why an alert is there, what was told of it, and when it is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofd_gateway.cli.alert_lines import STATES, line, moment
from ofd_gateway.cli.output import console, printable

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from ofd_gateway.alerts import Evidence
    from ofd_gateway.alerts.explain import RuleView
    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, Directory
    from ofd_gateway.storage.alerts import AlertBook, AlertRecord
    from ofd_gateway.storage.letter_archive import LetterRecord

__all__ = ["collect", "print_explanation"]


async def collect(opened: Database, settings: Settings, number: int, now: datetime) -> dict[str, Any]:
    """All that is known of the alert, as `--json` prints it; raises AlertUnknown."""
    from ofd_gateway.storage import Directory
    from ofd_gateway.storage.alert_letters import AlertLetters
    from ofd_gateway.storage.alerts import AlertBook
    from ofd_gateway.storage.letter_archive import LetterArchive

    book, letters, archive = AlertBook(opened), AlertLetters(opened), LetterArchive(opened)
    record = await book.get(number)
    async with opened.reading() as connection:
        directory = await Directory.of_gateway(connection, settings.alerts.parameters(), settings.alerts.notices())
    decision = await letters.decision(
        record,
        now,
        directory.notices,
        holds_for=settings.alerts.incidents().holds_for,
        timezone=directory.parameters_of(record.customer_inn).timezone,
    )
    return {
        **line(record, now),
        "episode": record.episode,
        "critical": record.critical,
        "raised_at": record.raised_at.isoformat(),
        "end_reason": record.end_reason,
        "acked_at": _iso(record.acked_at),
        "silenced_until": _iso(record.silenced_until),
        "evidence": [await _cited(opened, evidence) for evidence in record.read_evidence()],
        "now": await _judged(book, directory, record, now),
        "changes": [
            {
                "at": change.at.isoformat(),
                "kind": change.kind,
                "level": change.level,
                "who": change.who,
                "why": change.why,
            }
            for change in await book.changes(number)
        ],
        "letters": [_letter(letter, number) for letter in await archive.letters_of(number)],
        "told": [
            {"recipient": told.recipient, "at": told.told_at.isoformat(), "weight": told.weight, "ended": told.ended}
            for told in await letters.told(number)
        ],
        "delivery": None
        if decision is None
        else {
            "recipient": record.recipient,
            "reason": decision.reason.value,
            "outcome": decision.reason.outcome.value,
            "look_again_at": _iso(decision.look_again_at),
        },
    }


def _letter(letter: LetterRecord, alert_id: int) -> dict[str, Any]:
    told = next(alert for alert in letter.alerts if alert.alert_id == alert_id)
    return {
        "id": letter.id,
        "address": letter.address,
        "subject": letter.subject,
        "state": letter.state,
        "created_at": letter.created_at.isoformat(),
        "level": told.level,
        "reason": told.reason,
        "attempts": [
            {"at": attempt.at.isoformat(), "outcome": attempt.outcome, "code": attempt.code, "reply": attempt.reply}
            for attempt in letter.history
        ],
    }


async def _cited(opened: Database, evidence: Evidence) -> dict[str, Any]:
    """One piece of evidence, with the document it names if that is still stored."""
    from ofd_gateway.ffd.dictionary import document_kind
    from ofd_gateway.storage import DocumentStore

    document = None
    if evidence.fn is not None and evidence.fd is not None:
        found = await DocumentStore(opened).get(evidence.fn, evidence.fd)
        if found is not None:
            document = {
                "kind": document_kind(found.document_code),
                "generation": found.generation,
                "received_at": found.received_at.isoformat(),
                "issued_at": _iso(found.issued_at_local),
            }
    return {
        "source": evidence.source,
        "value": evidence.value,
        "fn": evidence.fn,
        "fd": evidence.fd,
        "tag": evidence.tag,
        "document": document,
    }


async def _judged(book: AlertBook, directory: Directory, record: AlertRecord, now: datetime) -> dict[str, Any] | None:
    """What the rule says now, and by which parameters; None where nothing is watched any more."""
    from ofd_gateway.alerts.explain import explain
    from ofd_gateway.alerts.state import customer_of

    state = await book.watched(record.watch)
    if state is None:
        return None
    views = explain(state, now, directory.parameters_of(customer_of(state)))
    view = next((view for view in views if view.rule == record.rule), None)
    if view is None:
        return None
    return {
        **_verdict(view, record.episode),
        "parameters": view.parameters,
        "next_change_at": _iso(view.next_change_at),
        "next_change_fd": view.next_change_fd,
        "next_check_at": _iso(state.next_check_at),
        "failure": view.failure,
    }


def _verdict(view: RuleView, episode: str) -> dict[str, Any]:
    """`lasts`: the episode goes on; its level is None while nothing is wrong in it."""
    verdict = next((verdict for verdict in view.verdicts if verdict.episode == episode), None)
    level = verdict.level if verdict is not None else None
    return {
        "lasts": verdict is not None,
        "level": level.name if level is not None else None,
        "facts": verdict.facts if verdict is not None else {},
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def print_explanation(explanation: dict[str, Any]) -> None:
    """The same for people."""
    out = console()
    mark = " (критично / critical)" if explanation["critical"] else ""
    out.print(printable(f"{explanation['rule']} {explanation['level']}{mark}: {explanation['subject']}"), style="bold")
    for name, value in (
        ("состояние / state", STATES[explanation["state"]]),
        ("тип / type", explanation["type"]),
        ("клиент / customer", explanation["customer"]),
        ("эпизод / episode", explanation["episode"]),
        ("открыто / opened", _shown(explanation["opened_at"])),
        ("порог достигнут / level reached", _shown(explanation["raised_at"])),
        ("закрыто / resolved", _shown(explanation["resolved_at"])),
        ("причина / end reason", explanation["end_reason"]),
        ("принято / acknowledged", _shown(explanation["acked_at"])),
        ("заглушено до / silenced until", _shown(explanation["silenced_until"])),
    ):
        if value is not None:
            out.print(printable(f"{name}: {value}"))
    _section(out, "Факты / facts", [f"{name}: {_value(value)}" for name, value in explanation["facts"].items()])
    _section(out, "Основания / evidence", map(_evidence_line, explanation["evidence"]))
    _section(out, "Сейчас / now", _now_lines(explanation["now"]))
    _section(out, "История / history", map(_change_line, explanation["changes"]))
    _section(out, "Письма / letters", [text for letter in explanation["letters"] for text in _letter_lines(letter)])
    _section(out, "Доставка / delivery", _delivery_lines(explanation))


def _section(out: Console, title: str, lines: Any) -> None:
    texts = list(lines)
    if texts:
        out.print()
        out.print(title, style="bold")
        for text in texts:
            out.print("  " + printable(text))


def _evidence_line(evidence: dict[str, Any]) -> str:
    parts = [evidence["source"]]
    if evidence["fn"] is not None:
        parts.append(f"ФН {evidence['fn']} ФД {evidence['fd']}")
    if evidence["tag"] is not None:
        parts.append(f"тег {evidence['tag']}")
    text = f"{', '.join(parts)} = {_value(evidence['value'])}"
    document = evidence["document"]
    if document is not None:
        return f"{text}  ({document['kind']}, получен / received {_shown(document['received_at'])})"
    return text if evidence["fd"] is None else f"{text}  (не хранится / not stored)"


def _now_lines(judged: dict[str, Any] | None) -> list[str]:
    if judged is None:
        return ["больше не наблюдается / no longer watched"]
    if judged["failure"] is not None:
        verdict = f"правило не ответило / the rule failed: {judged['failure']}"
    elif not judged["lasts"]:
        verdict = "эпизод окончен / the episode is over"
    else:
        verdict = f"порог / level: {judged['level'] or 'нет / none'}"
    lines = [verdict, *(f"{name}: {_value(value)}" for name, value in judged["facts"].items())]
    lines += [f"alerts.{name} = {value}" for name, value in judged["parameters"].items()]
    if judged["next_change_at"] is not None:
        lines.append(f"правило изменится / the rule may change: {_shown(judged['next_change_at'])}")
    if judged["next_change_fd"] is not None:
        lines.append(f"правило изменится с ФД / the rule may change from FD: {judged['next_change_fd']}")
    if judged["next_check_at"] is not None:
        lines.append(f"следующая проверка / next check: {_shown(judged['next_check_at'])}")
    return lines


def _change_line(change: dict[str, Any]) -> str:
    why = f": {change['why']}" if change["why"] else ""
    return f"{_shown(change['at'])}  {change['kind']} {change['level']}, {change['who']}{why}"


def _letter_lines(letter: dict[str, Any]) -> list[str]:
    lines = [
        f"{_shown(letter['created_at'])}  № {letter['id']} {letter['address']}, {letter['state']}: {letter['subject']}"
    ]
    for attempt in letter["attempts"]:
        code = "" if attempt["code"] is None else f" {attempt['code']}"
        lines.append(f"    {_shown(attempt['at'])}  {attempt['outcome']}{code} {attempt['reply']}".rstrip())
    return lines


def _delivery_lines(explanation: dict[str, Any]) -> list[str]:
    lines = [
        f"{told['recipient']}: сообщено / told {_shown(told['at'])}" + (" (конец / the end)" if told["ended"] else "")
        for told in explanation["told"]
    ]
    delivery = explanation["delivery"]
    if delivery is None:
        return [*lines, "сообщать некому / there is nobody to tell"]
    lines.append(f"{delivery['recipient']}: {delivery['outcome']} ({delivery['reason']})")
    if delivery["look_again_at"] is not None:
        lines.append(f"снова / again: {_shown(delivery['look_again_at'])}")
    return lines


def _shown(at: str | None) -> str | None:
    from datetime import datetime

    return None if at is None else moment(datetime.fromisoformat(at))


def _value(value: object) -> str:
    return "–" if value is None else str(value)
