#!/usr/bin/env python3
"""Virtual cash registers against an operator's endpoint: the same as `ofd-gateway simulate`, as a program of its own.

    python scripts/register_simulator.py --to 127.0.0.1:7777 --registers 20 --receipts 50

Exit status 0 when every document was confirmed and every confirmation was right, 1 otherwise, 2 for wrong options.
"""

from __future__ import annotations

import typer

from ofd_gateway.cli.simulate import simulate

if __name__ == "__main__":
    typer.run(simulate)
