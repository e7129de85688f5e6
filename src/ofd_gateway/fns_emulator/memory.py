"""What was decided before: the sign and the verdict of each document, and nothing else of it."""

from __future__ import annotations

import functools

import msgspec

from ofd_gateway.fns_emulator.contract import Key, Status, Verdict

__all__ = ["Known", "Memory", "shared_verdict"]


class Known(msgspec.Struct, frozen=True, gc=False):
    """A document that was decided: its message sign and the answer."""

    sign: int | None
    verdict: Verdict


class Memory:
    """Keys and answers of the last documents, at least `capacity` of them and at most twice as many.

    Two tables: when the young one is full it becomes the old one, and what the old one held is forgotten.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[Key, Known] = {}
        self._old: dict[Key, Known] = {}

    def get(self, key: Key) -> Known | None:
        """What is known of a document, None for one that never came or was forgotten."""
        return self._young.get(key) or self._old.get(key)

    def put(self, key: Key, known: Known) -> None:
        """Remembers a document, in place of what was known of it."""
        if len(self._young) >= self._capacity and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = known


@functools.lru_cache(maxsize=4096)
def shared_verdict(status: Status, code: int, text: str) -> Verdict:
    """One object for equal verdicts: nearly all of a million documents have the same."""
    return Verdict(status=status, code=code, text=text)
