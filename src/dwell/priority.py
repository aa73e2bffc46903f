"""How much a process gives way to those that visitors, or the rows of now, wait for."""

import os
from contextlib import suppress

ASIDE = 10
"""For what takes minutes and for which nobody waits at a page: beside one process that wants the same
processor it is left a tenth of it, and all of one that is idle."""
LAST = 19
"""For what may have visitors beside it at any moment: it is left a sixtieth, so that it is never without
any."""


def give_way(nice: int) -> None:
    """Lower this process's priority to that niceness, where the system has such a thing.

    Threads and processes that begin later have it too, those that have begun do not.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
