"""The key of the emulator's crypto module, in the state directory."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY_FILE", "KeyUnusable", "load_or_create_key"]

KEY_FILE: Final = "operator.key"
KEY_BYTES: Final = 32


class KeyUnusable(OfdGatewayError):
    """The key file has the wrong size or can be read by others; the message says what to do."""


def load_or_create_key(state_dir: Path) -> bytes:
    """The 32 bytes of `operator.key`, made on the first start with mode 0600.

    Two gateways that start at once end up with the same key: the file appears whole, and the first one wins.

    Raises:
        KeyUnusable: the file is damaged or not private.
    """
    path = state_dir / KEY_FILE
    if not path.exists():
        _create(path)
    status = path.stat()
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise KeyUnusable(f"{path} can be read by others; chmod 600 it, or remove it to get a new key")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{path} has {len(key)} bytes instead of {KEY_BYTES}; restore it, or remove it to get a new key")
    return key


def _create(path: Path) -> None:
    draft = path.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
