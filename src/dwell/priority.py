"""How much a process gives way to those that visitors, or the rows of now, wait for.

Threads and processes that begin later have it too, those that have begun do not.
"""

import os
from contextlib import suppress

NICE = 10
"""Beside one process that wants the same processor that leaves a tenth of it, and all of one that is idle."""
LAST = 19


def give_way() -> None:
    """For what takes minutes, and for which nobody waits at a page."""
    _be_nice(NICE)


def come_last() -> None:
    """For what may have visitors beside it at any moment: have only what nobody else wants.

    On Linux that is a scheduling policy. Niceness is not enough: whoever runs, however nice, ends its slice
    of some milliseconds before one that wakes, while the idle make room at once. Another system has no such
    policy, and a sandbox may forbid it.
    """
    _be_nice(LAST)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _be_nice(nice: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
