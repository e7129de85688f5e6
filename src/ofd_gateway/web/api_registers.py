"""`/v1/registers` and `/v1/alerts`: registers, what stops them next, and what the rules found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from ofd_gateway.alerts import RULES, AlertType
from ofd_gateway.alerts.incident import INCIDENT_RULE
from ofd_gateway.storage.register_lines import register_line
from ofd_gateway.web.asking import Asked, read_token, spell_token
from ofd_gateway.web.views import answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ofd_gateway.clock import Clock
    from ofd_gateway.storage import Directory, RegisterBook
    from ofd_gateway.storage.alerts import AlertBook

__all__ = ["RegisterRoutes"]


class RegisterRoutes:
    """Registers and alerts as the commands show them."""

    def __init__(self, registers: RegisterBook, alerts: AlertBook, directory: Directory, clock: Clock) -> None:
        self._registers = registers
        self._alerts = alerts
        self._directory = directory
        self._clock = clock

    def routes(self) -> list[Route]:
        """The routes, relative to `/v1`."""
        return [Route("/registers", self._list_registers), Route("/alerts", self._list_alerts)]

    async def _list_registers(self, request: Request) -> Response:
        asked = Asked(request, "customer", "limit", "cursor")
        limit = asked.limit()
        cursor = asked.text("cursor")
        after = "" if cursor is None else read_token("cursor", cursor, str)
        found = await self._registers.page(customer_inn=asked.text("customer"), after=after, limit=limit + 1)
        page = found[:limit]
        now = self._clock.now()
        return answer(
            {
                "registers": [register_line(record, self._directory, now) for record in page],
                "next": spell_token(page[-1].watch) if len(found) > limit else None,
            }
        )

    async def _list_alerts(self, request: Request) -> Response:
        asked = Asked(request, "open", "customer", "rule", "type", "subject", "since", "limit")
        found = await self._alerts.list(
            open_only=asked.truth("open"),
            customer=asked.text("customer"),
            rule=asked.choice("rule", [*(rule.name for rule in RULES), INCIDENT_RULE]),
            type_=asked.choice("type", [type_.value for type_ in AlertType]),
            subject=asked.text("subject"),
            since=asked.moment("since", self._clock),
            limit=asked.limit(),
        )
        now = self._clock.now()
        return answer({"alerts": [record.line(now) for record in found]})
