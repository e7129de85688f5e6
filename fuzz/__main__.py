"""Runs the targets one after another, each for its time: `python -m fuzz [TARGET …] [--seconds N]`.

What was found is left in `fuzz/findings/`, new inputs in `fuzz/found/`; the corpus that is kept is only read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from fuzz.targets import TARGETS

__all__ = ["main"]

_HERE = Path(__file__).resolve().parent
_LONGEST_INPUT_S = 10
_LARGEST_MEMORY_MB = 1024
_LARGEST_INPUT_BYTES = 4096


def main() -> int:
    """0 when no target broke a promise, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="time of each target (60)")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    broken = [target for target in options.targets or TARGETS if not _is_sound(target, options.seconds)]
    print(f"fuzz: broken: {', '.join(broken)}; see {_HERE / 'findings'}" if broken else "fuzz: nothing found")
    return 1 if broken else 0


def _is_sound(target: str, seconds: int) -> bool:
    found, findings = _HERE / "found" / target, _HERE / "findings" / target
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    print(f"fuzz: {target} for {seconds} s", flush=True)
    command = [
        *(sys.executable, "-m", "fuzz.run", target),
        *(f"-max_total_time={seconds}", f"-timeout={_LONGEST_INPUT_S}", f"-rss_limit_mb={_LARGEST_MEMORY_MB}"),
        *(f"-max_len={_LARGEST_INPUT_BYTES}", f"-artifact_prefix={findings}/", "-print_final_stats=1"),
        *(str(found), str(_HERE / "corpus" / target)),
    ]
    return subprocess.run(command, cwd=_HERE.parent, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
