"""Sixty days of a small chain of shops in about a minute: every kind of alert, on a gateway of its own.

`chain` and `fate` say who is there and what happens to whom, `actor` plays one register, `play` moves the clock and
everybody with it, `news` asks the gateway what it has found, `stage` and `lines` show it, `ending` sums up.
"""

from __future__ import annotations

from ofd_gateway.demo.play import DemoOrder, run_demo

__all__ = ["DemoOrder", "run_demo"]
