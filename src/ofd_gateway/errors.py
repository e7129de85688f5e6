"""The root of every error this project raises on purpose."""

from __future__ import annotations


class OfdGatewayError(Exception):
    """Any failure ofd-gateway names itself; everything else that is raised is a bug."""
