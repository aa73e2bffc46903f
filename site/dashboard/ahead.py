"""What is answered of a publication before it is shown: what was asked of the last ones, and the board
as it is opened without a filter."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime

from dwell.site.dashboard.asking import THREADS
from dwell.site.dashboard.newest import Shown

RECENT_SECONDS = 300.0
"""A question is asked again as long as somebody has asked it within these."""
MOST = 80
"""Questions besides those of the board without a filter: four boards."""

Answer = Callable[[datetime], Awaitable[object]]


class Ahead:
    """Asks again, what was asked last first; as many at a time as are answered at a time, so that
    who asks meanwhile is the next."""

    def __init__(self) -> None:
        self._always: dict[Hashable, Answer] = {}
        self._noted: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()

    def always(self, question: Hashable, answer: Answer) -> None:
        """Ask this of each publication, whether anybody has asked it or not."""
        self._always[question] = answer

    def note(self, question: Hashable, answer: Answer) -> None:
        """Somebody asks this now."""
        self._noted[question] = time.monotonic(), answer
        self._noted.move_to_end(question)
        while len(self._noted) > MOST:
            self._noted.popitem(last=False)

    async def ask(self, shown: Shown) -> None:
        """Answer all of it; what cannot be answered is left to whoever asks it."""
        oldest = time.monotonic() - RECENT_SECONDS
        recent = {
            question: answer
            for question, (noted_at, answer) in reversed(self._noted.items())
            if noted_at >= oldest
        }
        turns = asyncio.Semaphore(THREADS)

        async def ask(answer: Answer) -> None:
            async with turns:
                await answer(shown.at)

        asked = map(ask, (recent | self._always).values())
        await asyncio.gather(*asked, return_exceptions=True)
