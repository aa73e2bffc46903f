"""The pace of facts: where few come, those of a moment wait for each other."""

from collections import deque

FEW = 16
"""So many calls are looked back at; so many records need no company."""
FEW_SECONDS = 0.08
"""Fewer than these many calls in so long a time are few: below 200 a second."""
GATHERING_SECONDS = 0.02
"""How long the first of them waits. A call that is written and synced alone takes ten times the processor
time of one among many: at 100 calls a second this halves what a site takes."""


class Pace:
    """Tells how long a call may wait for others, so that they are written together.

    Args:
        most: seconds that it may be at most.
    """

    __slots__ = ("_latest", "_most")

    def __init__(self, most: float) -> None:
        self._latest: deque[float] = deque(maxlen=FEW)
        self._most = min(GATHERING_SECONDS, most)

    def pause(self, now: float, records: int) -> float:
        """Seconds for a call with so many records that comes now, by the loop's time; 0 where calls come so
        fast that they find company in what is under way, and for one that is company enough."""
        latest = self._latest
        few = len(latest) < FEW or now - latest[0] > FEW_SECONDS
        latest.append(now)
        return self._most if few and records < FEW else 0.0
