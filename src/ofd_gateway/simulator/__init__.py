"""Virtual registers (виртуальные кассы) with virtual fiscal drives, for trying any operator's endpoint.

Pure: dice, fields, formats, identity, catalogue, shop, settlement, virtual_fn, till, habit, verify, latency.
Shell: link, register, fleet (sockets), record (a file).
"""

from __future__ import annotations

from ofd_gateway.simulator.fleet import FleetOrder, FleetReport, Progress, run_fleet
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS, Habit
from ofd_gateway.simulator.record import ConfirmedDocument, Recorder, RecordUnreadable, read_record
from ofd_gateway.simulator.register import Endpoint
from ofd_gateway.simulator.till import Plan
from ofd_gateway.simulator.verify import Mismatch, Rule

__all__ = [
    "HABITS",
    "ConfirmedDocument",
    "Endpoint",
    "Ffd",
    "FleetOrder",
    "FleetReport",
    "Habit",
    "Mismatch",
    "Plan",
    "Progress",
    "RecordUnreadable",
    "Recorder",
    "Rule",
    "read_record",
    "run_fleet",
]
