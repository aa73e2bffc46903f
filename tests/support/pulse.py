"""A visitor who sends a fact again and again: what each was answered, and how soon."""

import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from types import TracebackType
from typing import Self

from tests.support.wire import FACT, body

EVERY = 0.05
"""Seconds from one answer to the next fact."""
ANSWER_WITHIN = 30.0


@dataclass(frozen=True)
class Beat:
    """One fact and its answer.

    Attributes:
        at: when it was sent, on the monotonic clock.
        seconds: until the answer.
        status: of the answer; 0 is none.
    """

    at: float
    seconds: float
    status: int


class Pulse:
    """Sends for the time of a `with`. Its facts are all one and the same: they make one row.

    Attributes:
        beats: in the order of the answers.
    """

    def __init__(self, origin: str) -> None:
        self._host = origin.removeprefix("http://")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse")
        self.beats: list[Beat] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def stall(self) -> float:
        """The longest time from one fact that was kept to the next, in seconds."""
        kept = [beat.at + beat.seconds for beat in self.beats if beat.status == 204]
        gaps = (later - sooner for sooner, later in pairwise(kept))
        return round(max(gaps, default=0), 2)

    def answered(self, status: int, since: float = 0) -> list[Beat]:
        """The beats with this answer that were sent since then."""
        return [beat for beat in self.beats if beat.status == status and beat.at >= since]

    def _run(self) -> None:
        connection = HTTPConnection(self._host, timeout=ANSWER_WITHIN)
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                connection.request(
                    "POST", "/dwell/facts", body(FACT), {"content-type": "text/plain"}
                )
                with connection.getresponse() as response:
                    response.read()
                    status = response.status
            except (OSError, HTTPException):
                connection.close()
                status = 0
            self.beats.append(Beat(began, time.monotonic() - began, status))
            self._ending.wait(EVERY)
        connection.close()
