"""Endurance: a gateway under load while its parts are killed, judged by what its registers were told (`make soak`)."""
