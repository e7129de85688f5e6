"""docs/alerts-tour.md, run as it stands: all four types from `customers add` to a real mail server's mailbox."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from email import message_from_bytes, policy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alerts-tour.md"
DEADLINE_S = 110


def free_ports(count: int) -> list[int]:
    links = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [link.getsockname()[1] for link in links]
    for link in links:
        link.close()
    return ports


@pytest.mark.faults
@pytest.mark.timeout(150)
@pytest.mark.skipif(shutil.which("bash") is None, reason="the session is written for bash")
def test_the_session_of_the_tour(tmp_path: Path) -> None:
    session = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    for written, free in zip((7777, 8080, 8025), free_ports(3), strict=True):
        assert str(written) in session
        session = session.replace(str(written), str(free))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OFD_GATEWAY_")}
    with subprocess.Popen(
        ["bash", "-eu"],
        cwd=tmp_path,
        # The session counts its days with `date`, the letters count theirs in the customer's zone.
        env={**plain, "TZ": "MSK-3", "COLUMNS": "200", "XDG_CONFIG_HOME": "/nonexistent"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            out, err = shell.communicate(session, timeout=DEADLINE_S)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, 9)
    assert shell.returncode == 0, f"{out}\n{err}\n{(tmp_path / 'tour' / 'gateway.log').read_text()[-3000:]}"
    letters = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (tmp_path / "tour" / "mailbox" / "new").iterdir()
    ]
    subjects = "\n".join(sorted(str(letter["Subject"]) for letter in letters))
    for pattern in (
        r"^ККТ Касса у входа: обслуживание ОФД заканчивается \d\d\.\d\d\.\d{4} \(через 10 дн\.\)$",
        r"^ФН 9999\d{12}: заполнен ≈80% \(ФД 8 из 10\)",
        r"^ККТ Касса у входа: нет чеков с .*, смена закрыта$",
        r"^Осталось 48 сообщений",
        r"обслуживание ОФД продлено до \d\d\.\d\d\.\d{4}",
    ):
        assert len(re.findall(pattern, subjects, re.MULTILINE)) == 1, subjects
    assert {letter["To"] for letter in letters} == {"owner@example.org"}
    assert len({letter["Message-ID"] for letter in letters}) == len(letters)
    for part in ("service_ending", "fn_filling", "register_silent", "messages_low"):
        assert part in out
