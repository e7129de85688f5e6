"""The tag table: complete, consistent with itself, quick to load, and telling reused numbers apart."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.ffd.dictionary import (
    CONFIDENCE,
    DOCUMENT_CODES,
    FFD_VERSIONS,
    document_codes,
    document_kind,
    lookup,
    lookup_name,
    meanings,
    sources,
    specs,
    specs_below,
)
from ofd_gateway.ffd.tlv import FREE_CONTENT_TAGS, REUSED_TAGS, STRUCTURE_TAGS, Structure
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {spec.tag for spec in specs()}
TWICE_ON_PURPOSE = {("correctionReasonCode", 11), ("paymentAgentRemuneration", 3), ("paymentAgentRemuneration", 4)}


def test_table_agrees_with_the_reference(reference: Path) -> None:
    """Every tag of the reference with its kind, length, repetition, parents and current name."""
    with (reference / "ffd" / "tags.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    no_limit = {1232, 1233}
    theirs = Counter(
        (
            int(row["tag"]),
            row["name_en"],
            row["tlv_type"],
            row["length"] if int(row["tag"]) not in no_limit else "",
            row["length_kind"] == "fixed" and row["length"] != "",
            row["repeatable"] == "yes",
            row["parents"],
            row["json_name"],
            row["json_aliases"],
            row["enum_ref"],
        )
        for row in rows
    )
    ours = Counter(
        (
            spec.tag,
            spec.name_en,
            spec.kind.value,
            str(spec.length or ""),
            spec.fixed,
            spec.repeatable,
            " ".join(str(parent) for parent in sorted(spec.parents)),
            spec.json_name,
            " ".join(spec.aliases),
            spec.enum_ref,
        )
        for spec in specs()
    )

    def by_number(parents: str) -> str:
        return " ".join(sorted(parents.split(), key=int))

    assert Counter({(*key[:6], by_number(key[6]), *key[7:]): count for key, count in theirs.items()}) == ours
    assert len(KNOWN) == 322


def test_document_names_are_those_of_the_table() -> None:
    for code in document_codes():
        (spec,) = meanings(code)
        assert (spec.json_name or str(code)) == document_kind(code)
    assert {code for code in document_codes() if code < 81} == set(DOCUMENT_CODES)


def test_parents_are_known_tags() -> None:
    assert {parent for spec in specs() for parent in spec.parents} <= KNOWN


def test_sources_confidence_and_versions_are_known() -> None:
    for spec in specs():
        assert spec.source in sources()
        assert spec.confidence in CONFIDENCE
        assert spec.since in FFD_VERSIONS
        assert spec.until in ("", *FFD_VERSIONS)
        assert spec.name_ru
    assert {spec.source for spec in specs()} == set(sources())


@pytest.mark.parametrize("ffd", FFD_VERSIONS)
def test_no_name_occurs_twice_in_one_place(ffd: str) -> None:
    for parent in {parent for spec in specs() for parent in spec.parents}:
        here = specs_below(parent, ffd=ffd)
        assert not [name for name, count in Counter(spec.name_en for spec in here).items() if count > 1]
        for names in (Counter(spec.name for spec in here), Counter(spec.name_of("2017") for spec in here)):
            twice = {(name, parent) for name, count in names.items() if count > 1}
            assert twice <= TWICE_ON_PURPOSE


def test_lenient_tags_are_structures() -> None:
    assert FREE_CONTENT_TAGS | REUSED_TAGS <= STRUCTURE_TAGS


EMPTY = Structure((), (), 0)


@pytest.mark.parametrize(
    ("tag", "parent", "ffd", "content", "name"),
    [
        (1115, 3, "1.0", b"nalog.ru", "fiscal_sign_check_site"),
        (1115, 3, "1.2", b"nalog.ru", "fiscal_sign_check_site"),
        (1115, 3, "1.2", EMPTY, "receipt_vat_sums"),
        (1115, 3, "1.0", b"", "fiscal_sign_check_site"),
        (1115, 3, "1.2", b"", "receipt_vat_sums"),
        (1115, 3, "1.2", None, "receipt_vat_sums"),
        (1115, 3, "1.0", None, "fiscal_sign_check_site"),
        (1119, 3, "1.0", b"+7", "operator_to_receive_phone"),
        (1119, 1115, "1.2", EMPTY, "receipt_vat_entry"),
        (1120, 1119, "1.2", b"\x01", "receipt_vat_entry_sum"),
        (1120, None, "1.0", b"\x01", "product_reference_code_legacy"),
        (1125, 3, "1.2", b"\x01", "internet_settlement_flag"),
        (1125, 3, "1.0", "ОФД".encode("cp866"), "ofd_name_legacy"),
        (1126, 1, "1.0", b"\x01", "lottery_flag"),
        (1126, 1, "1.0", b"\x01\x00\x00\x00", "unsent_cash_receipts_legacy"),
        (1011, 3, "1.0", b"\x05\x01", "payment_agent_fee"),
        (1011, 82, "1.2", b"\x05", "time_zone"),
        (1082, 1235, "1.2", b"\x05", "electronic_payment_sum"),
        (1082, 3, "1.0", b"+79990001122", "bank_subagent_phone"),
        (1199, 1119, "1.2", b"\x0b", "vat_rate"),
        (1213, 21, "1.2", b"\x01\x00", "fn_keys_remaining_days"),
    ],
)
def test_reused_numbers_are_told_apart(
    tag: int, parent: int | None, ffd: str, content: bytes | Structure | None, name: str
) -> None:
    spec = lookup(tag, parent, ffd=ffd, content=content)
    assert spec is not None
    assert spec.name_en == name


def test_unknown_tags_have_no_meaning() -> None:
    assert lookup(9999, 3, ffd="1.2") is None
    assert meanings(9999) == ()
    assert lookup_name("colour", 3, ffd="1.2") is None


@pytest.mark.parametrize(
    ("name", "parent", "ffd", "tag"),
    [
        ("taxationType", 3, "1.2", 1055),
        ("taxationType", 1, "1.2", 1062),
        ("receiptCount", 1157, "1.1", 1134),
        ("receiptCount", 1129, "1.1", 1135),
        ("totalSum", 3, "1.2", 1020),
        ("totalSum", 1129, "1.2", 1201),
        ("correctionReasonCode", 11, "1.05", 1101),
        ("correctionReasonCode", 11, "1.1", 1205),
        ("buyerAddress", 3, "1.2", 1008),
        ("buyerAddress", 1256, "1.2", 1254),
        ("сorrectionBase", 31, "1.2", 1174),
        ("propertyName", 3, "1.0", 1085),
        ("dateTime", 1270, "1.2", 1273),
    ],
)
def test_names_are_read_in_their_place(name: str, parent: int, ffd: str, tag: int) -> None:
    spec = lookup_name(name, parent, ffd=ffd)
    assert spec is not None
    assert spec.tag == tag


def test_decoding_does_not_load_the_table() -> None:
    code = (
        "from ofd_gateway.ffd import decode; import ofd_gateway.ffd.dictionary as d; "
        "assert decode(bytes.fromhex('03000500110401007f')).fn is None; "
        "print(d._table.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "0"


def test_structures_hold_only_what_has_a_place_in_them() -> None:
    items = {spec.tag for spec in specs_below(1059, ffd="1.0")}
    assert {1030, 1079, 1023, 1043, 1199} <= items
    assert 2108 not in items
    assert {spec.kind for spec in specs_below(1115, ffd="1.2")} == {TagKind.STLV}
