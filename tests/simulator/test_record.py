from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ofd_gateway.simulator.record import ConfirmedDocument, Recorder, RecordUnreadable, read_record

if TYPE_CHECKING:
    from pathlib import Path


def document(fd: int) -> ConfirmedDocument:
    return ConfirmedDocument(
        fn="9999000001000000",
        fd=fd,
        code=3,
        container="00ff",
        response_code=0,
        operator_sign="8806010203040003",
        trailer="82060102030405060000",
        confirmed_at="2026-01-01T00:00:00+00:00",
        sent_times=1,
    )


def test_a_line_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    with Recorder(path) as recorder:
        recorder.write(document(1))
        assert list(read_record(path)) == [document(1)]
        recorder.write(document(2))

        assert list(read_record(path)) == [document(1), document(2)]


def test_a_record_is_continued_and_never_cut(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    for fd in (1, 2):
        with Recorder(path) as recorder:
            recorder.write(document(fd))

    assert [line.fd for line in read_record(path)] == [1, 2]


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    with Recorder(path) as recorder:
        recorder.write(document(1))
    with path.open("ab") as lines:
        lines.write(b'{"fn": "99')

    with pytest.raises(RecordUnreadable, match="line 2"):
        list(read_record(path))


def test_a_full_disk_is_an_error_and_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(tmp_path / "record.jsonl") as recorder:
        monkeypatch.setattr("os.write", lambda _descriptor, data: len(data) - 1)

        with pytest.raises(OSError, match="bytes of a record line"):
            recorder.write(document(1))
