"""Files of tests are in memory where there is room: a log that makes each record durable waits for a disk."""

import os
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Bytes that must be free there; a whole run has used 0.3 GB at most."""
CHOICES = ("PYTEST_DEBUG_TEMPROOT", "TMPDIR")
"""The variables by which folders of tests, and whatever else is temporary, are put elsewhere."""


def pytest_configure(config: pytest.Config) -> None:
    if config.option.basetemp is None and not any(map(os.environ.get, CHOICES)) and _serves():
        os.environ.update(dict.fromkeys(CHOICES, str(MEMORY)))


def _serves() -> bool:
    """Whether programs can be kept and run there, as environments of Python are."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= ROOM
