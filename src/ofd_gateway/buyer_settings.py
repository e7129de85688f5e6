"""Settings of receipts to buyers: which ways are open, the SMS centre."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ofd_gateway.setting_values import Duration, Group

if TYPE_CHECKING:
    from ofd_gateway.alerts.letters.retry import RetryParameters
    from ofd_gateway.buyers.submission import SmsParameters

__all__ = ["BuyersSettings", "SmsSettings"]


class BuyersSettings(Group):
    """Receipts to buyers."""

    email: Literal["auto", "on", "off"] = Field(
        "auto", description="receipts to e-mail addresses; `auto`: when there is a mail server (`smtp.host`)"
    )
    keep_contacts: Duration = Field(
        timedelta(days=90), description="how long a buyer's contact is kept beside the document; then it is erased"
    )


class SmsSettings(Group):
    """The SMS centre (SMPP 3.4) that takes messages to buyers."""

    host: str = Field("", description="name or address of the centre; empty: no messages are sent")
    port: int = Field(2775, ge=1, le=65_535, description="port of the centre")
    tls: bool = Field(False, description="whether the connection is encrypted; the certificate is checked")
    system_id: str = Field("", max_length=64, pattern=r"^[ -~]*$", description="our name at the centre")
    password: str = Field(
        "",
        repr=False,
        max_length=64,
        pattern=r"^[ -~]*$",
        json_schema_extra={"secret": True},
        description="password of that name",
    )
    sender: str = Field(
        "",
        pattern=r"^(\+?[0-9]{1,20}|[ -~]{0,11})$",
        description="who messages come from: a number, or a name of at most 11 signs that the centre knows",
    )
    rate: float = Field(10.0, gt=0, le=10_000, description="parts of messages a second, at most")
    window: int = Field(10, ge=1, le=1_000, description="messages that wait for the centre's answer at the same time")
    timeout: Duration = Field(timedelta(seconds=10), description="for the connection and for each answer")
    validity: Duration = Field(timedelta(days=1), description="how long the centre tries to reach a phone")
    charge_by: Literal["message", "part"] = Field(
        "message", description="what a customer's package is charged for: each message, or each of its parts"
    )
    resend_unknown: bool = Field(
        True, description="whether a message goes out again when nobody knows if the centre has it; it is charged once"
    )
    retry_min: Duration = Field(timedelta(seconds=30), description="first pause after a failure; it doubles")
    retry_max: Duration = Field(timedelta(hours=1), description="longest pause")
    attempts: int = Field(40, ge=1, description="attempts until a message is given up and refunded")

    def retry(self) -> RetryParameters:
        """The pauses between attempts."""
        from ofd_gateway.alerts.letters.retry import RetryParameters

        return RetryParameters(first=self.retry_min, longest=self.retry_max, attempts=self.attempts)

    def parameters(self) -> SmsParameters:
        """How messages are sent."""
        from ofd_gateway.buyers.submission import SmsParameters

        return SmsParameters(
            sender=self.sender,
            retry=self.retry(),
            window=self.window,
            rate=self.rate,
            validity=self.validity,
            resend_unknown=self.resend_unknown,
        )
