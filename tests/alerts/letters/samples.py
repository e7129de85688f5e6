"""One alert of every rule in every shape that has words of its own, for the golden files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ofd_gateway.alerts.letters import LetterLine, Recipient
from ofd_gateway.alerts.model import AlertType
from ofd_gateway.alerts.notices import NoticeReason

OPENED_AT: Final = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RESOLVED_AT: Final = datetime(2026, 11, 25, 6, 30, tzinfo=UTC)
REGISTER: Final = "0000000001012345"
FN: Final = "9999078900001234"
NEW_FN: Final = "9999078900005678"
ABOUT: Final = {"registration_number": REGISTER, "fn": FN, "place": "г. Москва, ул. Тверская, д. 1"}
UTC_MIDNIGHT: Final = "T21:00:00+00:00"
"""Midnight in Moscow."""

_SILENT: Final = {
    "silent_since": "2026-11-23T09:00:00+00:00",
    "last_receipt_at": "2026-11-23T09:00:00+00:00",
    "last_document_at": "2026-11-23T18:05:00+00:00",
    "silent_hours": 24.0,
    "counted_hours": 24.0,
    "shift_open": False,
    "shift_number": 12,
}
_UNSENT: Final = {
    "unsent": 3,
    "first_unsent_fd": 17,
    "first_unsent_date": "2026-11-04",
    "unsent_since": f"2026-11-03{UTC_MIDNIGHT}",
    "blocks_at": f"2026-12-03{UTC_MIDNIGHT}",
    "days_to_block": 10,
}
_REFUSED: Final = {"code": "7", "text": "Нет РНМ", "documents": 2, "day": "2026-11-24", "fd": 41, "queued": 5}

FIRING: Final[dict[str, tuple[str, AlertType, str, bool, dict[str, Any]]]] = {
    "service_ending": (
        "service_ending",
        AlertType.SERVICE,
        "7d",
        False,
        {"paid_until": f"2026-11-30{UTC_MIDNIGHT}", "days_left": 7},
    ),
    "service_ending_stopped": (
        "service_ending",
        AlertType.SERVICE,
        "0d",
        True,
        {"paid_until": f"2026-11-23{UTC_MIDNIGHT}", "days_left": 0},
    ),
    "register_silent_no_sales": (
        "register_silent",
        AlertType.SILENCE,
        "24h",
        False,
        {**_SILENT, "variant": "no_sales"},
    ),
    "register_silent_no_contact": (
        "register_silent",
        AlertType.SILENCE,
        "24h",
        False,
        {**_SILENT, "variant": "no_contact"},
    ),
    "register_silent_no_contact_open_shift": (
        "register_silent",
        AlertType.SILENCE,
        "25d",
        True,
        {**_SILENT, "variant": "no_contact_open_shift", "silent_hours": 600.0, "shift_open": True},
    ),
    "fn_filling": (
        "fn_filling",
        AlertType.FAULT,
        "80",
        False,
        {
            "fd": 200_250,
            "capacity": 250_000,
            "percent": 80.1,
            "estimated": True,
            "full_at": f"2027-03-01{UTC_MIDNIGHT}",
        },
    ),
    "fn_filling_by_flag": (
        "fn_filling",
        AlertType.FAULT,
        "99",
        True,
        {"fd": 120_000, "capacity": 250_000, "percent": 99.0, "estimated": False, "full_at": None},
    ),
    "fn_expiring": (
        "fn_expiring",
        AlertType.FAULT,
        "30d",
        False,
        {
            "expires_at": f"2026-12-20{UTC_MIDNIGHT}",
            "days_left": 27,
            "basis": "resource",
            "exhausting": True,
            "replace_urgently": False,
        },
    ),
    "fn_expiring_by_flag": (
        "fn_expiring",
        AlertType.FAULT,
        "3d",
        True,
        {"expires_at": None, "days_left": None, "basis": "flags", "exhausting": True, "replace_urgently": True},
    ),
    "documents_unsent": ("documents_unsent", AlertType.FAULT, "20d", True, _UNSENT),
    "documents_unsent_by_flag": (
        "documents_unsent",
        AlertType.FAULT,
        "1d",
        False,
        {**_UNSENT, "unsent": None, "first_unsent_fd": None, "first_unsent_date": None},
    ),
    "fns_rejected": ("fns_rejected", AlertType.FAULT, "first", False, {**_REFUSED, "source": "fns"}),
    **{
        f"fns_rejected_{code}": (
            "fns_rejected",
            AlertType.FAULT,
            "first",
            False,
            {**_REFUSED, "source": "fns", "code": code, "text": None},
        )
        for code in ("420", "502", "507")
    },
    **{
        f"fns_rejected_{code}": (
            "fns_rejected",
            AlertType.FAULT,
            "first",
            False,
            {**_REFUSED, "source": "fns", "code": code, "text": said, "documents": 1},
        )
        for code, said in (("postponed", "3 занято"), ("timeout", None), ("http_500", None))
    },
    "fns_rejected_by_us_11": (
        "fns_rejected",
        AlertType.FAULT,
        "first",
        False,
        {**_REFUSED, "source": "operator", "code": "11", "text": None},
    ),
    "fns_rejected_by_us_14": (
        "fns_rejected",
        AlertType.FAULT,
        "10",
        False,
        {**_REFUSED, "source": "operator", "code": "14", "text": None, "documents": 10},
    ),
    "fns_rejected_queue": (
        "fns_rejected",
        AlertType.FAULT,
        "24h",
        False,
        {"source": "queue", "queued": 120, "oldest_queued_at": "2026-11-23T09:00:00+00:00"},
    ),
    "shift_too_long": (
        "shift_too_long",
        AlertType.FAULT,
        "24h",
        False,
        {"shift_number": 12, "opened_at": "2026-11-23T08:00:00+00:00", "open_hours": 25.0},
    ),
    "fd_gap": ("fd_gap", AlertType.OPERATOR, "gap", False, {"first_fd": 3, "last_fd": 5, "missing": 2}),
    "fd_conflict": (
        "fd_conflict",
        AlertType.OPERATOR,
        "conflict",
        False,
        {"fd": 9, "seen_at": "2026-11-24T08:59:00+00:00"},
    ),
    "messages_low": (
        "messages_low",
        AlertType.MESSAGES,
        "50",
        False,
        {"inn": "7707083893", "balance": 48, "days_left": 3},
    ),
    "messages_low_none_left": (
        "messages_low",
        AlertType.MESSAGES,
        "0",
        False,
        {"inn": "7707083893", "balance": 0, "days_left": 0},
    ),
    "many_registers": (
        "many_registers",
        AlertType.OPERATOR,
        "many",
        True,
        {"rule": "register_silent", "recent": 25, "watched": 100, "share_percent": 25.0},
    ),
    "fns_delayed": (
        "fns_delayed",
        AlertType.OPERATOR,
        "delayed",
        True,
        {
            "queued": 4210,
            "oldest_queued_at": "2026-11-24T08:44:00+00:00",
            "failing_since": "2026-11-24T08:45:00+00:00",
            "last_error": "unreachable: connection refused",
            "paused_fns": 0,
        },
    ),
    "fns_delayed_one_fn": (
        "fns_delayed",
        AlertType.OPERATOR,
        "delayed",
        True,
        {
            "queued": 12,
            "oldest_queued_at": "2026-11-24T08:44:00+00:00",
            "failing_since": None,
            "last_error": "postponed: 3 занято",
            "paused_fns": 1,
        },
    ),
    "address_dead": (
        "address_dead",
        AlertType.OPERATOR,
        "dead",
        True,
        {
            "address": "shop@example.ru",
            "inn": "7707083893",
            "customer": "ООО «Ромашка»",
            "reply": "550 5.1.1 no such user",
            "letter": 7,
            "last_address": True,
        },
    ),
}
"""Name of the golden file: rule, type, level, critical, facts beyond those of the register."""

ENDED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "service_ending_over": ("service_ending", {"paid_until": f"2027-11-30{UTC_MIDNIGHT}", "days_left": 371}),
    "register_silent_over": (
        "register_silent_no_contact",
        {"last_receipt_at": "2026-11-25T06:30:00+00:00", "late_documents": 12},
    ),
    "fn_filling_over": ("fn_filling", {"fn": NEW_FN}),
    "fn_expiring_over": ("fn_expiring", {}),
    "documents_unsent_over": ("documents_unsent", {"late_documents": 3}),
    "fns_rejected_over": ("fns_rejected", {"queued": 0}),
    "shift_too_long_over": ("shift_too_long", {}),
    "fd_gap_over": ("fd_gap", {}),
    "fd_conflict_over": ("fd_conflict", {}),
    "messages_low_over": ("messages_low", {"balance": 1000, "days_left": 60}),
    "many_registers_over": ("many_registers", {}),
    "fns_delayed_over": ("fns_delayed", {"queued": 3, "oldest_queued_at": "2026-11-25T06:29:00+00:00"}),
    "address_dead_over": ("address_dead", {}),
}
"""Name of the golden file: the sample that ended, and the facts its end brought."""

NO_REGISTER: Final = {"messages_low", "many_registers", "fns_delayed", "address_dead"}
ABOUT_FN: Final = {"fn_filling", "fn_expiring", "fd_gap", "fd_conflict"}


def line(name: str, alert_id: int = 1, **changes: Any) -> LetterLine:
    """The sample of that name as a line of a letter."""
    over: dict[str, Any] | None = None
    if name in ENDED:
        name, over = ENDED[name]
    rule, type_, level, critical, facts = FIRING[name]
    of_register = rule not in NO_REGISTER
    subject = (FN if rule in ABOUT_FN else REGISTER) if of_register else "7707083893"
    given: dict[str, Any] = {
        "alert_id": alert_id,
        "rule": rule,
        "type": type_,
        "level": level,
        "critical": critical,
        "subject": subject,
        "facts": {**(ABOUT if of_register else {}), **facts, **(over or {})},
        "opened_at": OPENED_AT,
        "resolved_at": RESOLVED_AT if over is not None else None,
        "reason": NoticeReason.RESOLVED if over is not None else NoticeReason.FIRST,
        "register_name": "Кофейня" if of_register else None,
        "place": ABOUT["place"] if of_register else None,
        "registration_number": REGISTER if of_register else None,
        "fn": FN if of_register else None,
    }
    return LetterLine(**{**given, **changes})


def recipient(locale: str = "ru", **changes: Any) -> Recipient:
    given = {"id": "7707083893", "name": "ООО «Ромашка»", "locale": locale, "timezone": "Europe/Moscow"}
    return Recipient(**{**given, **changes})
