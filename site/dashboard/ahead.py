"""What is answered of a publication before it is shown: what was asked of the last ones, and the board
as it is opened without a filter."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime

from dwell.site.dashboard.asking import THREADS
from dwell.site.dashboard.newest import Shown

RECENT_SECONDS = 60.0
"""A question is asked again as long as somebody has asked it within these."""
EVERY_SECONDS = 60.0
"""Between two times that the whole board is answered, though nobody asks for what is beneath the screen."""
MOST = 80
"""Questions besides those of the board without a filter: four boards."""

Answer = Callable[[datetime], Awaitable[object]]


class Ahead:
    """Asks again, what was asked last first; as many at a time as are answered at a time, so that
    who asks meanwhile is the next."""

    def __init__(self) -> None:
        self._always: dict[Hashable, Answer] = {}
        self._noted: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()
        self._whole_at = float("-inf")

    def always(self, question: Hashable, answer: Answer) -> None:
        """Ask this at times, whether anybody has asked it or not."""
        self._always[question] = answer

    def note(self, question: Hashable, answer: Answer) -> None:
        """Somebody asks this now."""
        self._noted[question] = time.monotonic(), answer
        self._noted.move_to_end(question)
        while len(self._noted) > MOST:
            self._noted.popitem(last=False)

    async def ask(self, shown: Shown) -> None:
        """Answer it; what cannot be answered is left to whoever asks it."""
        now = time.monotonic()
        oldest = now - RECENT_SECONDS
        asked = {
            question: answer
            for question, (noted_at, answer) in reversed(self._noted.items())
            if noted_at >= oldest
        }
        if now - self._whole_at >= EVERY_SECONDS:
            self._whole_at = now
            asked |= self._always
        turns = asyncio.Semaphore(THREADS)

        async def ask(answer: Answer) -> None:
            async with turns:
                await answer(shown.at)

        await asyncio.gather(*map(ask, asked.values()), return_exceptions=True)
