"""Two ways to run a command: the real one as a child, and in this process with its input and output caught."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ofd_gateway.cli.main import run

COMMAND = str(Path(sys.executable).with_name("ofd-gateway"))
PLAIN_ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("OFD_GATEWAY_", "COLUMNS", "XDG_"))
} | {"XDG_CONFIG_HOME": "/nonexistent"}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def child(*arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None) -> Outcome:
    """The console command as a user starts it."""
    done = subprocess.run(
        [COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env={**PLAIN_ENVIRONMENT, **(environment or {})},
        timeout=90,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


class Shell:
    """Runs commands in this process."""

    def __init__(self, monkeypatch, capsys) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Outcome:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()
        code = run(list(arguments))
        out, err = self._capsys.readouterr()
        return Outcome(code, out, err)


class Commands:
    """Commands in a thread, where they may run an event loop of their own, on one database."""

    def __init__(self, shell: Shell, dsn: str) -> None:
        self._shell, self._dsn = shell, dsn

    async def __call__(self, *words: str) -> Outcome:
        return await asyncio.to_thread(self._shell, *words, "--database", self._dsn)

    async def records(self, *words: str) -> list[dict]:
        done = await self(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.lines]

    async def record(self, *words: str) -> dict:
        [only] = await self.records(*words)
        return only
