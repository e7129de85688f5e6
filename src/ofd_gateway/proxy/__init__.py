"""Between a register and any operator: bytes pass untouched, copies are recorded and shown.

Shell: server, sides (sockets), recorder (a thread), outputs (files). The loop that passes bytes on only puts copies
into `tap`; whatever takes time happens on the recorder's side of it.
"""
