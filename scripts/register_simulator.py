#!/usr/bin/env python3
"""Virtual cash registers against an operator's endpoint: `ofd-gateway simulate` as a program of its own.

    python scripts/register_simulator.py --to 127.0.0.1:7777 --registers 20 --receipts 50

Exit status 0 when every document was confirmed and every confirmation was right, 1 otherwise, 2 for wrong options.
"""

from __future__ import annotations

import sys

from ofd_gateway.cli.main import main

if __name__ == "__main__":
    main(["simulate", *sys.argv[1:]])
