"""What all who send letters share: one attempt and what it means, and what is known of the mail server by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome, after_failure
from ofd_gateway.mail import DeliveryFailure, PermanentFailure, TransientFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ofd_gateway.alerts.letters.retry import RetryParameters
    from ofd_gateway.mail import Reply

__all__ = ["Postman"]


class Postman:
    """Hands letters of one kind to the mail server. `draw` spreads the pauses after failures."""

    def __init__(self, *, retry: RetryParameters, draw: Callable[[], float]) -> None:
        self._retry = retry
        self._draw = draw
        self._unreachable = False
        self._misconfigured = False

    async def attempt(self, send: Callable[[], Awaitable[Reply]], *, attempts: int) -> Delivery:
        """What becomes of a letter that was tried `attempts` times before; whatever `send` raises is a failure."""
        try:
            reply = await send()
        except DeliveryFailure as error:
            failure: DeliveryFailure = error
        except Exception as error:  # noqa: BLE001  one letter that nobody foresaw must not stop the others
            failure = TransientFailure("connect", 0, repr(error))
        else:
            return Delivery(outcome=DeliveryOutcome.SENT, code=reply.code, reply=reply.text)
        return after_failure(
            stage=failure.stage,
            code=failure.code,
            reply=failure.reply,
            permanent=isinstance(failure, PermanentFailure),
            attempts=attempts + 1,
            retry=self._retry,
            draw=self._draw(),
        )

    def is_back(self) -> bool:
        """To be asked after a letter went out: whether those that met no answer may go now."""
        was_unreachable, self._unreachable, self._misconfigured = self._unreachable, False, False
        return was_unreachable

    def weight_of(self, deferred: Delivery) -> Literal["warning", "error"]:
        """How loudly a deferral is to be said: the first that is due to our own settings is an error."""
        self._unreachable = self._unreachable or deferred.code is None
        is_first = deferred.ours and not self._misconfigured
        self._misconfigured = self._misconfigured or deferred.ours
        return "error" if is_first else "warning"
