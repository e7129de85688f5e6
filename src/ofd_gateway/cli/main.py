"""The console command: assembles the nouns lazily, so that each command imports only what it needs."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "main", "run"]

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("ofd_gateway.cli.serve:serve", "принимать документы / take documents from registers"),
    "demo": ("ofd_gateway.cli.demo:demo", "показать всё за минуту / sixty days of a small chain in a minute"),
    "documents": ("ofd_gateway.cli.documents:app", "документы / stored documents"),
    "quarantine": ("ofd_gateway.cli.quarantine:app", "карантин / messages that were not accepted"),
    "alerts": ("ofd_gateway.cli.alerts:app", "уведомления / what the rules found"),
    "registers": ("ofd_gateway.cli.registers:app", "кассы / registers and what stops them next"),
    "customers": ("ofd_gateway.cli.customers:app", "клиенты / who is told, and of what"),
    "packages": ("ofd_gateway.cli.packages:app", "пакеты сообщений / messages to buyers"),
    "buyers": ("ofd_gateway.cli.buyers:app", "чеки покупателям / receipts to buyers"),
    "fns": ("ofd_gateway.cli.fns:app", "передача в ФНС / the leg to the tax service"),
    "letters": ("ofd_gateway.cli.letters:app", "письма / letters about alerts"),
    "decode": ("ofd_gateway.cli.decode:decode_command", "разобрать сообщение / read a message, field by field"),
    "diff": ("ofd_gateway.cli.diff:diff", "сравнить документы / compare two documents field by field"),
    "proxy": ("ofd_gateway.cli.proxy:proxy", "записать обмен / stand between a register and an operator, record"),
    "replay": ("ofd_gateway.cli.replay:replay", "повторить записанное / send recorded messages again"),
    "logs": ("ofd_gateway.cli.logs:logs", "читать журнал / read the log of a gateway"),
    "faults": ("ofd_gateway.cli.faults:app", "неисправности по заказу / answers that are wrong on purpose"),
    "simulate": ("ofd_gateway.cli.simulate:simulate", "виртуальные кассы / virtual registers"),
    "fns-emulator": ("ofd_gateway.cli.fns_emulator:fns_emulator", "сторона ФНС для проб / the tax service's side"),
    "tags": ("ofd_gateway.cli.tags:tags", "реквизиты ФФД / the tables of the formats"),
    "checks": ("ofd_gateway.cli.checks:app", "правила ФЛК / rules of the format-logical checks"),
    "migrate": ("ofd_gateway.cli.database:migrate_command", "обновить схему / bring the schema up to date"),
    "backup": ("ofd_gateway.cli.database:backup", "резервная копия / dump the database to a file"),
    "restore": ("ofd_gateway.cli.database:restore", "восстановить копию / load a dump"),
    "check-config": ("ofd_gateway.cli.config:check_config", "проверить настройки / show the effective settings"),
}
"""Command, where it lives, and its line in the help."""

_FAILED: Final = 1
_WRONG_SETTINGS: Final = 2
_DATABASE: Final = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and leaves with its exit code; the entry point of the console command."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command: 0 done, 1 failed, 2 usage or configuration, 3 database.

    What can be foreseen is said in one line on standard error.
    """
    from ofd_gateway.errors import OfdGatewayError

    words = sys.argv[1:] if arguments is None else list(arguments)
    _speak_utf8()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code  # noqa: TRY300  the flush may find that the reader has gone
    except BrokenPipeError:
        # The reader of our output has gone; nothing may be written at the interpreter's exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except OfdGatewayError as error:
        _complain(str(error))
        return _exit_code(error)
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return _FAILED


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["decode"]:
        from ofd_gateway.cli.decoding import run_plainly

        failed = run_plainly(words[1:])
        if failed is not None:
            return _FAILED if failed else 0
    from ofd_gateway.cli.group import run_group

    try:
        run_group(words, COMMANDS)
    except SystemExit as leaving:
        return int(leaving.code or 0)


def _speak_utf8() -> None:
    """Whatever the locale says, JSON is UTF-8 and no letter of a document may end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _complain(text: str) -> None:
    sys.stderr.write(f"ofd-gateway: {text}\n")


def _exit_code(error: Exception) -> int:
    """By name, because importing the rooms to compare classes would cost every command their time."""
    names = {base.__name__ for base in type(error).__mro__}
    if "DatabaseError" in names:
        return _DATABASE
    return _WRONG_SETTINGS if "SettingsError" in names else _FAILED
