"""The recorder: events in, packets and messages out, whatever becomes of a disk or of a message."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ofd_gateway.captures.conversations import read_capture
from ofd_gateway.captures.piece import Address, Sender, Sort
from ofd_gateway.captures.recording import read_recording
from ofd_gateway.captures.savefile import Frame, read_frames
from ofd_gateway.proxy import recorder as recorder_module
from ofd_gateway.proxy.outputs import JournalFile, PcapngFile
from ofd_gateway.proxy.recorder import Recorder
from ofd_gateway.proxy.tap import Ended, Opened, Relayed, Reset, Sent, Tap
from tests.captures.answers import confirmation, encrypted
from tests.messages import DEBUG_FN, container, message

AT = datetime(2026, 11, 24, 15, 30, 1, tzinfo=UTC)
MESSAGE, ANSWER = message(container(DEBUG_FN, 7)), confirmation()
LINK_ENDS = (Address("10.0.0.5", 51000), Address("192.0.2.7", 7777))


def record(events, *outputs, tap: Tap | None = None) -> Recorder:
    tap = tap or Tap()
    for event in events:
        tap.put(event)
    recorder = Recorder(tap, outputs)
    recorder.start()
    assert recorder.stop(10)
    return recorder


def exchange(link: Relayed) -> list:
    return [
        Opened(link, AT),
        Sent(link, AT, Sender.REGISTER, MESSAGE[:100]),
        Sent(link, AT, Sender.REGISTER, MESSAGE[100:] + encrypted()),
        Sent(link, AT, Sender.OPERATOR, ANSWER),
        Sent(link, AT, Sender.REGISTER, MESSAGE[:40]),
        Ended(link, AT, Sender.REGISTER),
        Ended(link, AT, Sender.OPERATOR),
    ]


EXPECTED = [
    (Sender.REGISTER, Sort.MESSAGE, MESSAGE),
    (Sender.REGISTER, Sort.MESSAGE, encrypted()),
    (Sender.OPERATOR, Sort.MESSAGE, ANSWER),
    (Sender.REGISTER, Sort.PARTIAL, MESSAGE[:40]),
]


def test_both_files_say_the_same(tmp_path: Path) -> None:
    pcapng, lines = PcapngFile(tmp_path / "a.pcapng"), JournalFile(tmp_path / "a.jsonl")
    record(exchange(Relayed(1, *LINK_ENDS)), pcapng, lines)
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
    link = Relayed(1, *LINK_ENDS)
    events = [
        Sent(link, AT, Sender.REGISTER, MESSAGE + MESSAGE[:40]),
        Sent(link, AT, Sender.OPERATOR, ANSWER[:50]),
        Reset(link, AT, Sender.OPERATOR),
    ]
    record(events, JournalFile(tmp_path / "a.jsonl"))
    read = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["direction"], line["sort"]) for line in read] == [
        ("register", "message"),
        ("register", "partial"),
        ("operator", "partial"),
    ]


def test_what_the_tap_left_out_is_a_gap_and_a_counted_warning(tmp_path: Path) -> None:
    link, tap = Relayed(1, *LINK_ENDS), Tap(capacity_bytes=len(MESSAGE) + 10)
    events = [
        Opened(link, AT),
        Sent(link, AT, Sender.REGISTER, MESSAGE),
        Sent(link, AT, Sender.REGISTER, MESSAGE),
        Sent(link, AT, Sender.REGISTER, b""),
        Ended(link, AT, Sender.REGISTER),
    ]
    with capture_logs() as logs:
        record(events, PcapngFile(tmp_path / "a.pcapng"), tap=tap)
    assert logs == [
        {
            "event": "proxy.records_dropped",
            "log_level": "warning",
            "reads": 1,
            "bytes": len(MESSAGE),
            "total_bytes": len(MESSAGE),
        }
    ]
    pieces = read_capture((tmp_path / "a.pcapng").read_bytes()).pieces
    assert [(piece.sort, piece.missing_bytes) for piece in pieces] == [(Sort.MESSAGE, 0), (Sort.GAP, len(MESSAGE))]


def test_a_full_disk_ends_one_output_and_no_other(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")
    with pytest.raises(OSError, match="No space"):
        PcapngFile(Path("/dev/full"))
    link = Relayed(1, *LINK_ENDS)
    with capture_logs() as logs:
        recorder = record(exchange(link), JournalFile(Path("/dev/full")), JournalFile(tmp_path / "a.jsonl"))
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
    file = PcapngFile(tmp_path / "a.pcapng")
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
        record(exchange(Relayed(1, *LINK_ENDS)), JournalFile(tmp_path / "a.jsonl"))
    assert [(line["event"], line["log_level"]) for line in logs] == [("proxy.reading_failed", "error")]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == len(EXPECTED) - 2


def test_a_stop_tells_when_an_output_hangs() -> None:
    goes_on = threading.Event()

    class Hanging:
        name = "hanging"

        def frames(self, frames, at):
            goes_on.wait(30)

        def piece(self, opened):
            return

        flush = close = lambda self: None

    tap = Tap()
    tap.put(Opened(Relayed(1, *LINK_ENDS), AT))
    recorder = Recorder(tap, [Hanging()])
    recorder.start()
    assert not recorder.stop(0.05)
    goes_on.set()
    assert recorder.stop(10)
