"""`diff` as a user sees it: where both sides may come from, what is printed, exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.captures.answers import confirmation, encrypted
from tests.captures.packing import Talk, pcap
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body, message

from .filled import RECEIPT, fill
from .running import Commands

SEVEN, EIGHT = message(container(DEBUG_FN, 7)), message(container(DEBUG_FN, 8))


@pytest.fixture
def recording(tmp_path: Path) -> str:
    file = tmp_path / "recorded.pcap"
    file.write_bytes(pcap(Talk().open().put(True, SEVEN).put(False, confirmation()).put(True, EIGHT).close().frames))
    return str(file)


def test_equal_documents_say_nothing(shell, tmp_path: Path) -> None:
    file = tmp_path / "seven.bin"
    file.write_bytes(SEVEN)
    done = shell("diff", str(file), container(DEBUG_FN, 7).hex())
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_table_of_differences(shell, recording: str) -> None:
    done = shell("diff", f"{recording}#1", f"{recording}#3")
    assert done.code == 1
    assert "номер ФД / fiscal document number" in done.out
    assert "07000000" in done.out
    assert "1077" in done.out


def test_json(shell, recording: str) -> None:
    done = shell("diff", f"{recording}#1", EIGHT.hex(), "--ignore", "1077", "--json")
    assert done.code == 1
    assert [json.loads(line) for line in done.lines] == [
        {
            "path": "fiscalDocumentNumber",
            "tag": 1040,
            "name": "номер ФД / fiscal document number",
            "change": "changed",
            "first": {"hex": "07000000", "meaning": "7"},
            "second": {"hex": "08000000", "meaning": "8"},
        }
    ]


def test_ignored_tags_make_documents_equal(shell) -> None:
    assert shell("diff", SEVEN.hex(), EIGHT.hex(), "--ignore", "1040, 1077").code == 0


def test_frames(shell) -> None:
    bare = document_body(DEBUG_FN, 7).hex()
    assert shell("diff", SEVEN.hex(), bare).code == 0
    done = shell("diff", SEVEN.hex(), bare, "--frames")
    assert done.code == 1
    assert "container.nonce" in done.out
    assert "нет / absent" in done.out


def test_confirmations_and_standard_input(shell) -> None:
    done = shell("diff", "-", confirmation(code=14).hex(), stdin=confirmation())
    assert done.code == 1
    assert "1022" in done.out


def test_the_order_of_fields_is_mentioned(shell) -> None:
    from tests.messages import tlv

    one, two = tlv(1020, b"\x01"), tlv(1021, b"x")
    done = shell("diff", tlv(3, one + two).hex(), tlv(3, two + one).hex())
    assert (done.code, done.out) == (0, "")
    assert "порядок реквизитов различается / the fields stand in another order" in done.err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("zz", "neither hex"),
        ("/nonexistent/file", "neither hex"),
        (encrypted().hex(), "encrypted rather than corrupt"),
        ("{file}", "сообщений / messages: 3"),
        ("{file}#9", "сообщений / messages: 3"),
        ("{file}#0", "сообщений / messages: 3"),
        ("{empty}", "сообщений / messages: 0"),
        ("{hidden}", "encrypted rather than corrupt"),
        ("{folder}", "Is a directory"),
    ],
)
def test_what_cannot_be_read(shell, tmp_path: Path, recording: str, text: str, reason: str) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "hidden").write_bytes(encrypted())
    named = text.format(file=recording, empty=tmp_path / "empty", hidden=tmp_path / "hidden", folder=tmp_path)
    done = shell("diff", named, SEVEN.hex())
    assert (done.code, done.out) == (2, "")
    assert reason in done.err


def test_tags_are_numbers(shell) -> None:
    assert shell("diff", SEVEN.hex(), SEVEN.hex(), "--ignore", "totalSum").code == 2


async def test_stored_documents_are_named_by_fn_and_fd(shell, dsn: str) -> None:
    await fill(dsn)
    commands = Commands(shell, dsn)
    done = await commands("diff", f"{PLAIN_FN}/5", RECEIPT.hex())
    assert (done.code, done.out) == (0, "")
    done = await commands("diff", f"{PLAIN_FN}/5", f"{PLAIN_FN}/6", "--json")
    assert done.code == 1
    assert json.loads(done.lines[0])["first"]["meaning"] == "receipt, ФФД 1.05"
    done = await commands("diff", f"{PLAIN_FN}/99", RECEIPT.hex())
    assert (done.code, done.out) == (2, "")
    assert "нет документа" in done.err
