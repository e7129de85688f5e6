"""What a test has in its hands: the gateway, its documents, faults, registers."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ofd_gateway.testing.client import ApiClient
from ofd_gateway.testing.document import Document
from ofd_gateway.testing.errors import ApiRefused, NoDocument
from ofd_gateway.testing.faults import Faults
from ofd_gateway.testing.records import Alert, Quarantined, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.testing.registers import Registers

__all__ = ["Ofd"]

_PAGE = 1000
_LONGEST_WAIT_S = 60
_NOT_FOUND = 404


class Ofd:
    """An operator's endpoint of one's own, empty at the beginning of each test.

    Calls answer at once, and are the same in every kind of test. Only waiting for a document has two names: `wait_for`
    blocks, `await document(…)` lets the event loop go on.
    """

    def __init__(self, address: str, http: str, *, timeout_s: float = 5.0) -> None:
        self.address = address
        """Where registers connect, `127.0.0.1:41234`."""
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.http = f"http://{http}"
        """Base of the HTTP API."""
        self.faults = Faults(ApiClient(http))
        """Answers that are wrong on purpose."""
        self._client = ApiClient(http)
        self._timeout_s = timeout_s
        self._registers: Registers | None = None

    @property
    def registers(self) -> Registers:
        """Virtual registers."""
        if self._registers is None:
            from ofd_gateway.testing.registers import Registers

            self._registers = Registers(self.address)
        return self._registers

    def wait_for(self, fn: str, fd: int, *, timeout: float | None = None) -> Document:
        """The document as soon as it is stored; blocks for `timeout` seconds at most (`ofd_timeout`, usually 5).

        Raises NoDocument, which says what came instead.
        """
        __tracebackhide__ = True
        timeout_s = self._timeout_s if timeout is None else timeout
        line = self._awaited(fn, fd, timeout_s)
        if line is None:
            raise NoDocument(self._instead(fn, fd, timeout_s))
        return self._document(line)

    async def document(self, fn: str, fd: int, *, timeout: float | None = None) -> Document:  # noqa: ASYNC109  the word of the twin
        """The same for asynchronous tests, under asyncio and trio."""
        __tracebackhide__ = True
        from ofd_gateway.testing.waiting import in_background

        return await in_background(lambda: self.wait_for(fn, fd, timeout=timeout))

    def documents(self, *, kind: str | None = None, fn: str | None = None) -> list[Document]:
        """All that are stored, in the order of arrival."""
        return [self._document(line) for line in self._lines(kind, fn)]

    def quarantine(self, *, fn: str | None = None) -> list[Quarantined]:
        """Messages that were not accepted, the latest thousand, in the order of arrival."""
        return [
            read(Quarantined, line) for line in self._client.get("/v1/quarantine", fn=fn, limit=_PAGE)["quarantine"]
        ]

    def alerts(self, *, open: bool = False, rule: str | None = None) -> list[Alert]:  # noqa: A002  the word of the API
        """What the rules found, the latest thousand; with `open` those that are not resolved."""
        lines = self._client.get("/v1/alerts", open="true" if open else None, rule=rule, limit=_PAGE)["alerts"]
        return [read(Alert, line) for line in lines]

    def clear(self) -> None:
        """Forgets everything and closes all connections, as before each test."""
        self._client.delete("/v1/data")

    def close(self) -> None:
        """Closes the connections of the virtual registers."""
        if self._registers is not None:
            self._registers.close()

    def __repr__(self) -> str:
        return f"<Ofd {self.address}, {self.http}>"

    def _awaited(self, fn: str, fd: int, timeout_s: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            wait_s = min(math.ceil(left_s), _LONGEST_WAIT_S)
            try:
                # A fraction of a second is ours to measure: the gateway waits for whole ones.
                found: dict[str, Any] = self._client.get(
                    f"/v1/documents/{fn}/{fd}", timeout_s=left_s if 0 < left_s < wait_s else wait_s + 30.0, wait=wait_s
                )
            except ApiRefused as error:
                if error.status != _NOT_FOUND:
                    raise
            except TimeoutError:
                return self._awaited(fn, fd, 0)
            else:
                return found
            if time.monotonic() >= deadline:
                return None

    def _document(self, line: dict[str, Any]) -> Document:
        path, generation = f"/v1/documents/{line['fn']}/{line['fd']}", line["generation"]
        return Document(
            line,
            lambda: self._client.get(path, generation=generation),
            lambda: self._client.bytes_of(f"{path}/raw", generation=generation),
        )

    def _lines(self, kind: str | None, fn: str | None) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._client.get("/v1/documents", kind=kind, fn=fn, limit=_PAGE, cursor=cursor)
            yield from page["documents"]
            cursor = page["next"]
            if cursor is None:
                return

    def _instead(self, fn: str, fd: int, timeout_s: float) -> str:
        """What there is, for a test that waited in vain."""
        lines = [f"документа ФН {fn} ФД {fd} нет / no such document; waited {timeout_s:g} s"]
        came = [f"ФД {line['fd']} {line['kind']}" for line in self._lines(None, fn)]
        lines.append(f"  от этого ФН / from this FN: {', '.join(came) or 'ничего / nothing'}")
        others = {line["fn"] for line in self._lines(None, None)} - {fn}
        if others:
            lines.append(f"  от других / from others: {', '.join(sorted(others))}")
        lines += [
            f"  не принято / not accepted: ФН {one.fn or '?'} ФД {one.fd or '?'}: {one.reason}, {one.detail}"
            for one in self.quarantine()
        ]
        return "\n".join(lines)
