"""Settings of the HTTP side: the receipts' page."""

from __future__ import annotations

from pydantic import Field

from ofd_gateway.setting_values import BaseUrl, Group, Networks, Rate, RatePerTime

__all__ = ["WebSettings"]


class WebSettings(Group):
    """What HTTP shows to the world."""

    public_url: BaseUrl = Field(
        "", description="where buyers reach us, base of the links in letters and SMS; empty: `http://` and `http`"
    )
    check_rate: Rate = Field(
        RatePerTime(count=60, per="min"), description="receipts that one address may ask for in the long run, or `off`"
    )
    check_burst: int = Field(120, ge=1, description="receipts that one address may ask for at once")
    trusted_proxies: Networks = Field(
        default_factory=list,
        description="networks of proxies whose `X-Forwarded-For` is believed: `10.0.0.0/8,::1/128`; empty: nobody's",
    )

    def base_url(self, http_address: str) -> str:
        """The base of links; `http_address` is where HTTP listens."""
        return self.public_url or f"http://{http_address}"
