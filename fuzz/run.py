"""One target under atheris: `python -m fuzz.run TARGET [options of libFuzzer] [corpus folders]`."""

from __future__ import annotations

import importlib
import sys

__all__ = ["main"]


def main() -> None:
    """Runs until libFuzzer's options say that it is enough; a finding ends the process with its code."""
    atheris = importlib.import_module("atheris")  # by name: the checkers of this project do without it
    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=["ofd_gateway", "fuzz"], enable_loader_override=False):
        from fuzz.targets import check_of

        check = check_of(target)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
