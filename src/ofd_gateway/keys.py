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

__all__ = ["KEY_BYTES", "KEY_FILE", "KeyUnusable", "load_or_create_key"]

KEY_FILE: Final = "operator.key"
KEY_BYTES: Final = 32
_OTHERS: Final = 0o077


class KeyUnusable(OfdGatewayError):
    """The key file cannot be used; the message says why and what to do."""


def load_or_create_key(state_dir: Path) -> bytes:
    """The 32 random bytes of `operator.key`, made on the first start with mode 0600.

    Two gateways that start at once end up with the same key: the file appears whole, and the first one wins. A key that
    is there is never replaced, because confirmations signed with it are verified with it.

    Raises:
        KeyUnusable: the file is damaged, not private, or cannot be read or made.
    """
    path = state_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        return _load(path)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror or error}; the gateway needs a key of its own there") from error


def _load(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & _OTHERS:
            raise KeyUnusable(
                f"{path} is open to others (mode {mode:04o}); chmod 600 it, or remove it to get a new key"
            )
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        size = "more" if len(key) > KEY_BYTES else str(len(key))
        raise KeyUnusable(f"{path} has {size} bytes instead of {KEY_BYTES}; restore it, or remove it to get a new key")
    return key


def _create(path: Path) -> None:
    draft = path.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _sync_directory(path.parent)
    finally:
        draft.unlink()


def _sync_directory(directory: Path) -> None:
    """Makes the new name survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
