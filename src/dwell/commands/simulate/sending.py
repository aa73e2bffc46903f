"""Simulated browsers: each visit's requests over HTTP, again and again until they are settled."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import aiohttp

from dwell.commands.simulate.delivery import Delivery, Lane, Request, body_of
from dwell.commands.simulate.journeys import Visit, Visits
from dwell.commands.simulate.truth import TruthFile
from dwell.errors import DwellError

ANSWER_WITHIN = 30.0
"""Seconds until a request counts as unanswered."""
REACHED_WITHIN = 10.0
"""Seconds in which the collector must have answered for the first time."""
LONGEST_BACK_OFF = 2.0
LONGEST_RETRY_AFTER = 300.0
CATCH_UP = 1.0
"""Seconds of the wanted rate that may be made good after a stall."""

REFUSED = {400, 403, 413}
"""Answers that settle a request without (all of) its facts being kept. Simulated facts are right, so
none of them should come."""
MISTAKEN = {404, 405, 415}
"""Answers that say that this is no collector, if they are the first."""

_COOKIE = re.compile(r"^dwell_visitor=([^;]*)")


class CollectorMissing(DwellError):
    """Nothing answers at the URL, or something else does."""


@dataclass(slots=True)
class Tally:
    """How far it is.

    Attributes:
        facts: settled and kept.
        refusals: the first few answers to the refused requests.
    """

    visits: int = 0
    requests: int = 0
    facts: int = 0
    retries: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    answered: bool = False


class Answer(NamedTuple):
    """What a browser looks at of an answer."""

    status: int
    retry_after: str | None
    cookie: str | None
    text: str


class Browsers:
    """All the browsers of a simulation.

    Attributes:
        tally: grows as facts are settled.
    """

    def __init__(
        self,
        *,
        url: str,
        visits: Visits,
        delivery: Delivery,
        truth: TruthFile,
        connections: int = 16,
        rate: float = 0,
    ) -> None:
        """
        Args:
            url: of the collector, as http://127.0.0.1:8000/dwell/facts.
            connections: visits that go on side by side.
            rate: facts a second; 0 is as fast as possible.
        """
        self.tally = Tally()
        self._url = url
        self._visits = iter(visits)
        self._delivery = delivery
        self._truth = truth
        self._connections = connections
        self._rate = rate
        self._next_turn = 0.0
        self._cookies: dict[int, str] = {}
        self._visiting: dict[int, asyncio.Event] = {}

    async def run(self) -> None:
        """Send everything and return when every fact is settled.

        Raises:
            CollectorMissing: there is no collector at the URL.
        """
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN),
            skip_auto_headers=("Accept", "Accept-Encoding"),
        ) as session:
            self._session = session
            self._began = self._next_turn = time.monotonic()
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._connections):
                        group.create_task(self._browse())
            except BaseExceptionGroup as errors:
                raise _first(errors) from None

    async def _browse(self) -> None:
        """One visit after the other, as long as there are any."""
        for visit in self._visits:
            async with self._in_turn(visit.person):
                await self._visit(visit)
            self.tally.visits += 1

    @asynccontextmanager
    async def _in_turn(self, person: int) -> AsyncIterator[None]:
        """One person's visits go one after the other: the next needs the cookie of the one before."""
        before = self._visiting.get(person)
        left = self._visiting[person] = asyncio.Event()
        try:
            if before is not None:
                await before.wait()
            yield
        finally:
            left.set()
            if self._visiting.get(person) is left:
                del self._visiting[person]

    async def _visit(self, visit: Visit) -> None:
        self._truth.expect(visit)
        async with asyncio.TaskGroup() as group:
            for lane in self._delivery(visit):
                group.create_task(self._lane(visit, lane))
        if not visit.returns:
            self._cookies.pop(visit.person, None)

    async def _lane(self, visit: Visit, lane: Lane) -> None:
        for request in lane:
            await self._turn(len(request))
            await self._settle(visit, request)

    async def _turn(self, facts: int) -> None:
        """Wait until so many facts may go without exceeding the rate."""
        if not self._rate:
            return
        now = time.monotonic()
        turn = max(self._next_turn, now - CATCH_UP)
        self._next_turn = turn + facts / self._rate
        if turn > now:
            await asyncio.sleep(turn - now)

    async def _settle(self, visit: Visit, request: Request) -> None:
        """Send a request until its facts are settled, as a browser's outbox does."""
        back_off = 0.05
        while True:
            answer = await self._post(visit, request)
            if answer is not None and answer.status == 204:
                self._truth.settle(request)
                self.tally.requests += 1
                self.tally.facts += len(request)
                if answer.cookie:
                    self._cookies[visit.person] = answer.cookie
                return
            if answer is not None and answer.status in REFUSED:
                self.tally.requests += 1
                self.tally.refused += 1
                if len(self.tally.refusals) < 3:
                    self.tally.refusals.append(f"{answer.status} {answer.text[:500]}")
                return
            self.tally.retries += 1
            wait = seconds_until(answer.retry_after) if answer is not None else None
            await asyncio.sleep(back_off if wait is None else wait)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)

    async def _post(self, visit: Visit, request: Request) -> Answer | None:
        """The answer, or `None` if there was none."""
        headers = {"Content-Type": "application/json", "User-Agent": visit.agent}
        if cookie := self._cookies.get(visit.person):
            headers["Cookie"] = f"dwell_visitor={cookie}"
        body = body_of(request, time.time_ns() // 1_000_000)
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                answer = Answer(
                    response.status,
                    response.headers.get("Retry-After"),
                    _visitor_cookie(response.headers.getall("Set-Cookie", ())),
                    "" if response.status == 204 else await response.text(errors="replace"),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not self.tally.answered and time.monotonic() > self._began + REACHED_WITHIN:
                raise CollectorMissing(
                    f"{self._url} does not answer ({getattr(error, 'strerror', None) or error}):"
                    " expected a collector; start one with `dwell up`"
                ) from None
            return None
        if not self.tally.answered and answer.status in MISTAKEN:
            raise CollectorMissing(
                f"{self._url} answers {answer.status}: expected a collector, as http://127.0.0.1:8000/dwell/facts"
            )
        self.tally.answered = True
        return answer


def _first(error: BaseException) -> BaseException:
    """The first error itself in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _visitor_cookie(lines: tuple[str, ...] | list[str]) -> str | None:
    for line in lines:
        if found := _COOKIE.match(line):
            return found[1]
    return None


def seconds_until(retry_after: str | None) -> float | None:
    """What a `Retry-After` says: seconds or a date; `None` if it says nothing that can be read."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
