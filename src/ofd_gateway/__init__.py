"""An open fiscal data operator (ОФД) endpoint."""

from importlib.metadata import version

__version__ = version("ofd-gateway")
