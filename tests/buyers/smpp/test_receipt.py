"""Delivery receipts as centres write them, and what statuses mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.buyers.smpp.pdu import Message, Tag
from ofd_gateway.buyers.smpp.receipt import DeliveryReceipt, id_spellings, is_receipt, parse_receipt
from ofd_gateway.buyers.smpp.status import Meaning, meaning_of, status_text

TEXT = "id:{id} sub:001 dlvrd:001 submit date:2611241200 done date:2611241201 stat:{stat} err:{err} text:Romashka"


def deliver(text: str = "", esm_class: int = 4, **options: bytes) -> Message:
    tags = {Tag[name.upper()]: value for name, value in options.items()}
    return Message(source="79991234567", destination="OFD", text=text.encode(), esm_class=esm_class, options=tags)


@pytest.mark.parametrize(
    ("stat", "outcome"),
    [
        ("DELIVRD", "delivered"),
        ("EXPIRED", "undelivered"),
        ("DELETED", "undelivered"),
        ("UNDELIV", "undelivered"),
        ("REJECTD", "undelivered"),
        ("ENROUTE", None),
        ("ACCEPTD", None),
        ("UNKNOWN", None),
        ("NEWWORD", None),
    ],
)
def test_states_as_text(stat: str, outcome: str | None) -> None:
    found = parse_receipt(deliver(TEXT.format(id="abc-1", stat=stat, err="027")))
    assert found == DeliveryReceipt(message_id="abc-1", outcome=outcome, state=stat, error="027")


@pytest.mark.parametrize(
    ("state", "outcome"), [(1, None), (2, "delivered"), (3, "undelivered"), (5, "undelivered"), (8, "undelivered")]
)
def test_optional_fields_come_first(state: int, outcome: str | None) -> None:
    message = deliver(
        TEXT.format(id="other", stat="ENROUTE", err="000"),
        receipted_message_id=b"abc\0",
        message_state=bytes([state]),
    )
    found = parse_receipt(message)
    assert found is not None
    assert (found.message_id, found.outcome) == ("abc", outcome)


def test_a_message_of_a_person_is_no_receipt() -> None:
    assert not is_receipt(deliver("STOP", esm_class=0))
    assert not is_receipt(deliver("id:1 stat:DELIVRD", esm_class=0x40))
    assert is_receipt(deliver("id:1 stat:DELIVRD", esm_class=0x44))
    assert is_receipt(deliver(esm_class=0, receipted_message_id=b"1\0"))


def test_a_receipt_about_nothing() -> None:
    assert parse_receipt(deliver("stat:DELIVRD")) is None


@given(st.binary(max_size=200), st.binary(max_size=70), st.binary(max_size=2))
def test_garbage_is_no_error(text: bytes, message_id: bytes, state: bytes) -> None:
    options = {Tag.RECEIPTED_MESSAGE_ID: message_id, Tag.MESSAGE_STATE: state}
    found = parse_receipt(Message(source="", destination="", text=text, esm_class=4, options=options))
    assert found is None or found.message_id


def test_spellings_of_an_id() -> None:
    assert id_spellings("255") == ["255", "ff", "FF", "000000ff", "000000FF"]
    assert id_spellings("00ff") == ["00ff", "255", "00FF"]
    assert id_spellings("a-b") == ["a-b"]


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0x00, Meaning.ACCEPTED),
        (0x14, Meaning.SLOWER),
        (0x58, Meaning.SLOWER),
        (0x08, Meaning.LATER),
        (0x45, Meaning.LATER),
        (0x64, Meaning.LATER),
        (0x0A, Meaning.OURS),
        (0x0B, Meaning.NEVER),
        (0x66, Meaning.NEVER),
        (0x400, Meaning.LATER),
    ],
)
def test_meanings(status: int, meaning: Meaning) -> None:
    assert meaning_of(status) is meaning


def test_names() -> None:
    assert status_text(0x58) == "ESME_RTHROTTLED (0x58)"
    assert status_text(0x4FF) == "0x4ff"
