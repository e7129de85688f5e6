"""How the demo names rules and levels: a few words, Russian with English beside it."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "service_ending": "обслуживание кончается / service ends",
    "messages_low": "сообщения кончаются / messages run low",
    "register_silent": "нет чеков / no receipts",
    "fn_filling": "ФН заполняется / drive fills up",
    "fn_expiring": "ключи ФН кончаются / drive's keys end",
    "fns_rejected": "документы с ошибками / documents refused",
    "documents_unsent": "документы застряли / documents stuck",
    "shift_too_long": "смена дольше суток / shift too long",
    "fd_gap": "пропущен ФД / document missing",
    "fd_conflict": "два ФД с одним номером / conflict",
    "many_registers": "многие кассы сразу / many registers",
}
SHORT: Final = {
    "service_ending": "услуга",
    "register_silent": "молчит",
    "fn_filling": "ФН полон",
    "fn_expiring": "ключи ФН",
    "fns_rejected": "ошибки",
    "documents_unsent": "застряли",
    "shift_too_long": "смена",
    "fd_gap": "пропуск",
}
"""For a cell of the table."""
SIGNS: Final = {"opened": "▲", "raised": "▲▲", "resolved": "✔"}


def level_words(rule: str, level: str) -> str:
    """The level with its unit where its name has none: messages and percent."""
    if rule == "messages_low":
        return f"≤{level}"
    if rule == "fn_filling" and level.isdigit():
        return f"{level}%"
    return "" if level in ("first", "gap", "conflict") else level
