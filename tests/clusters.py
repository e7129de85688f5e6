"""Clusters for gateways under test: copied from one that was made and migrated once, which is far less work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ofd_gateway.testing.templates import prepare_cluster

TEMPLATES = Path(__file__).resolve().parents[1] / ".pytest_cache" / "d" / "clusters"


def give_cluster(state_dir: Path) -> None:
    """Gives a state directory that has no cluster a copy; the first of all makes the template on the way."""
    if not (state_dir / "postgres").exists():
        # A thread of its own, because some tests run inside an event loop, and the first one needs another.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(prepare_cluster, state_dir, TEMPLATES).result()
