"""FNS JSON of captured documents, and what the rules of the names say about every kind of value."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from struct import pack
from typing import TYPE_CHECKING

import msgspec
import pytest

from ofd_gateway.ffd import UnfitValueError, decode, from_fns_json, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.dictionary import lookup, specs
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from pathlib import Path

LOCAL_TEXT = "this API prints dates as ISO text, the wire carries a u32"
UTC_TEXT = "this API took the wall clock for UTC and printed it in Moscow time, three hours off"
OLD_NAME = "name of the schemas v13, kept as an alias"
FILLED_IN = "not in the TLV: the API fills absent fields with empty ones"
CODE_KEY = "the schemas v13 put the document code here"
RAW_DATA = "this API adds or drops the container's header, and we print rawData only with a message sign"
ALTERED = "the publisher altered the identifiers in the JSON but not in the TLV"
LIST_OF_PAIRS = "schemas v13: a list of key and value"
NOT_KEPT = "not in the published JSON"
PADDED = "this API keeps the padding of fixed strings"
TWICE = "this API prints tag 1055 under both generations' names"

Difference = tuple[object, object, str]
ABSENT = "(absent)"

DIFFERENCES: dict[str, dict[str, Difference]] = {
    "receipt_1.05_2018-10_market": {
        "rawData": (..., ABSENT, RAW_DATA),
        "dateTime": ("2018-10-30T08:49:00", 1540889340, LOCAL_TEXT),
        "taxationType": (1, ABSENT, OLD_NAME),
        "appliedTaxationType": (ABSENT, 1, OLD_NAME),
        "receiptCode": (3, ABSENT, CODE_KEY),
        "code": (ABSENT, 3, CODE_KEY),
        "retailPlaceAddress": ("", ABSENT, FILLED_IN),
        "senderAddress": ("", ABSENT, FILLED_IN),
        "addressToCheckFiscalSign": ("", ABSENT, FILLED_IN),
        "buyerAddress": ("", ABSENT, FILLED_IN),
        "user": ("", ABSENT, FILLED_IN),
        "fiscalDocumentFormatVer": (ABSENT, 2, NOT_KEPT),
        "prepaidSum": (ABSENT, 0, NOT_KEPT),
        "creditSum": (ABSENT, 0, NOT_KEPT),
        "provisionSum": (ABSENT, 0, NOT_KEPT),
        "items[0].nds": (ABSENT, 2, NOT_KEPT),
        "items[0].ndsSum": (ABSENT, 836, NOT_KEPT),
        "items[0].productType": (ABSENT, 1, NOT_KEPT),
        "items[0].paymentType": (ABSENT, 4, NOT_KEPT),
        "items[1].nds": (ABSENT, 2, NOT_KEPT),
        "items[1].ndsSum": (ABSENT, 609, NOT_KEPT),
        "items[1].productType": (ABSENT, 1, NOT_KEPT),
        "items[1].paymentType": (ABSENT, 4, NOT_KEPT),
    },
    "receipt_1.0_2017-08_leroy": {
        "rawData": (..., ABSENT, RAW_DATA),
        "dateTime": ("2017-08-08T19:14:00", 1502230440, UTC_TEXT),
        "taxationType": (1, ABSENT, OLD_NAME),
        "appliedTaxationType": (ABSENT, 1, OLD_NAME),
        "receiptCode": (3, ABSENT, CODE_KEY),
        "code": (ABSENT, 3, CODE_KEY),
        "stornoItems": ([], ABSENT, FILLED_IN),
        "modifiers": ([], ABSENT, FILLED_IN),
        **{f"items[{index}].modifiers": ([], ABSENT, FILLED_IN) for index in range(5)},
    },
    "receipt_1.0_2018-05_x5_rounded_total": {
        "rawData": (..., ABSENT, RAW_DATA),
        "dateTime": ("2018-05-17T17:57:00", 1526579820, LOCAL_TEXT),
        "taxationType": (1, ABSENT, OLD_NAME),
        "appliedTaxationType": (ABSENT, 1, OLD_NAME),
        "receiptCode": (3, ABSENT, CODE_KEY),
        "code": (ABSENT, 3, CODE_KEY),
        "fiscalSign": (3522207165, 3524207314, ALTERED),
        "fiscalDocumentNumber": (54812, 55817, ALTERED),
        "fiscalDriveNumber": ("8710000100518392", "8710000100518313", ALTERED),
        "properties": (
            [{"value": "G637", "key": "Код"}],
            {"propertyName": "Код", "propertyValue": "G637"},
            LIST_OF_PAIRS,
        ),
    },
}


def flat(obj: object, path: str = "") -> dict[str, object]:
    """Leaves by path; lists are opened when they hold items of a receipt, everything else is compared whole."""
    if isinstance(obj, list) and path == "items":
        return {at: leaf for i, one in enumerate(obj) for at, leaf in flat(one, f"items[{i}]").items()}
    if isinstance(obj, dict) and (not path or path.startswith("items[")):
        return {
            at: leaf for key, one in obj.items() for at, leaf in flat(one, f"{path}.{key}" if path else key).items()
        }
    return {path: obj}


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_captured_receipts_print_the_json_beside_them(reference: Path, name: str) -> None:
    folder = reference / "ffd" / "examples"
    published = flat(json.loads((folder / f"{name}.json").read_text()))
    ours = flat(to_fns_json(decode(bytes.fromhex((folder / f"{name}.tlv.hex").read_text())))["receipt"])
    found = {
        path: (published.get(path, ABSENT), ours.get(path, ABSENT))
        for path in published | ours
        if published.get(path, ABSENT) != ours.get(path, ABSENT)
    }
    expected = {
        path: (published[path] if theirs is ... else theirs, mine)
        for path, (theirs, mine, _reason) in DIFFERENCES[name].items()
    }
    assert expected == found


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_published_json_gives_the_bytes_of_the_capture(reference: Path, name: str) -> None:
    """Where the JSON holds every field of the TLV, reading it gives the same records, in canonical order."""
    folder = reference / "ffd" / "examples"
    captured = to_fns_json(decode(bytes.fromhex((folder / f"{name}.tlv.hex").read_text())))["receipt"]
    published = json.loads((folder / f"{name}.json").read_text())
    read = to_fns_json(decode(from_fns_json(published)))["receipt"]
    ours, theirs = flat(captured), flat(read)
    shared = set(ours) & set(theirs) - {
        path for path, (_, _, reason) in DIFFERENCES[name].items() if reason in (ALTERED, UTC_TEXT)
    }
    assert {path: ours[path] for path in shared} == {path: theirs[path] for path in shared}
    assert len(shared) > 15


def test_receipt_known_only_as_json_survives_the_bytes(reference: Path) -> None:
    text = (reference / "ffd" / "examples" / "receipt_1.2_2022-11_magnit.json").read_text()
    published = json.loads(text, parse_float=Decimal)
    plain = from_fns_json(published)
    assert decode(plain).ffd == "1.2"
    ours = flat(to_fns_json(decode(plain))["receipt"])
    theirs = flat(published)
    differences: dict[str, Difference] = {
        "dateTime": ("2022-11-01T16:09:00", 1667318940, LOCAL_TEXT),
        "taxationType": (1, ABSENT, TWICE),
        "kktRegId": ("0001473719030755    ", "0001473719030755", PADDED),
        "userInn": ("2310031475  ", "2310031475", PADDED),
    }
    found = {
        path: (theirs.get(path, ABSENT), ours.get(path, ABSENT))
        for path in ours | theirs
        if theirs.get(path, ABSENT) != ours.get(path, ABSENT)
    }
    assert {path: (a, b) for path, (a, b, _) in differences.items()} == found
    assert ours["items[0].quantity"] == Decimal("0.308")


@pytest.mark.parametrize(
    "name",
    ["registration_1.0_2016_yandex_test", "reregistration_1.2_2024_mcublog", "confirmation_1.2_2024_taxcom_code14"],
)
def test_captured_reports_hold_the_values_decoded_elsewhere(reference: Path, name: str) -> None:
    """The decoded files name tags in English, so each is compared by its tag; padding and the sign's form differ."""
    folder = reference / "ffd" / "examples"
    decoded = json.loads((folder / f"{name}.decoded.json").read_text())
    document = decode(bytes.fromhex((folder / f"{name}.tlv.hex").read_text()))
    (body,) = decoded.values()
    fields = {field.spec.name_en: field for field in document.fields() if field.spec}
    assert set(body) == set(fields)
    for key, value in body.items():
        field = fields[key]
        if field.children is not None:
            assert {child.spec.name_en: child.value for child in field.children if child.spec} == value
        elif field.spec is not None and field.spec.kind is TagKind.BYTES:
            assert field.raw.hex() == value
        else:
            assert field.value == value


def body_of(*records: bytes, code: int = 3, **options: object) -> dict[str, object]:
    (body,) = to_fns_json(decode(tlv(code, b"".join(records))), **options).values()  # type: ignore[arg-type]
    assert isinstance(body, dict)
    return body


def test_raw_data_and_message_sign() -> None:
    plain = tlv(3, tlv(1054, b"\x01"))
    sign = bytes.fromhex("8106f27418108e59")
    body = to_fns_json(decode(plain), message_sign=sign)["receipt"]
    assert body == {
        "code": 3,
        "operationType": 1,
        "rawData": base64.b64encode(plain + sign).decode(),
        "messageFiscalSign": 0x8106F27418108E59,
    }


def test_padding_is_lost_where_the_reference_says_and_nowhere_else() -> None:
    padded = {1016: 12, 1017: 12, 1018: 12, 1203: 12, 1226: 12, 1228: 12, 1037: 20, 1041: 16}
    for tag, length in padded.items():
        spec = lookup(tag, None, ffd="1.2")
        assert spec is not None
        assert body_of(tlv(tag, b" 77".ljust(length)))[spec.name] == " 77"
    assert body_of(tlv(1021, b"name  "))["operator"] == "name  "
    assert body_of(tlv(1046, b"    "), code=1)["ofdName"] == "    "


@pytest.mark.parametrize(
    ("raw", "text"),
    [("03e803", b"1"), ("0001", b"1"), ("036c03", b"0.876"), ("", b"0"), ("05", b"0"), ("0064", b"100"),
     ("0a01", b"0.0000000001"), ("0640420f00", b"1"), ("00ffffffffffffff", b"72057594037927935"),
     ("036d03000000000000", b'"036d03000000000000"')],
)  # fmt: skip
def test_quantities_are_exact_numbers(raw: str, text: bytes) -> None:
    document = decode(tlv(3, tlv(1059, tlv(1023, bytes.fromhex(raw)))))
    assert to_json_bytes(to_fns_json(document)) == b'{"receipt":{"code":3,"items":[{"quantity":' + text + b"}]}}"


def test_empty_values_are_zero_and_empty_text() -> None:
    assert body_of(tlv(1020, b""), tlv(1054, b""), tlv(1012, b""), tlv(1021, b""), tlv(1077, b"")) == {
        "code": 3,
        "totalSum": 0,
        "operationType": 0,
        "dateTime": 0,
        "operator": "",
        "fiscalSign": "",
    }


def test_values_of_the_wrong_length_are_hex() -> None:
    body = body_of(tlv(1040, b"\xab"), tlv(1020, b"\x01" * 9), tlv(1077, b"\x01\x02"), tlv(1055, b"\x01\x00"))
    assert body == {
        "code": 3,
        "fiscalDocumentNumber": "ab",
        "totalSum": "01" * 9,
        "fiscalSign": "0102",
        "appliedTaxationType": "0100",
    }


def test_unknown_tags_stand_under_their_number() -> None:
    assert body_of(tlv(9999, b"\xab\xcd"), tlv(9999, b"")) == {"code": 3, "9999": ["abcd", ""]}
    assert to_fns_json(decode(tlv(99, tlv(1, b"x")))) == {"99": {"code": 99, "1": "78"}}


def test_a_name_that_belongs_to_another_tag_here_gives_way_to_the_number() -> None:
    assert body_of(tlv(1020, b"\x01"), tlv(1201, b"\x02")) == {"code": 3, "totalSum": 1, "1201": 2}


def test_a_number_with_two_meanings_is_read_as_the_one_of_its_place() -> None:
    plain = tlv(3, tlv(1011, b"\x00\x01"))
    printed = to_fns_json(decode(plain, version_hint="1.0"), names="2017")
    assert printed["receipt"]["1011"] == [256]
    assert from_fns_json(printed, ffd="1.0") == plain


def test_vat_of_2025_is_nested() -> None:
    entry = tlv(1119, tlv(1199, b"\x0b") + tlv(1120, b"\x2a"))
    assert body_of(tlv(1209, b"\x04"), tlv(1115, entry))["amountsReceiptNds"] == {
        "amountsNds": [{"nds": 11, "ndsSum": 42}]
    }
    assert body_of(tlv(1209, b"\x04"), tlv(1115, b""))["amountsReceiptNds"] == {}
    assert body_of(tlv(1115, b""))["addressToCheckFiscalSign"] == ""
    assert body_of(tlv(1115, b"nalog.ru"))["addressToCheckFiscalSign"] == "nalog.ru"
    assert body_of(tlv(1119, b"+79991112233"))["operatorPhoneToReceive"] == ["+79991112233"]


def test_lottery_and_internet_flags_are_told_from_their_ancestors() -> None:
    assert body_of(tlv(1126, b"\x01"), code=1)["lotterySign"] == 1
    assert body_of(tlv(1126, pack("<I", 7)), code=1)["1126"] == 7
    assert body_of(tlv(1125, b"\x01"), tlv(1209, b"\x04"))["internetPayment"] == 1
    assert body_of(tlv(1125, "ОФД".encode("cp866")))["1125"] == "ОФД"
    assert body_of(tlv(1011, b"\x02"), code=82)["1011"] == 2


def test_keys_remaining_in_two_or_four_bytes() -> None:
    assert body_of(tlv(1213, pack("<H", 410)), code=5)["fdKeyResource"] == 410
    assert body_of(tlv(1213, pack("<I", 410)), code=5)["fdKeyResource"] == 410
    assert body_of(tlv(1213, pack("<H", 410)), code=21)["keyResource"] == 410
    assert body_of(tlv(1213, b"\x01\x02\x03"), code=21)["keyResource"] == "010203"


def test_names_of_2017() -> None:
    records = (
        tlv(1055, b"\x01"),
        tlv(1117, b"a@b.c"),
        tlv(1106, b"\x05"),
        tlv(1084, tlv(1085, b"k") + tlv(1086, b"v")),
        tlv(1060, b"nalog.ru"),
    )
    assert body_of(*records, names="2017") == {
        "receiptCode": 3,
        "taxationType": 1,
        "senderAddress": "a@b.c",
        "ndsCalculated18": 5,
        "properties": [{"key": "k", "value": "v"}],
        "fnsSite": "nalog.ru",
    }
    assert body_of(tlv(1190, b"\x03"), code=1, names="2017") == {"code": 1, "documentFnVersion": 3}
    both = from_fns_json({"receipt": body_of(*records, names="2017")})
    assert both == from_fns_json({"receipt": body_of(*records)})


def test_every_named_tag_prints_under_a_name_of_the_table() -> None:
    """In each place where the table puts it, and reading the name back finds the same tag."""
    for spec in specs():
        for parent in sorted(spec.parents):
            if parent > 2007 or spec.kind is TagKind.STLV or not spec.in_version("1.2"):
                continue
            raw = b"\x01" * (spec.length if spec.fixed and spec.length else 1)
            code = parent if parent < 100 else 3
            place = tlv(spec.tag, raw) if parent < 100 else tlv(parent, tlv(spec.tag, raw))
            document = decode(tlv(code, place), version_hint="1.2")
            (body,) = to_fns_json(document).values()
            assert isinstance(body, dict)
            inner = body if parent < 100 else body[next(key for key in body if key != "code")]
            inner = inner[0] if isinstance(inner, list) else inner
            key = spec.json_name or next(iter(spec.aliases), str(spec.tag))
            assert key in inner, (spec.tag, parent)
            assert isinstance(inner[key], list) == spec.repeatable
            again = to_fns_json(decode(from_fns_json({document.kind: body}, ffd="1.2"), version_hint="1.2"))
            assert again == {document.kind: body}


def test_reading_takes_aliases_numbers_and_times() -> None:
    plain = from_fns_json(
        {
            "bsoCode": 4,
            "user": None,
            "dateTime": "2018-10-30T08:49:00",
            "1031": 5,
            "nds20": 7,
            "quantity": 1.5,
            "сorrectionBase": {"correctionDocumentDate": 86400},
            "metadata": {"id": 1},
            "9999": "00ff",
            "items": [],
        }
    )
    assert plain == tlv(
        4,
        tlv(1012, pack("<I", 1540889340))
        + tlv(1023, b"\x01\x0f")
        + tlv(1031, b"\x05")
        + tlv(1102, b"\x07")
        + tlv(1174, tlv(1178, pack("<I", 86400)))
        + tlv(9999, b"\x00\xff"),
    )


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        ({"correctionReasonCode": [1, 3], "fiscalDocumentFormatVer": 4}, tlv(1205, b"\x05\x00\x00\x00")),
        ({"correctionReasonCode": 32, "fiscalDocumentFormatVer": 3}, tlv(1205, b"\x00\x00\x00\x80")),
        ({"correctionKktReasonCode": [13], "fiscalDocumentFormatVer": 4}, tlv(1205, b"\x0d\x00\x00\x00")),
        ({"correctionReasonCode": [1, 3], "fiscalDocumentFormatVer": 2}, tlv(1101, b"\x01") + tlv(1101, b"\x03")),
    ],
)
def test_reasons_of_a_reregistration(body: dict[str, object], raw: bytes) -> None:
    version = body["fiscalDocumentFormatVer"]
    assert isinstance(version, int)
    assert from_fns_json({"fiscalReportCorrection": body}) == tlv(11, tlv(1209, bytes((version,))) + raw)


def test_current_name_wins_over_an_alias_in_either_order() -> None:
    expected = tlv(3, tlv(1055, b"\x01"))
    assert from_fns_json({"receipt": {"taxationType": 2, "appliedTaxationType": 1}}) == expected
    assert from_fns_json({"receipt": {"appliedTaxationType": 1, "taxationType": 2}}) == expected


def test_both_meanings_of_a_reused_number_in_one_document() -> None:
    plain = tlv(3, tlv(1115, b"nalog.ru") + tlv(1115, tlv(1119, tlv(1120, b"\x01"))))
    assert from_fns_json(to_fns_json(decode(plain))) == plain


def test_raw_values_survive_json() -> None:
    plain = tlv(3, tlv(1012, b"\x01") + tlv(1077, b"\x07") + tlv(1020, b"\x01" * 9) + tlv(1084, b"free"))
    assert from_fns_json(parse_json(to_json_bytes(to_fns_json(decode(plain))))) == plain


def test_fiscal_sign_gets_the_prefix_of_its_document() -> None:
    assert from_fns_json({"fiscalReport": {"fiscalSign": 1}}) == tlv(1, tlv(1077, bytes.fromhex("210400000001")))
    assert from_fns_json({"receipt": {"fiscalSign": 1}}) == tlv(3, tlv(1077, bytes.fromhex("310400000001")))


def nested_items(depth: int) -> dict[str, object]:
    body: dict[str, object] = {}
    for _ in range(depth):
        body = {"items": [body]}
    return body


@pytest.mark.parametrize(
    ("obj", "path", "detail"),
    [
        ([], "document", "an object is expected, not list"),
        ({"parcel": {}}, "document", "neither a kind of document nor a document code is named"),
        ({5: {}}, "document", "neither a kind of document nor a document code is named"),
        ({"code": 70000}, "document", "neither a kind of document nor a document code is named"),
        ({"70000": {}}, "document", "neither a kind of document nor a document code is named"),
        ({"receipt": 3}, "document", "neither a kind of document nor a document code is named"),
        ({"receipt": {"colour": 1}}, "receipt.colour", "no tag has this name"),
        ({"receipt": {"70000": "00"}}, "receipt.70000", "no tag has this name"),
        ({"receipt": {7: 1}}, "receipt", "7 is no key of JSON"),
        ({"receipt": {"9999": 1}}, "receipt.9999", "an unknown tag is written in hex"),
        ({"receipt": {"9999": "xy"}}, "receipt.9999", "'xy' is not hex"),
        ({"receipt": {"fiscalSign": -1}}, "receipt.fiscalSign", "can't convert negative int to unsigned"),
        ({"receipt": {"dateTime": "2018-13-01"}}, "receipt.dateTime", "month must be in 1..12"),
        ({"receipt": {"dateTime": "2018-10-30T08:49:00Z"}}, "receipt.dateTime", "the time must be naive"),
        ({"receipt": {"dateTime": "1918-10-30"}}, "receipt.dateTime", "outside 1970 to 2106"),
        ({"receipt": {"operator": "☃"}}, "receipt.operator", "has no place in CP866"),
        ({"receipt": {"operator": 5}}, "receipt.operator", "a string is not made of int"),
        ({"receipt": {"properties": 5}}, "receipt.properties", "a stlv is not made of int"),
        ({"receipt": {"operationType": True}}, "receipt.operationType", "a flag is written 0 or 1"),
        ({"receipt": {"operationType": 256}}, "receipt.operationType", "int too big to convert"),
        ({"receipt": {"totalSum": -1}}, "receipt.totalSum", "can't convert negative int to unsigned"),
        ({"receipt": {"totalSum": 1 << 64}}, "receipt.totalSum", "9 bytes are more than a vln can be read from"),
        ({"receipt": {"items": [{}, {"quantity": -1}]}}, "receipt.items[1].quantity", "-1 is not a quantity"),
        ({"receipt": {"items": [{"quantity": Decimal("NaN")}]}}, "receipt.items[0].quantity", "NaN is not a quantity"),
        ({"receipt": {"items": [{"quantity": Decimal("1e-256")}]}}, "receipt.items[0].quantity", "256 decimal places"),
        ({"receipt": {"user": "я" * 65536}}, "receipt", "tag 1048: 65536 bytes do not fit"),
        ({"receipt": {"user": "я" * 65535}}, "receipt", "tag 3: 65539 bytes do not fit"),
        ({"fiscalReportCorrection": {"correctionReasonCode": [0], "1209": 4}},
         "fiscalReportCorrection.correctionReasonCode", "0 is no number of a bit"),
        ({"receipt": nested_items(16)}, "receipt" + ".items[0]" * 16, "structures nest deeper than 16"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_named(obj: object, path: str, detail: str) -> None:
    with pytest.raises(UnfitValueError) as caught:
        from_fns_json(obj)
    assert caught.value.path == path
    assert detail in caught.value.detail


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnfitValueError, match=r"'1\.3' is not a format version"):
        from_fns_json({"receipt": {}}, ffd="1.3")


def test_json_that_is_none() -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_json(b"{")


@pytest.mark.parametrize("key", ["9" * 5000, "65536", "²"])
def test_a_number_that_no_tag_has_is_no_key(key: str) -> None:
    with pytest.raises(UnfitValueError):
        from_fns_json({"receipt": {key: "00"}})
    with pytest.raises(UnfitValueError):
        from_fns_json({key: {"user": "x"}})


def test_json_that_is_no_text_is_no_json() -> None:
    with pytest.raises(msgspec.DecodeError, match="UTF-8"):
        parse_json(b'{"receipt":{"user":"\xd1"}}')


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000])
def test_json_that_is_nested_without_end_is_no_json(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_json(text)
