"""Dwell tells how long visitors really looked at your pages."""

from importlib.metadata import version

__version__ = version("dwell")
