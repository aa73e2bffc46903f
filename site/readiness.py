"""Whether a fact can be made durable now."""

import asyncio
from collections.abc import Callable
from time import monotonic

from dwell.errors import LogError, LogFull, NoSpace
from dwell.events.log import LogWriter
from dwell.site.collector import Collector
from dwell.site.collector.refusals import Cause

FRESH_SECONDS = 1.0
"""For which an answer of the log holds, be it to a fact or to a question of ours."""
WITHIN_SECONDS = 2.0
"""How long the log may take for an answer."""


class Readiness:
    """Asks the log, which writes for that what a fact would cost: once in FRESH_SECONDS at most, however
    many ask, and never while facts are made durable anyway."""

    def __init__(self, collector: Collector, log: Callable[[], LogWriter]) -> None:
        self._collector = collector
        self._log = log
        self._asking: asyncio.Task[str | None] | None = None
        self._asked_at = float("-inf")

    async def __call__(self) -> str | None:
        """`None`: it can. Else why not: a `Cause` of the collector's refusals, or `closing`."""
        if self._collector.closing:
            return "closing"
        now = monotonic()
        if now - self._collector.kept_at < FRESH_SECONDS:
            return None
        asking = self._asking
        if asking is None or (asking.done() and now - self._asked_at >= FRESH_SECONDS):
            self._asked_at = now
            self._asking = asking = asyncio.create_task(self._ask())
        if not asking.done():
            await asyncio.wait({asking}, timeout=max(self._asked_at + WITHIN_SECONDS - now, 0))
        return asking.result() if asking.done() else Cause.LOG_UNAVAILABLE

    async def _ask(self) -> str | None:
        try:
            await self._log().check()
        except LogFull:
            return Cause.LOG_FULL
        except NoSpace:
            return Cause.NO_SPACE
        except LogError:
            return Cause.LOG_UNAVAILABLE
        return None
