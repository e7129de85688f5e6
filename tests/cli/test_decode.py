"""What `decode` prints, for every shape of input and every fault of it."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.cli.decoding import run_plainly
from ofd_gateway.cli.reading import UnreadableInput, read_bytes, read_input, read_line
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.protocol import Connection, CrcMode, Role, confirmation_body
from tests.messages import DEBUG_FN, container, document_body, message, tlv

from .running import child

BODY = document_body(DEBUG_FN, 7)
CONTAINER = container(DEBUG_FN, 7)
MESSAGE = message(CONTAINER)
SERVICE = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN)
CRYPTO = EmulatorCrypto(b"key")


def confirmation() -> bytes:
    signs = CRYPTO.sign(fn=DEBUG_FN, fd=7, message_sign=b"\x81\x06abcdef", response_code=14, operator_message=2)
    body = confirmation_body(
        operator_inn="7704211201",
        operator_sign=signs.operator_sign,
        fn=DEBUG_FN,
        fd=7,
        confirmed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        response_code=14,
        operator_message=2,
    )
    return CRYPTO.wrap(body=body, fn=DEBUG_FN, fd=7, signs=signs)


def test_a_message_is_printed_as_one_document_of_the_tax_service() -> None:
    done = child("decode", "--json", stdin=MESSAGE.hex().encode())
    assert (done.code, done.err, len(done.lines)) == (0, "", 1)
    receipt = json.loads(done.out)["receipt"]
    assert (receipt["fiscalDriveNumber"], receipt["fiscalDocumentNumber"], receipt["totalSum"]) == (DEBUG_FN, 7, 12345)
    assert receipt["messageFiscalSign"] == int.from_bytes(CONTAINER[-10:-2], "big")


@pytest.mark.parametrize("raw", [MESSAGE, CONTAINER, BODY + CONTAINER[-10:-2], BODY + CONTAINER[-10:]])
def test_a_message_a_container_and_a_document_with_its_sign_are_the_same(raw: bytes, shell) -> None:
    whole = json.loads(shell("decode", "--json", "-", stdin=raw).out)
    assert whole == json.loads(shell("decode", "--json", stdin=MESSAGE).out)


def test_a_bare_document_has_no_sign(shell) -> None:
    receipt = json.loads(shell("decode", "--json", stdin=BODY).out)["receipt"]
    assert "rawData" not in receipt
    assert "messageFiscalSign" not in receipt


def test_a_file_is_read(shell, tmp_path: Path) -> None:
    file = tmp_path / "message.bin"
    file.write_bytes(MESSAGE)
    assert shell("decode", str(file), "--json").out == shell("decode", "--json", stdin=MESSAGE).out
    assert shell("decode", "--lines", str(file.with_name("lines.hex"))).code == 1
    file.write_text(f"{MESSAGE.hex()}\n")
    assert shell("decode", "--lines", str(file)).out == shell("decode", "--json", stdin=MESSAGE).out


def test_a_file_that_is_not_there(shell) -> None:
    done = shell("decode", "/nonexistent/message.bin")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ofd-gateway: /nonexistent/message.bin: No such file or directory\n"


def test_several_messages_give_a_line_each(shell) -> None:
    done = shell("decode", "--json", stdin=MESSAGE + SERVICE + message(container(DEBUG_FN, 8)))
    shown = [json.loads(line) for line in done.lines]
    assert [next(iter(one)) for one in shown] == ["receipt", "service", "receipt"]
    assert shown[2]["receipt"]["fiscalDocumentNumber"] == 8
    assert len(shell("decode", "--json", stdin=CONTAINER + CONTAINER).lines) == 2


def test_a_confirmation(shell) -> None:
    for raw in (
        confirmation(),
        Connection(Role.REGISTER).send_message(confirmation(), version=b"\x01\x20", fn=DEBUG_FN),
    ):
        shown = json.loads(shell("decode", "--json", stdin=raw).out)
        assert list(shown) == ["operatorAck"]
        assert shown["operatorAck"]["fiscalDocumentNumber"] == 7
        assert "messageFiscalSign" not in shown["operatorAck"]
    tree = shell("decode", stdin=confirmation()).out
    assert "ОФД → ФН / from the operator" in tree
    assert "2026-01-02 03:04:05 UTC" in tree
    assert "ФПП / confirmation sign" in tree


def test_a_service_message(shell) -> None:
    done = shell("decode", "--json", stdin=SERVICE)
    assert json.loads(done.out) == {
        "service": {"fn": DEBUG_FN, "version": "0105", "flags": 16, "crc": 0, "answerExpected": True}
    }
    assert "0: служебный режим / service message" in shell("decode", stdin=SERVICE).out


class TestLines:
    def test_one_line_out_for_each_line_in(self) -> None:
        lines = [
            MESSAGE.hex(),
            "zz",
            "",
            CONTAINER.hex(" "),
            BODY.hex() + "00",
            SERVICE.hex().upper(),
            MESSAGE.hex() * 2,
        ]
        done = child("decode", "--lines", stdin="\n".join(lines).encode())
        shown = [json.loads(line) for line in done.lines]
        assert done.code == 1
        assert [next(iter(one)) for one in shown] == [
            "receipt",
            "error",
            "error",
            "receipt",
            "error",
            "service",
            "error",
        ]
        assert [one["error"]["reason"] for one in shown if "error" in one] == [
            "no_hex",
            "empty",
            "trailing_bytes",
            "extra_data",
        ]
        assert shown[4]["error"]["offset"] == len(BODY)
        assert shown[6]["error"]["offset"] == len(MESSAGE)

    def test_good_lines_exit_with_0(self, shell) -> None:
        done = shell("decode", "--lines", "--json", stdin=f"{MESSAGE.hex()}\r\n{CONTAINER.hex()}\r\n".encode())
        assert (done.code, len(done.lines), done.err) == (0, 2, "")

    def test_nothing_in_nothing_out(self, shell) -> None:
        done = shell("decode", "--lines")
        assert (done.code, done.out) == (0, "")

    @given(st.lists(st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"])), max_size=5))
    def test_any_line_gives_an_answer(self, lines: list[str]) -> None:
        for line in lines:
            refused = None
            try:
                read_line(line.encode())
            except UnreadableInput as error:
                refused = error.reason
            assert refused != ""


def broken(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


ENCRYPTED = container(DEBUG_FN, 7, body=bytes(range(200, 240)))
CUT_TLV = tlv(3, tlv(1041, DEBUG_FN.encode()) + struct.pack("<HH", 1021, 50) + b"short")
OVERRUN = container(DEBUG_FN, 7, body=CUT_TLV)


@pytest.mark.parametrize(
    ("raw", "reason", "offset"),
    [
        (b"", "empty", 0),
        (b" \n", "empty", 0),
        (MESSAGE[:20], "truncated", 20),
        (MESSAGE[:-1], "truncated", len(MESSAGE) - 1),
        (b"\xdd\x80\xca\xa1" + MESSAGE[4:], "marking_protocol", 0),
        (broken(MESSAGE, 5), "session_version", 4),
        (broken(message(CONTAINER, crc_mode=CrcMode.FULL), -1 + 30 + len(CONTAINER)), "session_crc", 28),
        (broken(message(CONTAINER, crc_mode=CrcMode.HEADER), 28), "session_crc", 28),
        (broken(MESSAGE, 55), "container_crc", 32),
        (broken(CONTAINER, 25), "container_crc", 2),
        (CONTAINER[:32], "container_length", 0),
        (ENCRYPTED, "encrypted_or_corrupt", 32),
        (message(ENCRYPTED), "encrypted_or_corrupt", 62),
        (CUT_TLV, "tlv_overrun", 24),
        (OVERRUN, "tlv_overrun", 32 + 24),
        (message(OVERRUN), "tlv_overrun", 62 + 24),
        (MESSAGE + message(OVERRUN), "tlv_overrun", len(MESSAGE) + 62 + 24),
        (MESSAGE + b"\x00", "tlv_truncated", len(MESSAGE)),
    ],
)
def test_a_fault_is_named_with_its_place(raw: bytes, reason: str, offset: int, shell) -> None:
    done = shell("decode", "--json", stdin=raw)
    assert done.code == 1
    error = json.loads(done.lines[-1])["error"]
    assert (error["reason"], error["offset"]) == (reason, offset)
    assert done.err.startswith(f"{reason}: ")
    shown = shell("decode", stdin=raw)
    assert shown.code == 1
    assert f"{reason}: " in (shown.out if raw.strip() else shown.err)


def test_what_can_be_read_stands_before_the_fault(shell) -> None:
    out = shell("decode", stdin=message(OVERRUN)).out
    assert "сеансовый заголовок / session header" in out
    assert "номер ФД / FD number  000007  7" in out
    assert "тело не читается / unreadable body" in out
    assert "00000050  " in out  # the line of byte 86
    out = shell("decode", stdin=MESSAGE + message(ENCRYPTED)).out
    assert f"{len(MESSAGE):5d}  сигнатура / signature" in out


@pytest.mark.parametrize("raw", [MESSAGE, CONTAINER, BODY], ids=["message", "container", "document"])
def test_bytes_cut_anywhere_are_named(raw: bytes) -> None:
    for size in range(len(raw)):
        with pytest.raises(UnreadableInput):
            list(read_input(raw[:size]))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    raw, end = data, 0
    try:
        raw = read_bytes(data)
        for base, reading in read_input(raw):
            assert base == end
            end = base + reading.size
    except UnreadableInput as error:
        refused_at = error.offset
        assert end <= refused_at <= max(len(raw), len(data))
    else:
        assert end == len(raw)


class TestTree:
    def test_every_byte_of_a_message_has_its_line(self, shell) -> None:
        out = shell("decode", stdin=message(CONTAINER, version=b"\x01\x20")).out
        for line in (
            "    0  сигнатура / signature  2a08410a",
            f'    8  номер ФН / FN number  {DEBUG_FN.encode().hex()}  "{DEBUG_FN}"',
            "   26  флаги / flags  1400  ждёт ответа / expects an answer, CRC: none",
            "   34  тип / type  a5  ФН → ОФД / from the FN",
            f"   60  длина тела / length of the body  {len(BODY):04x}  {len(BODY)}",
            "   66  1209 номер версии ФФД / ffd version  02  2: 1.05 / 1.05",
            "123.45",
            f"{30 + len(CONTAINER) - 10:5d}  ФПС / message sign  {CONTAINER[-10:].hex()}",
        ):
            assert line in out
        assert max(map(len, out.splitlines())) > 80  # not folded for a program

    def test_a_narrow_terminal_folds(self, shell, monkeypatch) -> None:
        monkeypatch.setenv("COLUMNS", "70")
        assert max(map(len, shell("decode", stdin=MESSAGE).lines)) <= 70

    def test_violations_stand_where_the_field_is_or_should_be(self, shell) -> None:
        body = document_body(DEBUG_FN, 7, t1055=b"\x03", t1059=tlv(1030, b"tea") + tlv(1079, b"\x01"))
        lines = shell("decode", stdin=body).lines
        at = {
            name: number
            for number, line in enumerate(lines)
            for name in ("1055 ", "1059 ", "1030 ", "1079 ")
            if f"  {name}" in line
        }
        taxation = next(number for number, line in enumerate(lines) if "receipt.appliedTaxationType" in line)
        assert taxation == at["1055 "] + 1
        missing = [number for number, line in enumerate(lines) if "R-P1" in line and "receipt.items[0]." in line]
        assert missing
        assert all(number > at["1079 "] for number in missing)
        assert any("R-P1 ошибка / error: receipt.operationType" in line for line in lines)
        assert any("Обязательный реквизит есть." in line for line in lines)

    def test_a_bare_document_with_its_sign(self, shell) -> None:
        out = shell("decode", stdin=BODY + CONTAINER[-10:-2]).out
        assert f"{len(BODY):5d}  ФПС / message sign  {CONTAINER[-10:-2].hex()}" in out

    def test_text_of_a_register_cannot_steer_the_terminal(self, shell) -> None:
        body = document_body(DEBUG_FN, 7, t1021=b"\x1b[31mred[/red][bold]")
        out = shell("decode", stdin=body).out
        assert "\x1b" not in out
        assert "\\x1b[31mred[/red][bold]" in out

    def test_an_unknown_tag_keeps_its_bytes(self, shell) -> None:
        assert (
            "9999 неизвестный реквизит / unknown tag  cafe"
            in shell("decode", stdin=document_body(DEBUG_FN, 7, t9999=b"\xca\xfe")).out
        )

    def test_long_values_are_cut(self, shell) -> None:
        assert "… (200)" in shell("decode", stdin=document_body(DEBUG_FN, 7, t9999=bytes(200))).out


class TestSettings:
    def test_names_of_2017(self, shell, monkeypatch, tmp_path: Path) -> None:
        config = tmp_path / "ofd.toml"
        config.write_text('[ffd]\nnames = "2017"\n')
        by_file = shell("decode", "--json", "--config", str(config), stdin=MESSAGE)
        monkeypatch.setenv("OFD_GATEWAY_FFD__NAMES", "2017")
        by_environment = shell("decode", "--json", stdin=MESSAGE)
        assert by_file.out == by_environment.out
        assert "receiptCode" in by_file.out
        assert shell("decode", "--lines", stdin=MESSAGE.hex().encode()).out == by_file.out

    def test_rules_that_are_off_are_silent(self, shell, monkeypatch) -> None:
        assert "R-P1" in shell("decode", stdin=BODY).out
        monkeypatch.setenv("OFD_GATEWAY_FFD__SEVERITIES", "R-P1=off")
        assert "R-P1" not in shell("decode", stdin=BODY).out

    def test_a_wrong_setting_is_told(self, shell, monkeypatch) -> None:
        monkeypatch.setenv("OFD_GATEWAY_FFD__NAMES", "1917")
        done = shell("decode", "--json", stdin=MESSAGE)
        assert (done.code, done.out) == (2, "")
        assert "ffd.names" in done.err


@pytest.mark.parametrize("words", [["--help"], ["a", "b"], ["--json", "--config", "x"], [""], ["-x"]])
def test_unusual_command_lines_are_left_to_the_option_parser(words: list[str]) -> None:
    assert run_plainly(words) is None


def test_the_option_parser_comes_to_the_same(shell, tmp_path: Path) -> None:
    words = ("--database", "embedded", "--state-dir", str(tmp_path))
    assert shell("decode", *words, "--json", stdin=MESSAGE) == shell("decode", "--json", stdin=MESSAGE)
    assert shell("decode", *words, "--lines", stdin=b"zz") == shell("decode", "--lines", stdin=b"zz")
    assert shell("decode", "a", "b").code == 2


def test_captures_decode(reference: Path, shell) -> None:
    for file in sorted((reference / "vectors").glob("*.hex")):
        done = shell("decode", "--json", str(file))
        assert (done.code, len(done.lines)) == (0, 1), file.name
        assert shell("decode", str(file)).code == 0, file.name


def test_what_a_register_sent_in_a_dump(shell) -> None:
    assert json.loads(shell("decode", "--json", stdin=b"\xef\xbb\xbf" + MESSAGE.hex().encode()).out)["receipt"]


def test_a_long_file_is_read_to_its_end() -> None:
    """Twenty megabytes of messages; the time-out of the test is what a quadratic reader would miss."""
    raw = MESSAGE * (20_000_000 // len(MESSAGE))
    last = 0
    for base, reading in read_input(raw):
        last = base + reading.size
    assert last == len(raw)


def test_what_follows_a_document_by_far_is_still_refused() -> None:
    with pytest.raises(UnreadableInput) as caught:
        list(read_input(BODY + bytes(200_000)))
    assert (caught.value.reason, caught.value.offset) == ("trailing_bytes", len(BODY))


@pytest.mark.parametrize("text", [b"zz", b"2a 08 4", b"<html>"])
def test_text_that_is_no_hex_is_refused_at_once(text: bytes, shell) -> None:
    done = shell("decode", stdin=text)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
