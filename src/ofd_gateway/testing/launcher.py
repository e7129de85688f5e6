"""The child process of the plugin: a gateway that ends when its standard input does.

`python -m ofd_gateway.testing.launcher '{"state_dir": …, "templates": … | null, "keep": …}'`; settings come from the
environment. A pipe is held by the parent alone, so the end of the parent, by whatever signal, is the end of the child;
and unlike the kernel's own death signal it does not depend on the thread that started the child, and exists everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

__all__ = ["main"]

_GRACE_S: Final = 15.0


def main() -> int:
    """Serves until standard input ends; the gateway's exit code."""
    order = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_input, daemon=True).start()
    from ofd_gateway.testing.templates import prepare_cluster

    state_dir = Path(order["state_dir"])
    try:
        prepare_cluster(state_dir, None if order["templates"] is None else Path(order["templates"]))
        return _serve()
    finally:
        if not order["keep"]:
            shutil.rmtree(state_dir, ignore_errors=True)


def _serve() -> int:
    from ofd_gateway.app import serve
    from ofd_gateway.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return serve(settings)


def _end_with_input() -> None:
    while os.read(0, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
