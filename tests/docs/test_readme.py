"""What a newcomer is told to type exists, and the examples are what they are said to be."""

from __future__ import annotations

import re

import pytest
from pages import DOCS, ROOT, code_blocks, every_page, read

from ofd_gateway.cli.main import COMMANDS
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd import decode
from ofd_gateway.protocol import Connection, MessageReceived, Role

TARGETS = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
READMES = [ROOT / "README.md", ROOT / "README.ru.md"]


def command_lines(path):
    return [line.strip() for block in code_blocks(path, "sh") for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("path", every_page(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_targets_in_the_pages_exist(path):
    text = read(path)
    targets = set(re.findall(r"(?:^|`|&& )make ([a-z-]+)", text, re.MULTILINE))
    commands = set(re.findall(r"(?:\.venv/bin/|`)ofd-gateway ([a-z][a-z-]*)", text))
    assert targets - TARGETS == set()
    assert commands - set(COMMANDS) == set()


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_files_that_the_readme_sends_exist(path):
    sent = [word for line in command_lines(path) for word in line.split() if word.startswith("docs/")]
    assert sent
    assert [name for name in sent if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_the_first_screen_starts_with_two_commands(path):
    clone, run = code_blocks(path, "sh")[0].strip().splitlines()
    assert clone.startswith("git clone ")
    assert run == "make run"


def test_both_readmes_show_the_same_commands():
    english, russian = ([line for line in command_lines(path) if "git clone" not in line] for path in READMES)
    assert set(russian) <= set(english)


@pytest.mark.parametrize(
    ("name", "kind", "fd"), [("registration.bin", "fiscalReport", 1), ("receipt.bin", "receipt", 3)]
)
def test_examples_are_whole_messages_of_one_debug_drive(name, kind, fd):
    connection = Connection(Role.OPERATOR)
    connection.receive((DOCS / "examples" / name).read_bytes())
    event = connection.next_event()
    assert isinstance(event, MessageReceived)
    assert connection.buffered_bytes == 0
    document = decode(EmulatorCrypto(bytes(32)).unwrap(event.container))
    assert (document.kind, document.fd, document.fn) == (kind, fd, "9999000007000000")
    assert f"documents show {document.fn} 3 --json" in read(ROOT / "README.md")
