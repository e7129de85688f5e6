"""A page of the documentation, typed as it stands: blocks of `sh` are run, blocks of `text` are what they print.

In what is printed, `…` stands for anything within a line, and a line of nothing but `…` for any number of lines.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEADLINE_S = 110
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "@@ end of block @@"


def free_ports(count: int) -> list[int]:
    links = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [link.getsockname()[1] for link in links]
    for link in links:
        link.close()
    return ports


def blocks(page: Path) -> list[tuple[str, str | None]]:
    """What is typed, and what is printed where the page says so."""
    found: list[tuple[str, str | None]] = []
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            found.append((text, None))
        else:
            found[-1] = (found[-1][0], text)
    return found


def as_pattern(expected: str) -> str:
    lines = []
    for line in expected.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*")
        else:
            lines.append(r"[^\n]*".join(re.escape(part) for part in line.split("…")) + r"[ ]*\n")
    return "".join(lines)


def run_session(text: str, folder: Path, *, columns: int, log: Path) -> str:
    """What bash prints of the session, which must end well; `log` tells why when it does not.

    A page counts its days with `date`, letters count theirs in the customer's zone: here both are in Moscow.
    """
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OFD_GATEWAY_")}
    settings = {"COLUMNS": str(columns), "XDG_CONFIG_HOME": "/nonexistent", "PYTHONIOENCODING": "utf-8", "TZ": "MSK-3"}
    with subprocess.Popen(
        ["bash", "-eu"],
        cwd=folder,
        env={**plain, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    ) as shell:
        try:
            out, err = shell.communicate(text, timeout=DEADLINE_S)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, 9)
    said = log.read_text(encoding="utf-8")[-3000:] if log.exists() else ""
    assert shell.returncode == 0, f"{out}\n{err}\n{said}"
    return out


def run_page(page: Path, folder: Path, *, ports: tuple[int, ...], log: str) -> None:
    """Fails when a command does, or when something else is printed than the page shows."""
    session = blocks(page)
    replaced = {str(written): str(free) for written, free in zip(ports, free_ports(len(ports)), strict=True)}

    def typed(text: str) -> str:
        return re.sub("|".join(replaced), lambda found: replaced[found[0]], text)

    text = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    text += "".join(f"{typed(commands)}\necho '{_END}'\n" for commands, _ in session)
    for name in (".venv", "docs", "examples"):
        (folder / name).symlink_to(ROOT / name)
    out = run_session(text, folder, columns=160, log=folder / log)
    printed = out.split(f"{_END}\n")
    assert len(printed) == len(session) + 1
    for (commands, expected), found in zip(session, printed, strict=False):
        if expected is not None:
            assert re.fullmatch(as_pattern(typed(expected)), found), f"{commands}\nprinted\n{found}\nnot\n{expected}"
