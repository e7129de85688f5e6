"""What a fiscal drive (ФН) answers when it does not do what it is told."""

from __future__ import annotations

from enum import Enum

from ofd_gateway.errors import OfdGatewayError


class Refusal(Enum):
    """Answer codes of a real drive that a virtual one gives too (описание протокола ККТ–ФН, коды ошибок)."""

    WRONG_STATE = 0x02
    ARCHIVE_FULL = 0x06
    WRONG_TIME = 0x07
    TOO_LONG = 0x10
    KEYS_EXPIRED = 0x12
    UNSENT_FOR_30_DAYS = 0x15
    SHIFT_OVER_24_HOURS = 0x16
    CONFIRMATION_REFUSED = 0x20


class FnRefused(OfdGatewayError):
    """The drive refuses a command: `refusal` holds the code a real one answers, `detail` what to do about it."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(f"ФН / fiscal drive: {refusal.value:02X}h {refusal.name.lower()}: {detail}")
        self.refusal = refusal
        self.detail = detail
