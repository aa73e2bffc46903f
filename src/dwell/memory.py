"""How much memory a process holds on to that it has no use for any more."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Have what was let go of go back to the system, for a process that made large arrays. It takes some
    milliseconds, in which other threads go on.

    By itself glibc keeps what lies between other things in a heap, and each thread may have a heap of its
    own. Blocks of their own for all that is large go back at once, and cost the dashboard a sixth of its
    processor time. Where there is no glibc, nothing is done.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
