"""`make soak`: a gateway under load whose parts are killed, and whether anything was lost (Linux).

Exit code 0: nothing was; 1: something was, and the directory with logs, record and database is kept and named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from endurance.order import RoundFigures, order_of
from endurance.report import HEADER, report_object, round_line, summary_lines
from endurance.soak import soak

__all__ = ["main"]


def main() -> int:
    """Runs the soak of the command line and prints what came of it."""
    parser = argparse.ArgumentParser(prog="endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="length without start and judgement (15)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds with faults (10)")
    parser.add_argument("--seed", type=int, help="of a run that is to be repeated")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1000) if options.seed is None else options.seed
    try:
        order = order_of(minutes=options.minutes, seed=seed, rounds=options.rounds)
    except ValueError as error:
        parser.error(str(error))
    home = Path(tempfile.mkdtemp(prefix="ofd-soak-"))
    home.chmod(0o755)
    print(f"soak: seed {seed}, {order.rounds} rounds of {order.round_s:.0f} s with faults and {order.calm_rounds} of")
    print(f"      {order.calm_round_s:.0f} s without, {order.rate_per_s:.0f} documents a second", flush=True)
    print(HEADER, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped, as on SIGINT
    report = asyncio.run(soak(order, home, _show))
    print("\n".join(summary_lines(report)))
    if options.json is not None:
        options.json.write_text(json.dumps(report_object(report), indent=2))
    if report.clean:
        shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"kept: {home}")
    return 0 if report.clean else 1


def _show(figures: RoundFigures) -> None:
    print(round_line(figures), flush=True)
    for finding in figures.findings:
        print(f"       {finding}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
