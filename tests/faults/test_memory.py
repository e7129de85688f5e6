"""What documents and connections leave behind in the gateway's own process: nothing.

`python -m benchmarks.million` asks the same of a million documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.million import bytes_per_document, endure

from tests.e2e.running import running

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
CONNECTIONS = 700
DOCUMENTS = 10


@pytest.mark.timeout(150)
def test_memory_is_flat(tmp_path: Path) -> None:
    for gateway in running(tmp_path):
        rounds = [
            endure(
                gateway.ready["ofd"],
                gateway.child.pid,
                number=number,
                connections=CONNECTIONS,
                documents=DOCUMENTS,
            )
            for number in range(ROUNDS)
        ]
        assert [(one.documents, one.lost) for one in rounds] == [(CONNECTIONS * DOCUMENTS, 0)] * ROUNDS
        assert rounds[-1].open_files <= rounds[0].open_files + 2
        assert bytes_per_document(rounds, warm_up=1) < 150, rounds
