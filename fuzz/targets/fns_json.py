"""JSON of the tax service, written by others, read back into a document.

First byte: 0 to 3 force a format version, anything else leaves it to the document.
"""

from __future__ import annotations

import msgspec

from fuzz.cases import Instructions
from ofd_gateway.ffd import UnfitValueError, decode, from_fns_json, parse_json, to_fns_json
from ofd_gateway.ffd.dictionary import FFD_VERSIONS

__all__ = ["check"]


def check(data: bytes) -> None:
    """What is written from JSON is a document that says the same when it is told again."""
    instructions = Instructions(data)
    choice = instructions.number()
    ffd = FFD_VERSIONS[choice] if choice < len(FFD_VERSIONS) else None
    try:
        obj = parse_json(instructions.rest())
        plain = from_fns_json(obj, ffd=ffd)
    except msgspec.DecodeError:
        return
    except UnfitValueError as error:
        assert error.path
        assert error.detail
        return
    found = decode(plain, version_hint=ffd)
    assert found.encode() == plain
    told = to_fns_json(found)
    try:
        again = from_fns_json(told, ffd=found.ffd)
    except UnfitValueError:
        return  # hex of a value that does not fit its kind
    assert to_fns_json(decode(again, version_hint=found.ffd)) == told
