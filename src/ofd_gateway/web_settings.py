"""Settings of the HTTP side: the receipts' page, the API."""

from __future__ import annotations

from typing import Final

from pydantic import Field, JsonValue

from ofd_gateway.setting_values import BaseUrl, Group, Networks, Rate, RatePerTime

__all__ = ["WebSettings"]

_SECRET: Final[dict[str, JsonValue]] = {"secret": True}


class WebSettings(Group):
    """What HTTP shows to the world and to the callers of the API."""

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
    token: str = Field(
        "",
        repr=False,
        json_schema_extra=_SECRET,
        description="what callers of `/v1` send as `Authorization: Bearer`; without one `/v1` answers on loopback only",
    )
    max_streams: int = Field(32, ge=0, le=10_000, description="streams of documents at the same time")
    max_waiters: int = Field(500, ge=0, le=100_000, description="requests that wait for a document at the same time")

    def base_url(self, http_address: str) -> str:
        """The base of links; `http_address` is where HTTP listens."""
        return self.public_url or f"http://{http_address}"
