"""Which answers a fault meets. Nothing here counts: whoever holds the counters gives them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from ofd_gateway.faults.model import Attempt, Fault
from ofd_gateway.protocol.session import FFD_BY_VERSION

__all__ = ["Claim", "Subject", "chance", "fires", "is_spent", "matches"]

_CHANCE_BYTES: Final = 8


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The document that is about to be answered; `version` as in the session header."""

    fn: str
    fd: int
    kind: str
    rnm: str | None
    version: bytes
    repeated: bool


class Claim(NamedTuple):
    """Whether a fault is applied to one answer, and whether it can never be applied again."""

    applied: bool
    spent: bool


def matches(fault: Fault, subject: Subject) -> bool:
    """Whether the answer to this document is one that the fault counts."""
    return (
        _fn(fault.fn, subject.fn)
        and (fault.rnm is None or fault.rnm == (subject.rnm or "").strip())
        and (fault.kind is None or fault.kind == subject.kind)
        and fault.fd_from <= subject.fd
        and (fault.fd_to is None or subject.fd <= fault.fd_to)
        and (fault.version is None or fault.version in (subject.version.hex(), FFD_BY_VERSION.get(subject.version)))
        and (fault.attempt is Attempt.ANY or (fault.attempt is Attempt.REPEAT) is subject.repeated)
    )


def fires(fault: Fault, *, seen: int, hits: int) -> bool:
    """Whether the fault meets the answer that is number `seen` of those it counts, after `hits` applications."""
    return (
        (fault.times is None or hits < fault.times)
        and (fault.first is None or seen <= fault.first)
        and (fault.every is None or seen % fault.every == 0)
        and (fault.probability is None or chance(fault.seed, seen) < fault.probability)
    )


def is_spent(fault: Fault, *, seen: int, hits: int) -> bool:
    """Whether it can never be applied again."""
    return (fault.times is not None and hits >= fault.times) or (fault.first is not None and seen >= fault.first)


def chance(seed: int, number: int) -> float:
    """A number from 0 up to but not including 1, the same for the same arguments and evenly spread."""
    digest = blake2b(f"{seed}:{number}".encode(), digest_size=_CHANCE_BYTES).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _fn(wanted: str | None, fn: str) -> bool:
    if wanted is None:
        return True
    return fn.startswith(wanted[:-1]) if wanted.endswith("*") else fn == wanted
