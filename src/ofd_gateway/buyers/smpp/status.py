"""What the answers of a centre mean for a message: command statuses of SMPP 3.4, sorted by what is to be done."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ACCEPTED", "TRY_AGAIN", "Meaning", "meaning_of", "status_text"]

ACCEPTED: Final = 0x00
TRY_AGAIN: Final = 0x64
"""Our own answer to a receipt that could not be stored: ESME_RX_T_APPN."""


class Meaning(enum.Enum):
    """What an answer asks for."""

    #: The centre has the message.
    ACCEPTED = "accepted"
    #: It is full or we are too fast: the same again, later; this says nothing of the message.
    SLOWER = "slower"
    #: It may work another time.
    LATER = "later"
    #: The same as LATER, but only a change of the settings will help.
    OURS = "ours"
    #: This message will never go.
    NEVER = "never"


_NAMES: Final = {
    0x00: "ESME_ROK",
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0C: "ESME_RINVMSGID",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x43: "ESME_RINVESMCLASS",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
}
_SLOWER: Final = frozenset({0x14, 0x58})
_NEVER: Final = frozenset({0x01, 0x0B, 0x50, 0x51, 0x65, 0x66})
_OURS: Final = frozenset(
    {0x02, 0x03, 0x06, 0x07, 0x0A, 0x0D, 0x0E, 0x0F, 0x15, 0x43, 0x48, 0x49, 0x53, 0x61, 0x62}
    | {0xC0, 0xC1, 0xC2, 0xC3, 0xC4}
)


def meaning_of(status: int) -> Meaning:
    """What to do after an answer with this command status; unknown ones are worth another try."""
    if status == ACCEPTED:
        return Meaning.ACCEPTED
    if status in _SLOWER:
        return Meaning.SLOWER
    if status in _NEVER:
        return Meaning.NEVER
    return Meaning.OURS if status in _OURS else Meaning.LATER


def status_text(status: int) -> str:
    """The status by its name in the specification, with its number."""
    name = _NAMES.get(status, "")
    return f"{name} ({status:#x})" if name else f"{status:#x}"
