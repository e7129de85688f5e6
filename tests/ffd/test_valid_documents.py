"""Arbitrary valid documents of every kind and version, through bytes and through JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from ofd_gateway.ffd import decode, from_fns_json, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.schema import json_schema
from ofd_gateway.ffd.tree import lines
from tests.ffd.test_schema import faults
from tests.ffd.valid_documents import valid_documents

if TYPE_CHECKING:
    from ofd_gateway.ffd import Document

SIGN = bytes.fromhex("8106f27418108e59")
THOROUGH = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def multiset(document: Document) -> object:
    """Everything a document says, whatever the order of its records and the form of its values."""

    def of(fields: object) -> object:
        assert isinstance(fields, tuple)
        return sorted(
            (field.tag, of(field.children) if field.children is not None else str(field.value)) for field in fields
        ) if fields else []  # fmt: skip

    return of(document.fields())


@THOROUGH
@given(valid_documents())
def test_bytes_survive_and_every_field_has_a_meaning(made: tuple[bytes, int, str]) -> None:
    plain, code, ffd = made
    document = decode(plain, version_hint=ffd)
    assert (document.code, document.ffd) == (code, ffd)
    assert document.encode() == plain
    assert len(list(lines(document))) > len(document.root.tags)
    stack = list(document.fields())
    while stack:
        field = stack.pop()
        assert field.spec is not None
        assert field.children is not None or field.value is not None, field.path
        assert plain[field.offset + 4 : field.offset + 4 + len(field.raw)] == field.raw
        stack.extend(field.children or ())


@THOROUGH
@given(valid_documents())
def test_json_says_the_same_in_both_generations(made: tuple[bytes, int, str]) -> None:
    plain, _, ffd = made
    document = decode(plain, version_hint=ffd)
    printed = to_fns_json(document, message_sign=SIGN)
    canonical = from_fns_json(parse_json(to_json_bytes(printed)), ffd=ffd)
    again = decode(canonical, version_hint=ffd)
    assert to_fns_json(again) == to_fns_json(document)
    assert multiset(again) == multiset(document)
    old = from_fns_json(parse_json(to_json_bytes(to_fns_json(document, names="2017"))), ffd=ffd)
    assert multiset(decode(old, version_hint=ffd)) == multiset(document)
    assert from_fns_json(to_fns_json(again), ffd=ffd) == canonical


@THOROUGH
@given(valid_documents())
def test_json_passes_its_schema(made: tuple[bytes, int, str]) -> None:
    plain, code, ffd = made
    printed = parse_json(to_json_bytes(to_fns_json(decode(plain, version_hint=ffd), message_sign=SIGN)))
    assert list(faults(printed, json_schema(code, ffd=ffd))) == []
