"""The JSON Schemas against documents that are right and documents that are not."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from ofd_gateway.ffd import decode, model, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.builder import build
from ofd_gateway.ffd.dictionary import DOCUMENT_CODES, FFD_VERSIONS
from ofd_gateway.ffd.schema import DIALECT, documents_with_schema, json_schema
from tests.ffd.samples import KINDS, full

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, Decimal),
}
KEYWORDS = {
    *("$schema", "title", "description", "type", "properties", "required", "additionalProperties", "items", "enum"),
    *("const", "minimum", "maximum", "maxLength", "pattern", "contentEncoding"),
}


def faults(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """What a validator of the keywords we use would say; any other keyword is a fault of the schema."""
    assert schema.keys() <= KEYWORDS
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{path}: not {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value} is none of the values"
    if value < schema.get("minimum", value) if isinstance(value, int | Decimal) else False:
        yield f"{path}: too small"
    if value > schema.get("maximum", value) if isinstance(value, int | Decimal) else False:
        yield f"{path}: too large"
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: too long"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: not {schema['pattern']}"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{path}.{key}: missing" for key in schema.get("required", ()) if key not in value)
        if schema.get("additionalProperties") is False:
            yield from (f"{path}.{key}: unknown" for key in value if key not in known)
        for key, one in value.items():
            if key in known:
                yield from faults(one, known[key], f"{path}.{key}")
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from faults(one, schema["items"], f"{path}[{index}]")


def faults_of(plain: bytes, *, ffd: str | None = None) -> list[str]:
    document = decode(plain, version_hint=ffd)
    printed = parse_json(to_json_bytes(to_fns_json(document, message_sign=b"\x81\x06abcdef")))
    return list(faults(printed, json_schema(document.code, ffd=ffd or document.ffd)))


def test_every_document_has_a_schema_in_every_version() -> None:
    listed = list(documents_with_schema())
    assert {(code, ffd) for code in DOCUMENT_CODES for ffd in FFD_VERSIONS} <= set(listed)
    assert {(code, "1.2") for code in (81, 82, 83, 84)} <= set(listed)
    assert len(listed) == len(set(listed)) == 48
    for code, ffd in listed:
        schema = json_schema(code, ffd=ffd)
        assert schema["$schema"] == DIALECT
        json.dumps(schema)


@pytest.mark.parametrize(
    "name",
    [
        "receipt_1.05_2018-10_market",
        "receipt_1.0_2017-08_leroy",
        "receipt_1.0_2018-05_x5_rounded_total",
        "confirmation_1.2_2024_taxcom_code0",
        "confirmation_1.2_2024_taxcom_code14",
    ],
)
def test_real_documents_pass(reference: Path, name: str) -> None:
    file = reference / "ffd" / "examples" / f"{name}.tlv.hex"
    assert faults_of(bytes.fromhex(file.read_text()), ffd=name.split("_")[1]) == []


def test_the_reregistration_that_an_operator_refused_fails_on_what_it_lacks(reference: Path) -> None:
    file = reference / "ffd" / "examples" / "reregistration_1.2_2024_mcublog.tlv.hex"
    missing = {
        ".fiscalReportCorrection.user: missing",
        ".fiscalReportCorrection.retailPlaceAddress: missing",
    }
    assert missing == set(faults_of(bytes.fromhex(file.read_text())))


@pytest.mark.parametrize("ffd", FFD_VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_full_documents_differ_only_in_invented_values(kind: type[model.AnyDocument], ffd: str) -> None:
    """The samples fill every field, also with values outside closed sets; no field is missing or of another type."""
    found = faults_of(build(full(kind), ffd=ffd), ffd=ffd)
    assert [fault for fault in found if "missing" in fault and "itemsIndustry" not in fault] == []
    assert [fault for fault in found if ": not " in fault] == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"operationType": 5}, ".receipt.operationType: 5 is none of the values"),
        ({"operationType": "05"}, ".receipt.operationType: not integer"),
        ({"totalSum": None}, ".receipt.totalSum: not integer"),
        ({"totalSum": 1 << 48}, ".receipt.totalSum: too large"),
        ({"appliedTaxationType": 128}, ".receipt.appliedTaxationType: too large"),
        ({"operator": "x" * 65}, ".receipt.operator: too long"),
        ({"items": {}}, ".receipt.items: not array"),
        ({"items": [{"quantity": -1}]}, ".receipt.items[0].quantity: too small"),
        ({"items": [{"productCode": "XY"}]}, ".receipt.items[0].productCode: not ^([0-9a-f]{2})*$"),
        ({"code": 4}, ".receipt.code: not 3"),
    ],
)
def test_wrong_values_fail(reference: Path, changed: dict[str, object], fault: str) -> None:
    file = reference / "ffd" / "examples" / "receipt_1.05_2018-10_market.tlv.hex"
    body = to_fns_json(decode(bytes.fromhex(file.read_text())))["receipt"]
    assert isinstance(body, dict)
    assert fault in list(faults({"receipt": {**body, **changed}}, json_schema(3, ffd="1.05")))


def test_texts_of_closed_sets_are_enumerated() -> None:
    schema: Any = json_schema(3, ffd="1.2")
    properties = schema["properties"]["receipt"]["properties"]
    buyer = properties["buyerInformation"]["properties"]
    assert buyer["buyerDocumentCode"]["enum"][:2] == ["21", "22"]
    assert buyer["buyerInn"]["maxLength"] == 12
    open_list = properties["industryReceiptDetails"]["items"]["properties"]["idFoiv"]
    assert "enum" not in open_list
