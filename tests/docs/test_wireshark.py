"""The Wireshark dissector is what the tables say, and shows what the proxy has recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pages import DOCS, ROOT
from tests.captures.answers import confirmation, encrypted
from tests.messages import DEBUG_FN, container, document_body, message, tlv

from ofd_gateway.captures.piece import Address, Sender
from ofd_gateway.ffd.dictionary import document_codes, specs
from ofd_gateway.protocol import Connection, CrcMode, Role
from ofd_gateway.proxy.outputs import PcapngFile, create_file
from ofd_gateway.proxy.recorder import Recorder
from ofd_gateway.proxy.tap import Ended, Opened, Sent

SCRIPT = DOCS / "wireshark" / "ofd.lua"
AT = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
ITEM = tlv(1030, 'Чай "Ночь"'.encode("cp866")) + tlv(1023, b"\x03\x6c\x03")


def test_the_dissector_is_what_the_tables_say():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import generate_wireshark
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    text = SCRIPT.read_text(encoding="utf-8")
    assert text == generate_wireshark.script(), "run `make docs`"
    tags = {spec.tag for spec in specs()} - set(document_codes())
    assert [tag for tag in tags if f"\n    [{tag}] = {{ {{ " not in text] == []


def dissected(tmp_path: Path, sent: list[tuple[Sender, bytes]], *options: str) -> str:
    """What tshark prints for bytes that the proxy's recorder has written."""
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not on this machine")
    file = tmp_path / "recorded.pcapng"
    recorder = Recorder([PcapngFile(create_file(file), str(file))])
    recorder.take(Opened(1, AT, Address("10.0.0.5", 51000), Address("192.0.2.7", 4321)))
    for sender, data in sent:
        recorder.take(Sent(1, AT, sender, data))
    recorder.take(Ended(1, AT, Sender.REGISTER))
    recorder.close()
    done = subprocess.run(
        [tshark, "-X", f"lua_script:{SCRIPT}", "-r", str(file), *options],
        capture_output=True,
        env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        timeout=60,
        check=True,
    )
    assert b"Lua" not in done.stderr, done.stderr.decode()
    assert b"Lua Error" not in done.stdout, done.stdout.decode()
    return done.stdout.decode()


def tree(tmp_path: Path, *raws: bytes) -> str:
    return dissected(tmp_path, [(Sender.REGISTER, raw) for raw in raws], "-V", "-O", "ofd")


RECEIPT = message(
    container(DEBUG_FN, 7, body=document_body(DEBUG_FN, 7, t1059=ITEM, t1054=b"\x01", t1055=b"\x21", t59999=b"\x01")),
    crc_mode=CrcMode.FULL,
)


@pytest.fixture(scope="module")
def receipt_tree(tmp_path_factory):
    return tree(tmp_path_factory.mktemp("receipt"), RECEIPT)


@pytest.mark.parametrize(
    "shown",
    [
        f"Номер ФН / FN number: {DEBUG_FN}",
        "Версия P-протокола / P-protocol version: ФФД 1.05 (0x0105)",
        "3 кассовый чек / receipt",
        "Номер ФД / FD number: 7",
        "1020 сумма расчета, указанного в чеке (БСО) / total sum: 123.45",
        "1012 дата, время / date time: 2025-11-24 16:00:00",
        '1030 наименование предмета расчета / item name: "Чай "Ночь""',
        "1023 количество предмета расчета / quantity: 0.876",
        "1054 признак расчета / operation type: 1: приход / sale",
        "1077 ФПД / fiscal sign: 0000000007",
        "1040 номер ФД / fiscal document number: 7",
        "59999 неизвестный реквизит / unknown tag: 01",
        "верна / right",
    ],
)  # fmt: skip
def test_tags_of_a_receipt_are_shown(receipt_tree, shown):
    assert shown in receipt_tree


def test_both_checksums_of_a_right_message_are_right(receipt_tree):
    assert receipt_tree.count("верна / right") == 2
    assert "wrong CRC" not in receipt_tree


def test_a_message_in_many_segments_is_one_message(tmp_path):
    raws = [(RECEIPT * 2)[at : at + 50] for at in range(0, 2 * len(RECEIPT), 50)]
    text = tree(tmp_path, *raws)
    assert text.count("total sum: 123.45") == 2
    assert "no signature" not in text


def test_messages_in_one_segment_and_their_answers_have_a_line_each(tmp_path):
    other = message(container(DEBUG_FN, 8))
    sent = [(Sender.REGISTER, RECEIPT + other), (Sender.OPERATOR, confirmation(code=14))]
    sent += [(Sender.REGISTER, Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN))]
    lines = dissected(tmp_path, sent, "-Y", "ofd", "-T", "fields", "-e", "_ws.col.Info", "-e", "ofd.fd").splitlines()
    assert len(lines) == 3
    assert "ФД 7" in lines[0]
    assert lines[0].endswith("7,8")
    assert "operatorAck ФД 7 код / code 14" in lines[1]
    assert "служебное / service" in lines[2]


def test_fields_can_be_filtered_by_value(tmp_path):
    sent = [(Sender.REGISTER, RECEIPT)]
    assert dissected(tmp_path, sent, "-Y", f'ofd.t1020 == 12345 && ofd.fn == "{DEBUG_FN}" && ofd.t1030 contains "Чай"')
    assert not dissected(tmp_path, sent, "-Y", "ofd.t1020 > 12345")


def test_wrong_checksums_and_lengths_are_expert_information(tmp_path):
    crc = bytearray(RECEIPT)
    crc[-5] ^= 1
    text = tree(tmp_path, bytes(crc))
    assert text.count("wrong CRC") >= 2
    long = message(container(DEBUG_FN, 7, body=tlv(3, tlv(1020, b"\x01") + b"\x11\x04\xff\x00ab")))
    assert "a length beyond the end" in tree(tmp_path, long)
    length = message(container(DEBUG_FN, 7, body=tlv(3, tlv(1077, b"\x01"))))
    assert "a length does not fit" in tree(tmp_path, length)
    assert dissected(tmp_path, [(Sender.REGISTER, bytes(crc))], "-Y", "ofd.crc.bad")


def test_an_encrypted_body_is_named(tmp_path):
    text = tree(tmp_path, encrypted())
    assert "encrypted or corrupt body" in text
    assert "Номер ФД / FD number: 9" in text


def test_an_empty_value_of_each_kind_is_survived(tmp_path):
    fields = b"".join(tlv(tag, b"") for tag in (1020, 1012, 1030, 1023, 1054, 1059, 1077, 1162, 1055, 59999))
    text = tree(tmp_path, message(container(DEBUG_FN, 7, body=tlv(3, fields))))
    assert "1020 сумма расчета, указанного в чеке (БСО) / total sum: 0.00" in text
    assert '1030 наименование предмета расчета / item name: ""' in text
