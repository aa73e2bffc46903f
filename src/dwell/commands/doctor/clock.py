"""This machine's clock, by which facts are dated."""

import ctypes
import sys
import time
from datetime import UTC, datetime

from dwell.commands.doctor.finding import Finding, note, well, wrong

AHEAD_MS = 5_000
"""How far a fact may lie in the future: so much may the clocks of several machines differ."""
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before which this version was not there."""

_TIME_ERROR = 5
"""What adjtimex(2) returns while nobody keeps the clock right."""


def clock(future: dict[int, int] | None) -> Finding:
    """How it is.

    Args:
        future: by partition, the first offset of facts that were received later than now; `None` if
            the log could not be asked.
    """
    now = datetime.now(UTC)
    said = f"it is {now.isoformat(timespec='seconds')}"
    if now < EARLIEST:
        return wrong("clock", said, "set this machine's clock: facts are dated by it")
    if future:
        where = ", ".join(f"{offset} of partition {each}" for each, offset in future.items())
        return wrong(
            "clock",
            f"{said}, and from offset {where} on facts were received later than that",
            "set the clocks of this machine and of the site's: one of them is wrong, or was. Seconds of "
            "engagement are right all the same, days and hours may not be",
        )
    if is_synchronised() is False:
        return note(
            "clock",
            f"{said}, and the kernel knows of nobody who keeps it right",
            "have the time kept by NTP, as systemd-timesyncd or chrony do",
        )
    return well("clock", said if future is None else f"{said}, and no fact is later than that")


def now_ms() -> int:
    """Milliseconds since 1970, beyond which a fact is in the future."""
    return time.time_ns() // 1_000_000 + AHEAD_MS


def is_synchronised() -> bool | None:
    """Whether the kernel is told the time by somebody; `None` where it does not say."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        # A `struct timex` of zeros, and more room than it takes: nothing is to be changed.
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
