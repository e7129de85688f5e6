"""One document before the emulator: sound ones are accepted, spoilt ones refused with the field named."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd import decode, from_fns_json, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.schema import documents_with_schema
from ofd_gateway.fns_emulator.contract import Batch, SentDocument
from ofd_gateway.fns_emulator.examination import examine
from ofd_gateway.fns_emulator.reading import read_batch
from ofd_gateway.simulator import Ffd
from tests.ffd.valid_documents import valid_documents

from .sending import NOW, copied, enveloped, lives, wire

SIGN = bytes.fromhex("8106f27418108e59")
FN = "9999078902013267"
LATER = NOW + timedelta(days=1)
PAYMENTS = ("cashTotalSum", "ecashTotalSum", "prepaidSum", "creditSum", "provisionSum")
RECEIPTS = (3, 4, 31, 41)


def put_right(plain: bytes, code: int, ffd: str) -> dict[str, Any]:
    """A valid document with the date, the numbers and the sums that a schema cannot ask for."""
    (kind, body), = to_fns_json(decode(plain, version_hint=ffd)).items()  # fmt: skip
    assert isinstance(body, dict)
    fixed = {"dateTime": int(NOW.timestamp()), "fiscalDriveNumber": FN, "fiscalDocumentNumber": 7}
    body |= {name: value for name, value in fixed.items() if name in body}
    if code in RECEIPTS:
        body |= {name: body[name] % 1_000_000 for name in PAYMENTS if name in body}
        body["totalSum"] = sum(body.get(name, 0) for name in PAYMENTS)
    return enveloped(from_fns_json({kind: body}, ffd=ffd), SIGN, ffd=ffd, fn=FN, fd=7)


def sent(envelope: dict[str, Any]) -> SentDocument:
    return read_batch(wire([envelope])).documents[0]


def judged(envelope: dict[str, Any], now: datetime = LATER) -> tuple[str, int, str]:
    verdict = examine(sent(envelope), now=now)
    return verdict.status, verdict.code, verdict.text


@given(valid_documents())
def test_valid_documents_of_every_kind_and_version_are_accepted(made: tuple[bytes, int, str]) -> None:
    assert judged(put_right(*made)) == ("accepted", 0, "принят / accepted")


def leaves(value: Any, path: str) -> list[tuple[str, Any, Any]]:
    """Path, holder and key of every value that is no structure."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in pairs:
        here = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}"
        found += leaves(one, here) if isinstance(one, dict | list) else [(here, value, key)]
    return found


@given(valid_documents(), st.data())
def test_a_changed_value_is_refused_and_its_field_named(made: tuple[bytes, int, str], data: st.DataObject) -> None:
    envelope = copied(put_right(*made))
    path, holder, key = data.draw(st.sampled_from(leaves(envelope["document"][envelope["kind"]], envelope["kind"])))
    holder[key] = holder[key] + "~" if isinstance(holder[key], str) else holder[key] + 1
    status, code, text = judged(envelope)
    assert (status, code in (420, 9002, 9003)) == ("refused", True)
    assert path in text


@given(valid_documents(), st.data())
def test_a_missing_field_is_named(made: tuple[bytes, int, str], data: st.DataObject) -> None:
    envelope = copied(put_right(*made))
    body = envelope["document"][envelope["kind"]]
    name = data.draw(st.sampled_from(sorted(body)))
    del body[name]
    status, code, text = judged(envelope)
    assert (status, code in (420, 9002)) == ("refused", True)
    assert f"{envelope['kind']}.{name}" in text


@given(valid_documents())
def test_an_added_field_is_named(made: tuple[bytes, int, str]) -> None:
    envelope = copied(put_right(*made))
    envelope["document"][envelope["kind"]]["secondThoughts"] = {"deep": [[]]}
    status, code, text = judged(envelope)
    assert (status, code) == ("refused", 9002)
    assert text.endswith(f": {envelope['kind']}.secondThoughts")


@given(valid_documents(), st.integers(0, 63))
def test_every_bit_of_the_message_sign_counts(made: tuple[bytes, int, str], bit: int) -> None:
    envelope = put_right(*made)
    body = envelope["document"][envelope["kind"]]
    raw = bytearray(base64.b64decode(body["rawData"]))
    raw[-1 - bit // 8] ^= 1 << bit % 8
    body["rawData"] = base64.b64encode(raw).decode()
    assert judged(envelope)[1] == 9002
    assert judged(envelope)[2].endswith(f"{envelope['kind']}.messageFiscalSign")


@given(st.binary(max_size=40))
def test_raw_data_that_is_no_document_is_refused(raw: bytes) -> None:
    envelope = copied(lives()[0][2])
    body = envelope["document"]["receipt"]
    body["rawData"] = base64.b64encode(raw + SIGN).decode()
    body["messageFiscalSign"] = int.from_bytes(SIGN, "big")
    assert judged(envelope)[:2] == ("refused", 9002)


@pytest.mark.parametrize(
    ("text", "detail"),
    [("***", "no base64"), ("", "0 bytes, at least 12"), ("AAAA", "3 bytes, at least 12"), ("я", "no base64")],
)
def test_raw_data_that_carries_nothing_is_refused(text: str, detail: str) -> None:
    envelope = copied(lives()[0][2])
    envelope["document"]["receipt"]["rawData"] = text
    status, code, told = judged(envelope)
    assert (status, code) == ("refused", 9002)
    assert "receipt.rawData" in told
    assert detail in told


@pytest.mark.parametrize("ffd", Ffd)
def test_whole_lives_of_virtual_registers_are_accepted(ffd: Ffd) -> None:
    told = [(one["kind"], judged(one)) for life in lives(ffd, registers=3) for one in life]
    assert len(told) > 50
    assert [one for one in told if one[1][0] != "accepted"] == []


def receipt_with(ffd: str = "1.05", **changed: int) -> dict[str, Any]:
    body = dict(lives(Ffd(ffd))[0][2]["document"]["receipt"])
    body.pop("rawData")
    body.pop("messageFiscalSign")
    plain = from_fns_json({"receipt": {**body, **changed}}, ffd=ffd)
    return enveloped(plain, SIGN, ffd=ffd, fn=body["fiscalDriveNumber"], fd=body["fiscalDocumentNumber"])


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (datetime(2016, 8, 31, 23, 59, 59), 502),
        (datetime(2016, 9, 1), 0),
        (LATER.replace(tzinfo=None) + timedelta(days=1), 0),
        (LATER.replace(tzinfo=None) + timedelta(days=1, seconds=1), 503),
    ],
)
def test_the_date_is_between_the_first_day_and_tomorrow(moment: datetime, code: int) -> None:
    envelope = receipt_with(dateTime=int(moment.replace(tzinfo=UTC).timestamp()))
    status, found, text = judged(envelope)
    assert (status, found) == ("refused" if code else "accepted", code)
    assert (f"receipt.dateTime: {moment.isoformat()}" in text) == bool(code)


@pytest.mark.parametrize(
    ("ffd", "more_kopecks", "code"),
    [("1.05", 1, 507), ("1.1", 1, 507), ("1.2", 1, 507), ("1.0", 99, 0), ("1.0", 100, 507), ("1.2", 0, 0)],
)
def test_payments_add_up_to_the_total(ffd: str, more_kopecks: int, code: int) -> None:
    envelope = receipt_with() if ffd == "1.0" else receipt_with(ffd)
    if ffd == "1.0":
        body = dict(envelope["document"]["receipt"])
        del body["fiscalDocumentFormatVer"], body["rawData"], body["messageFiscalSign"]
        plain = from_fns_json({"receipt": body}, ffd="1.0")
        envelope = enveloped(plain, SIGN, ffd="1.0", fn=envelope["fn"], fd=envelope["fd"])
    body = dict(envelope["document"]["receipt"])
    del body["rawData"], body["messageFiscalSign"]
    body["cashTotalSum"] += more_kopecks
    plain = from_fns_json({"receipt": body}, ffd=ffd)
    status, found, text = judged(enveloped(plain, SIGN, ffd=ffd, fn=envelope["fn"], fd=envelope["fd"]))
    assert (status, found) == ("refused" if code else "accepted", code)
    assert ("receipt.totalSum" in text) == bool(code)


@pytest.mark.parametrize(
    ("changed", "code", "named"),
    [
        ({"fd": 999}, 9003, "receipt.fiscalDocumentNumber"),
        ({"fn": "9999999999999999"}, 9003, "receipt.fiscalDriveNumber"),
        ({"ffd": "1.1"}, 9003, "ffd: 1.2 in receipt.rawData"),
        ({"kind": "bso"}, 420, "bso: отсутствует"),
        ({"kind": "letter"}, 9004, "letter, ФФД 1.2"),
        ({"kind": "83", "ffd": "1.05"}, 9004, "83, ФФД 1.05"),
        ({"document": {}}, 420, "receipt: отсутствует"),
        ({"document": {"receipt": 5}}, 420, "receipt: другой тип"),
        ({"document": {"receipt": {}, "bso": {}}}, 420, ""),
    ],
)
def test_the_envelope_names_the_document(changed: dict[str, Any], code: int, named: str) -> None:
    status, found, text = judged(copied(lives()[0][2]) | changed)
    assert (status, found) == ("refused", code)
    assert named in text


def test_an_envelope_of_another_version_is_told_where_the_schema_allows_it() -> None:
    envelope = receipt_with("1.05")
    status, code, text = judged(envelope | {"ffd": "1.0"})
    assert (status, code) == ("refused", 9003)
    assert "ffd: 1.05 in receipt.rawData" in text


def test_values_of_a_buyer_are_in_no_text() -> None:
    envelope = copied(lives()[0][2])
    envelope["document"]["receipt"]["buyerPhoneOrAddress"] = "secret@example.org"
    assert "secret" not in judged(envelope)[2]
    envelope["document"]["receipt"]["buyerPhoneOrAddress"] = "secret" * 30
    assert "secret" not in judged(envelope)[2]


def test_names_of_any_length_make_no_long_text() -> None:
    envelope = copied(lives()[0][2])
    envelope["document"]["receipt"]["x" * 100_000] = 1
    assert len(judged(envelope)[2]) < 600


def test_numbers_that_look_alike_are_told_apart() -> None:
    """JSON knows true and text; neither passes for the number 1."""
    for value in (True, "1", 1.5, [1], None):
        envelope = copied(lives()[0][2])
        envelope["document"]["receipt"]["operationType"] = value
        assert judged(envelope)[:2] == ("refused", 420), value


def test_every_kind_with_a_schema_can_be_examined() -> None:
    from ofd_gateway.ffd.dictionary import document_kind
    from ofd_gateway.fns_emulator.schemas import schema_fault

    for code, ffd in documents_with_schema():
        kind = document_kind(code)
        assert schema_fault({kind: {"code": code + 1}}, kind=kind, ffd=ffd) is not None


def test_a_batch_survives_its_own_records() -> None:
    batch = read_batch(wire(lives()[0]))
    assert msgspec.convert(parse_json(to_json_bytes(msgspec.to_builtins(batch))), Batch) == batch
