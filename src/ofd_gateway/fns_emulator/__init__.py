"""The tax service's side of the leg, played on this machine: examines, answers by a script, keeps."""

from ofd_gateway.fns_emulator.archive import UnreadableKeep
from ofd_gateway.fns_emulator.openapi import openapi_document
from ofd_gateway.fns_emulator.script import Script, ScriptError, read_script, short_rule
from ofd_gateway.fns_emulator.server import EmulatorOrder, run_emulator, serve_emulator

__all__ = [
    "EmulatorOrder",
    "Script",
    "ScriptError",
    "UnreadableKeep",
    "openapi_document",
    "read_script",
    "run_emulator",
    "serve_emulator",
    "short_rule",
]
