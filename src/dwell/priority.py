"""How much a process gives way to those that visitors, or the rows of now, wait for.

Threads and processes that begin later have it too, those that have begun do not.
"""

import ctypes
import os
import platform
import struct
from contextlib import suppress

NICE = 10
"""Beside one process that wants the same processor that leaves a tenth of it, and all of one that is idle."""
LAST = 19
"""That leaves a sixtieth, so that it is never without any."""
SLICE_NS = 100_000
"""The least that Linux knows; by itself a slice is some milliseconds."""
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}
"""The number of `sched_setattr`, which neither Python nor the C library has."""


def give_way() -> None:
    """For what takes minutes, and for which nobody waits at a page."""
    _be_nice(NICE)


def come_last() -> None:
    """For what may have visitors beside it at any moment.

    Niceness is not enough on Linux since 6.6: whoever runs, however nice, ends its slice before one that
    wakes gets the processor. Since 6.12 a process can have short slices.
    """
    _be_nice(LAST)
    number = _SET_ATTRIBUTES.get(platform.machine())
    if platform.system() == "Linux" and number is not None:
        # size, policy, flags, nice, priority, runtime (the slice), deadline, period
        attributes = struct.pack("IIQiIQQQ", 48, os.SCHED_OTHER, 0, LAST, 0, SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def _be_nice(nice: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
