"""Settings of the HTTP side: the API."""

from __future__ import annotations

from typing import Final

from pydantic import Field, JsonValue

from ofd_gateway.setting_values import Group

__all__ = ["WebSettings"]

_SECRET: Final[dict[str, JsonValue]] = {"secret": True}


class WebSettings(Group):
    """Who may use the HTTP API, and how much of it."""

    token: str = Field(
        "",
        repr=False,
        json_schema_extra=_SECRET,
        description="what callers of `/v1` send as `Authorization: Bearer`; without one `/v1` answers on loopback only",
    )
    max_streams: int = Field(32, ge=0, le=10_000, description="streams of documents at the same time")
    max_waiters: int = Field(500, ge=0, le=100_000, description="requests that wait for a document at the same time")
