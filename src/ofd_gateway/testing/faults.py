"""Faults on demand from inside a test: answers that are late, cut, wrong or missing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.testing.errors import ApiRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ofd_gateway.testing.client import ApiClient

__all__ = ["ALIASES", "WHATS", "Fault", "Faults"]

WHATS: Final = (
    "delay",
    "no_answer",
    "close_before_header",
    "close_after_header",
    "half_answer",
    "byte_by_byte",
    "reset",
    "wrong_fn_in_header",
    "wrong_fn_in_container",
    "wrong_fn_in_document",
    "wrong_fd",
    "wrong_fd_in_container",
    "wrong_fd_in_document",
    "bad_session_crc",
    "bad_container_crc",
    "wrong_length",
    "wrong_container_length",
    "container_type_a5",
    "missing_trailer",
    "response_code",
    "operator_message",
    "duplicate_answer",
    "previous_answer",
    "foreign_service_data",
    "service_message",
)
"""Every fault; docs/faults.md says what the register sees. Spelt out, so that nothing heavy is imported for them."""

ALIASES: Final = {"close_before_answer": "close_before_header"}

_GONE: Final = 404


class Fault:
    """One rule. It holds from when it was added; as a context manager it is taken away at the end of the block."""

    def __init__(self, client: ApiClient, line: dict[str, Any]) -> None:
        self._client = client
        self._line = line
        self.id: int = line["id"]
        self.what: str = line["what"]

    @property
    def hits(self) -> int:
        """How often it was applied by now."""
        return int(self._now()["hits"])

    @property
    def seen(self) -> int:
        """How many answers its conditions have let through by now."""
        return int(self._now()["seen"])

    @property
    def spent(self) -> bool:
        """Whether it can never be applied again."""
        return bool(self._now()["spent"])

    def remove(self) -> None:
        """Takes it away; nothing when it is gone already. What it has counted is still known."""
        self._now()
        try:
            self._client.delete(f"/v1/faults/{self.id}")
        except ApiRefused as error:
            if error.status != _GONE:
                raise

    def __enter__(self) -> Fault:
        """The fault, which holds already."""
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes it away."""
        self.remove()

    def __repr__(self) -> str:
        """Its rule and its counters, as known."""
        return f"<Fault {self.id} {self.what}, hits {self._line['hits']}>"

    def _now(self) -> dict[str, Any]:
        for line in self._client.get("/v1/faults")["faults"]:
            if line["id"] == self.id:
                self._line = line
        return self._line


class Faults:
    """The faults of a gateway: `add("reset", fn=…)` or `reset(fn=…)`; `close_before_answer` is one more name."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def add(self, what: str, **rule: Any) -> Fault:
        """A fault that holds from the next answer on. Raises `ApiRefused`, which names the key that has no sense."""
        return Fault(self._client, self._client.post("/v1/faults", {"what": ALIASES.get(what, what), **rule}))

    def list(self) -> list[Fault]:
        """All that there are, in the order in which they are tried."""
        return [Fault(self._client, line) for line in self._client.get("/v1/faults")["faults"]]

    def clear(self) -> None:
        """Takes all away."""
        self._client.delete("/v1/faults")

    def __getattr__(self, name: str) -> Callable[..., Fault]:
        """The fault of that name as a function that adds it."""
        if name not in WHATS and name not in ALIASES:
            raise AttributeError(f"there is no fault {name!r}; there are {', '.join((*WHATS, *ALIASES))}")
        return partial(self.add, name)
