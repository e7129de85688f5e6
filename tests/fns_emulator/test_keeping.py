"""The file of decided documents: what was answered is known after SIGKILL; foreign files are left alone."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from structlog.testing import capture_logs

from ofd_gateway.fns_emulator import UnreadableKeep
from ofd_gateway.fns_emulator import archive as archive_module

from .process import RunningEmulator, running
from .sending import copied, emulator, lives, wire

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED = ("accepted", 0)


@pytest.mark.faults
def test_what_was_answered_is_known_after_a_kill(tmp_path: Path) -> None:
    keep = tmp_path / "fns.jsonl"
    life = lives()[0]
    spoilt = copied(life[4])
    spoilt["document"]["receipt"]["totalSum"] += 1
    with running("--keep", str(keep), "--refuse", f"{life[0]['fn']}:77") as first:
        told = first.send(*life[:4])
        first.kill()
    with running("--keep", str(keep)) as second:
        assert second.ready["documents"] == 4
        assert second.send(*life[:4]) == told
        assert [one["status"] for one in second.send(life[5])] == ["accepted"]
        summary = second.get("v1/summary")
        second.kill()
    with running("--keep", str(keep)) as third:
        assert [one["fd"] for one in third.get("v1/documents")["documents"]] == [1, 2, 3, 4, 6]
        assert third.get("v1/summary")["gaps"] == 1
        assert third.stop() == 0
    assert {one["code"] for one in told} == {77}
    assert (summary["documents"], summary["repeats"], summary["gaps"]) == (5, 4, 1)


@pytest.mark.faults
def test_accepted_and_then_cut_off_is_known_after_a_kill(tmp_path: Path) -> None:
    keep, script = tmp_path / "fns.jsonl", tmp_path / "script.toml"
    script.write_text('[[rule]]\nfault = {drop = "after_processing"}')
    life = lives()[0]
    with running("--keep", str(keep), "--script", str(script)) as first:
        with pytest.raises(httpx.TransportError):
            first.send(*life[:3])
        first.kill()
    with running("--keep", str(keep)) as second:
        assert {one["status"] for one in second.send(*life[:3])} == {"accepted"}
        assert second.get("v1/summary")["repeats"] == 3


async def kept(path: Path, count: int = 3) -> list[bytes]:
    """The lines of a file that an emulator has written."""
    async with emulator(keep=path) as sender:
        await sender.send(*lives()[0][:count])
    return path.read_bytes().splitlines(keepends=True)


async def test_a_line_holds_the_whole_document_and_its_answer(tmp_path: Path) -> None:
    lines = await kept(tmp_path / "fns.jsonl")
    assert [json.loads(line)["document"] for line in lines] == [copied(one)["document"] for one in lives()[0][:3]]
    assert json.loads(lines[0])["answer"]["status"] == "accepted"
    assert stat.S_IMODE((tmp_path / "fns.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("torn_bytes", [1, 100, -1])
async def test_a_half_written_line_is_cut_off(tmp_path: Path, torn_bytes: int) -> None:
    path = tmp_path / "fns.jsonl"
    lines = await kept(path)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:torn_bytes])
    with capture_logs() as logged:
        async with emulator(keep=path) as sender:
            assert (await sender.summary())["documents"] == 2
            assert await sender.statuses(*lives()[0][:4]) == [ACCEPTED] * 4
            assert (await sender.summary())["repeats"] == 2
    (cut,) = [one for one in logged if one["event"] == "fns_emulator.torn_line_cut"]
    assert cut["bytes"] == len(lines[2][:torn_bytes])
    assert [json.loads(line)["fd"] for line in path.read_bytes().splitlines()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: b"not ours\n",
        lambda line: b"{}\n",
        lambda line: line.replace(b'"fd":2', b'"fd":"2"'),
        lambda line: line[:50] + b"\xff" + line[50:],
        lambda line: b"\n",
    ],
)
async def test_a_file_with_a_foreign_line_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "fns.jsonl"
    lines = await kept(path)
    written = lines[0] + spoil(lines[1]) + lines[2] + b"torn"
    path.write_bytes(written)
    with pytest.raises(UnreadableKeep, match=r"fns\.jsonl, line 2: "):
        async with emulator(keep=path):
            pass
    assert path.read_bytes() == written
    path.write_bytes(lines[0])
    async with emulator(keep=path) as sender:
        assert (await sender.summary())["documents"] == 1


async def test_one_file_belongs_to_one_process(tmp_path: Path) -> None:
    path = tmp_path / "fns.jsonl"
    async with emulator(keep=path) as sender:
        with pytest.raises(UnreadableKeep, match="another process"):
            async with emulator(keep=path):
                pass
        assert await sender.statuses(lives()[0][0]) == [ACCEPTED]


async def test_a_full_disk_answers_nothing_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fns.jsonl"
    life = lives()[0]
    write = os.write
    with capture_logs() as logged:
        async with emulator(keep=path) as sender:
            await sender.send(life[0])
            size = path.stat().st_size

            def full(fd: int, data: bytes) -> int:
                if path.stat().st_size > size:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return write(fd, bytes(data)[:10])

            with monkeypatch.context() as patched:
                patched.setattr(archive_module.os, "write", full)
                response = await sender.post(wire(life[:3]))
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert path.stat().st_size == size
            assert await sender.statuses(*life[:3]) == [ACCEPTED] * 3
            summary = await sender.summary()
    assert (summary["documents"], summary["repeats"], summary["in_order"]) == (3, 1, True)
    (failed,) = [one for one in logged if one["event"] == "fns_emulator.keep_failed"]
    assert (failed["log_level"], "No space left" in failed["reason"]) == ("error", True)
    assert len(path.read_bytes().splitlines()) == 3


async def test_pages_come_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fns.jsonl"
    one, two = lives(registers=2)
    lines = await kept(path, 1)
    # Enough lines for the index to have several entries, each with another number.
    records = [json.loads(lines[0]) | {"fd": fd} for fd in range(1, 601)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    async with emulator(keep=path) as sender:
        assert (await sender.summary())["documents"] == 600
        await sender.send(*two[:2])
        for after in (0, 1, 255, 256, 257, 511, 512, 598):
            shown, following = await sender.page(after=after, limit=3)
            assert [line["seq"] for line in shown] == [after + 1, after + 2, after + 3]
            assert following == (after + 3 if after + 3 < 602 else None)
        assert await sender.page(after=602) == ([], None)
        assert await sender.page(after=10**9) == ([], None)
        theirs, following = await sender.page(fn=two[0]["fn"])
        assert ([line["seq"] for line in theirs], following) == ([601, 602], None)
        assert (await sender.page(fn="no such FN"))[0] == []
    assert one[0]["fn"] != two[0]["fn"]


async def test_fsync_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(archive_module.os, "fsync", synced.append)
    life = lives()[0]
    for fsync, count in ((False, 0), (True, 2)):
        async with emulator(keep=tmp_path / f"{fsync}.jsonl", fsync=fsync) as sender:
            await sender.send(*life[:2])
            await sender.send(life[2])
        assert len(synced) == count


def test_the_helper_knows_when_a_process_ended(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 2"):
        RunningEmulator("--keep", str(tmp_path), environment={})
