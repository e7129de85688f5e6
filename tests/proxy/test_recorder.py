"""The recorder: events in, packets and messages out, whatever becomes of a disk or of a message."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ofd_gateway.captures.piece import Address, Sender, Sort
from ofd_gateway.captures.recording import read_recording
from ofd_gateway.captures.savefile import Frame, read_frames
from ofd_gateway.proxy import recorder as recorder_module
from ofd_gateway.proxy.outputs import JournalFile, PcapngFile, create_file
from ofd_gateway.proxy.recorder import Recorder
from ofd_gateway.proxy.tap import Closed, Ended, Missed, Opened, Reset, Sent
from tests.captures.answers import confirmation, encrypted
from tests.messages import DEBUG_FN, container, message

AT = datetime(2026, 11, 24, 15, 30, 1, tzinfo=UTC)
MESSAGE, ANSWER = message(container(DEBUG_FN, 7)), confirmation()
LINK_ENDS = (Address("10.0.0.5", 51000), Address("192.0.2.7", 7777))


def record(events, *outputs) -> Recorder:
    recorder = Recorder(outputs)
    for event in events:
        recorder.take(event)
        recorder.flush()
    recorder.close()
    return recorder


def pcapng(path: Path) -> PcapngFile:
    return PcapngFile(create_file(path), str(path))


def journal(path: Path) -> JournalFile:
    return JournalFile(create_file(path), str(path))


OPENED = Opened(1, AT, *LINK_ENDS)
EXCHANGE = [
    OPENED,
    Sent(1, AT, Sender.REGISTER, MESSAGE[:100]),
    Sent(1, AT, Sender.REGISTER, MESSAGE[100:] + encrypted()),
    Sent(1, AT, Sender.OPERATOR, ANSWER),
    Sent(1, AT, Sender.REGISTER, MESSAGE[:40]),
    Ended(1, AT, Sender.REGISTER),
    Ended(1, AT, Sender.OPERATOR),
    Closed(1, AT),
]


EXPECTED = [
    (Sender.REGISTER, Sort.MESSAGE, MESSAGE),
    (Sender.REGISTER, Sort.MESSAGE, encrypted()),
    (Sender.OPERATOR, Sort.MESSAGE, ANSWER),
    (Sender.REGISTER, Sort.PARTIAL, MESSAGE[:40]),
]


def test_both_files_say_the_same(tmp_path: Path) -> None:
    record(EXCHANGE, pcapng(tmp_path / "a.pcapng"), journal(tmp_path / "a.jsonl"))
    for file in (tmp_path / "a.pcapng", tmp_path / "a.jsonl"):
        capture = read_recording(file.read_bytes())
        assert capture.notes == ()
        assert [(piece.sender, piece.sort, piece.raw) for piece in capture.pieces] == EXPECTED
        assert {piece.at for piece in capture.pieces} == {AT}
        assert {(piece.source, piece.destination) for piece in capture.pieces if piece.sender is Sender.REGISTER} == {
            ("10.0.0.5:51000", "192.0.2.7:7777")
        }
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_reset_gives_what_both_sides_had_begun(tmp_path: Path) -> None:
    events = [
        OPENED,
        Sent(1, AT, Sender.REGISTER, MESSAGE + MESSAGE[:40]),
        Sent(1, AT, Sender.OPERATOR, ANSWER[:50]),
        Reset(1, AT, Sender.OPERATOR),
    ]
    record(events, journal(tmp_path / "a.jsonl"))
    read = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["direction"], line["sort"]) for line in read] == [
        ("register", "message"),
        ("register", "partial"),
        ("operator", "partial"),
    ]


def test_what_was_left_out_is_a_gap(tmp_path: Path) -> None:
    events = [OPENED, Sent(1, AT, Sender.REGISTER, MESSAGE), Missed(1, AT, Sender.REGISTER, 99)]
    events += [Sent(1, AT, Sender.REGISTER, MESSAGE), Ended(1, AT, Sender.REGISTER)]
    record(events, pcapng(tmp_path / "a.pcapng"), journal(tmp_path / "a.jsonl"))
    for file in (tmp_path / "a.pcapng", tmp_path / "a.jsonl"):
        pieces = read_recording(file.read_bytes()).pieces
        assert [(piece.sort, piece.missing_bytes) for piece in pieces] == [
            (Sort.MESSAGE, 0),
            (Sort.GAP, 99),
            (Sort.MESSAGE, 0),
        ]


def test_a_connection_that_nobody_knows_is_passed_over(tmp_path: Path) -> None:
    record([*EXCHANGE, *EXCHANGE[1:]], journal(tmp_path / "a.jsonl"))
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == len(EXPECTED)


def test_a_full_disk_ends_one_output_and_no_other(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")
    with capture_logs() as logs:
        recorder = record(EXCHANGE, journal(Path("/dev/full")), journal(tmp_path / "a.jsonl"))
    [failed] = logs
    assert (failed["event"], failed["log_level"], failed["file"]) == ("proxy.record_failed", "error", "/dev/full")
    assert "No space" in failed["reason"]
    assert recorder.failed_outputs == 1
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == len(EXPECTED)


def test_a_file_holds_whole_records_when_the_disk_is_full(tmp_path: Path, monkeypatch) -> None:
    room = 700

    def write(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if room == 0:
            raise OSError(28, "No space left on device")
        taken = min(room, len(data), 100)
        room -= taken
        return real_write(descriptor, data[:taken])

    real_write = os.write
    monkeypatch.setattr("ofd_gateway.proxy.outputs.os.write", write)
    file = pcapng(tmp_path / "a.pcapng")
    for _ in range(3):
        file.frames([bytes(200)], AT)
    with pytest.raises(OSError, match="No space"):
        file.close()
    frames = list(read_frames((tmp_path / "a.pcapng").read_bytes()))
    assert [isinstance(frame, Frame) for frame in frames] == [True, True]


def test_a_mistake_of_ours_costs_one_piece_and_is_logged(tmp_path: Path, monkeypatch) -> None:
    def fails_once(piece):
        monkeypatch.undo()
        raise RuntimeError(piece.sort)

    monkeypatch.setattr(recorder_module, "open_piece", fails_once)
    with capture_logs() as logs:
        record(EXCHANGE, journal(tmp_path / "a.jsonl"))
    assert [(line["event"], line["log_level"]) for line in logs] == [("proxy.reading_failed", "error")]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == len(EXPECTED) - 2
