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
RECENT = 2
"""A question is asked again as long as somebody has asked it within these seconds, and of one of so many
publications shown last: open pages ask of each what is on the screen, so that the rest is beneath it, or
of pages that are closed."""
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
        self._noted: OrderedDict[Hashable, tuple[int, float, Answer]] = OrderedDict()
        self._turn = 0
        self._whole_at = float("-inf")

    def always(self, question: Hashable, answer: Answer) -> None:
        """Ask this at times, whether anybody has asked it or not."""
        self._always[question] = answer

    def note(self, question: Hashable, answer: Answer) -> None:
        """Somebody asks this now."""
        self._noted[question] = self._turn, time.monotonic(), answer
        self._noted.move_to_end(question)
        while len(self._noted) > MOST:
            self._noted.popitem(last=False)

    async def ask(self, shown: Shown) -> None:
        """Answer it; what cannot be answered is left to whoever asks it."""
        now = time.monotonic()
        asked = {
            question: answer
            for question, (turn, noted_at, answer) in reversed(self._noted.items())
            if self._turn - turn < RECENT and now - noted_at <= RECENT_SECONDS
        }
        self._turn += 1
        if now - self._whole_at >= EVERY_SECONDS:
            self._whole_at = now
            asked |= self._always
        turns = asyncio.Semaphore(THREADS)

        async def ask(answer: Answer) -> None:
            async with turns:
                await answer(shown.at)

        await asyncio.gather(*map(ask, asked.values()), return_exceptions=True)
