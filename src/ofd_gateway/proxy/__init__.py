"""Between a register and any operator: bytes pass untouched, copies are recorded and shown.

In the proxy's process: server, sides (sockets), channel, run. In the recorder's: recording, recorder, outputs (files).
`tap` is what the first tells the second.
"""
