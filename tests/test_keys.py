from __future__ import annotations

import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.keys import KEY_BYTES, KEY_FILE, KeyUnusable, load_or_create_key

if TYPE_CHECKING:
    from pathlib import Path


def put(state_dir: Path, key: bytes, mode: int = 0o600) -> Path:
    path = state_dir / KEY_FILE
    path.write_bytes(key)
    path.chmod(mode)
    return path


def names(state_dir: Path) -> list[str]:
    return [path.name for path in state_dir.iterdir()]


def test_the_first_start_makes_a_private_key(tmp_path):
    key = load_or_create_key(tmp_path)
    path = tmp_path / KEY_FILE
    assert (len(key), path.read_bytes()) == (KEY_BYTES, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == [KEY_FILE]


def test_the_key_stays(tmp_path):
    assert load_or_create_key(tmp_path) == load_or_create_key(tmp_path)


def test_every_state_directory_has_its_own(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_or_create_key(tmp_path / "a") != load_or_create_key(tmp_path / "b")


def test_a_generous_umask_changes_nothing(tmp_path):
    before = os.umask(0)
    try:
        load_or_create_key(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_a_key_that_is_there_is_used(tmp_path):
    put(tmp_path, b"k" * 32)
    assert load_or_create_key(tmp_path) == b"k" * 32


def test_a_read_only_key_is_used(tmp_path):
    put(tmp_path, b"k" * 32, 0o400)
    assert load_or_create_key(tmp_path) == b"k" * 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode):
    put(tmp_path, b"k" * 32, mode)
    with pytest.raises(KeyUnusable, match=f"open to others \\(mode {mode:04o}\\); chmod 600 it"):
        load_or_create_key(tmp_path)


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 bytes"), (31, "31 bytes"), (33, "more bytes"), (1_000_000, "more bytes")]
)
def test_a_key_of_another_size_is_refused_and_kept(tmp_path, size, said):
    path = put(tmp_path, b"k" * size)
    with pytest.raises(KeyUnusable, match=f"has {said} instead of 32; restore it"):
        load_or_create_key(tmp_path)
    assert path.stat().st_size == size


def test_a_directory_in_its_place(tmp_path):
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(KeyUnusable, match=r"operator\.key: Is a directory"):
        load_or_create_key(tmp_path)


def test_no_state_directory(tmp_path):
    with pytest.raises(KeyUnusable, match="No such file or directory"):
        load_or_create_key(tmp_path / "absent")


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ofd_gateway.keys.os.fsync", full)
    with pytest.raises(KeyUnusable, match="No space left on device"):
        load_or_create_key(tmp_path)
    assert names(tmp_path) == []


def test_the_one_who_comes_second_takes_the_key_of_the_first(tmp_path, monkeypatch):
    link = os.link

    def beaten(source: Path, target: Path) -> None:
        put(tmp_path, b"first" + bytes(27))
        link(source, target)

    monkeypatch.setattr("ofd_gateway.keys.os.link", beaten)
    assert load_or_create_key(tmp_path) == b"first" + bytes(27)
    assert names(tmp_path) == [KEY_FILE]


def test_threads_that_start_at_once_agree(tmp_path):
    count = 16
    barrier = Barrier(count)

    def start(_: int) -> bytes:
        barrier.wait()
        return load_or_create_key(tmp_path)

    with ThreadPoolExecutor(count) as pool:
        keys = set(pool.map(start, range(count)))
    assert len(keys) == 1
    assert names(tmp_path) == [KEY_FILE]


def test_processes_that_start_at_once_agree(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        keys = set(pool.map(load_or_create_key, [tmp_path] * 12, chunksize=1))
    assert len(keys) == 1
    assert keys == {load_or_create_key(tmp_path)}
