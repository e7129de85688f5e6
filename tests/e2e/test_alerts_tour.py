"""docs/alerts-tour.md, run as it stands: all four types from `customers add` to a real mail server's mailbox."""

from __future__ import annotations

import re
import shutil
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.tutorials.session import ROOT, free_ports, run_session

PAGE = ROOT / "docs" / "alerts-tour.md"


@pytest.mark.faults
@pytest.mark.timeout(150)
@pytest.mark.skipif(shutil.which("bash") is None, reason="the session is written for bash")
def test_the_session_of_the_tour(tmp_path: Path) -> None:
    session = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    for written, free in zip((7777, 8080, 8025), free_ports(3), strict=True):
        assert str(written) in session
        session = session.replace(str(written), str(free))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    out = run_session(session, tmp_path, columns=200, log=tmp_path / "tour" / "gateway.log")
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
