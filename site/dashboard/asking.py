"""Asking the warehouse without anybody having to wait for a slow answer but who asked for it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar, cast

from dwell.figures.histogram import Histogram
from dwell.site.dashboard.refusals import Cause, Refused

THREADS = 2
"""Questions that are answered at a time: DuckDB itself uses all processors for each."""
MOST_WAITING = 256
"""Questions that are answered or wait; the next is refused. Ten boards that ask for all their panels
at once are some 170, most of them the same ones."""
ANSWER_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Bounds between which it is counted how long an answer took."""
KEPT_BYTES = 16 * 1024 * 1024
"""Of answers, those used last."""

T = TypeVar("T")


@dataclass(eq=False)
class _Asked:
    """A question that is under way.

    Attributes:
        askers: how many wait for it.
        begun: whether a thread is at work on it.
        seconds: that it was.
    """

    answer: Callable[[], object]
    askers: int = 0
    begun: bool = False
    seconds: float = 0.0
    task: "asyncio.Task[object] | None" = None

    def run(self) -> object:
        """In a thread."""
        self.begun, began = True, monotonic()
        try:
            return self.answer()
        finally:
            self.seconds = monotonic() - began


class Asking:
    """Runs questions in a few threads, each one once however many ask it at the same time.

    Attributes:
        seconds: that a thread was at work on each, be it answered or not.
    """

    def __init__(self, threads: int = THREADS, most: int = MOST_WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads, "asking")
        self._most = most
        self._asked: dict[Hashable, _Asked] = {}
        self.seconds = Histogram(ANSWER_SECONDS)

    def __len__(self) -> int:
        """How many questions are answered or wait."""
        return len(self._asked)

    async def run(self, question: Hashable, answer: Callable[[], T]) -> T:
        """What `answer()` returns or raises, from a thread; shared by all who ask the same question
        before it is answered. If they all are cancelled before its turn comes, it is not asked.

        Raises:
            Refused: too many questions wait.
        """
        asked = self._asked.get(question) or self._begin(question, answer)
        assert asked.task is not None
        asked.askers += 1
        try:
            # Who goes away takes nothing from the others.
            return cast(T, await asyncio.shield(asked.task))
        finally:
            asked.askers -= 1
            if not (asked.askers or asked.begun or asked.task.done()):
                self._forget(question, asked)
                asked.task.cancel()

    def _begin(self, question: Hashable, answer: Callable[[], object]) -> _Asked:
        if len(self._asked) >= self._most:
            raise Refused(Cause.BUSY, "too many questions wait for an answer: try again")
        asked = self._asked[question] = _Asked(answer)
        asked.task = asyncio.create_task(self._run(question, asked))
        asked.task.add_done_callback(_looked_at)
        return asked

    async def _run(self, question: Hashable, asked: _Asked) -> object:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, asked.run)
        finally:
            self._forget(question, asked)
            if asked.begun:
                self.seconds.observe(asked.seconds)

    def _forget(self, question: Hashable, asked: _Asked) -> None:
        if self._asked.get(question) is asked:
            del self._asked[question]

    def close(self) -> None:
        """Let go of the threads; what waits is not answered."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _looked_at(task: "asyncio.Task[object]") -> None:
    """That it failed is no news for the log, if all who asked have gone away."""
    if not task.cancelled():
        task.exception()


class Kept:
    """Answers as they were sent, up to so many bytes; those longest unused go first."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()

    def find(self, question: Hashable) -> bytes | None:
        """The answer, if it is still here."""
        body = self._bodies.get(question)
        if body is not None:
            self._bodies.move_to_end(question)
        return body

    def keep(self, question: Hashable, body: bytes) -> None:
        """Keep an answer, unless it alone is more than a quarter of what may be kept."""
        if len(body) * 4 > self._most_bytes:
            return
        self._bytes += len(body) - len(self._bodies.pop(question, b""))
        self._bodies[question] = body
        while self._bytes > self._most_bytes:
            _, dropped = self._bodies.popitem(last=False)
            self._bytes -= len(dropped)
