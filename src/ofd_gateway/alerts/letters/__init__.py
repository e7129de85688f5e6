"""Letters (письма): the words about alerts, in Russian and English, as plain text and HTML. Pure."""

from ofd_gateway.alerts.letters.compose import Composer
from ofd_gateway.alerts.letters.message import build_message, make_message_id, wire_address
from ofd_gateway.alerts.letters.model import Letter, LetterLine, Recipient
from ofd_gateway.alerts.letters.retry import RetryParameters, pause_after
from ofd_gateway.alerts.letters.sentences import UnknownRule

__all__ = [
    "Composer",
    "Letter",
    "LetterLine",
    "Recipient",
    "RetryParameters",
    "UnknownRule",
    "build_message",
    "make_message_id",
    "pause_after",
    "wire_address",
]
