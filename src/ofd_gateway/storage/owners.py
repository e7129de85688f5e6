"""Whose something is: the customer that must be there before anything can be given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.storage.migrations import Connection

__all__ = ["CustomerUnknown", "require_customer"]


class CustomerUnknown(OfdGatewayError):
    """There is no customer with this INN."""

    def __init__(self, inn: str) -> None:
        super().__init__(f"клиента {inn} нет, добавьте его: customers add / no such customer")


async def require_customer(connection: Connection, inn: str) -> None:
    """Returns when there is such a customer, and keeps it there until the caller's transaction ends.

    Raises CustomerUnknown.
    """
    if await connection.fetchval("SELECT inn FROM customers WHERE inn = $1 FOR SHARE", inn) is None:
        raise CustomerUnknown(inn)
