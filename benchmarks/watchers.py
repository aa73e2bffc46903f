"""Pages of the dashboard without a browser, which ask what one in a browser was seen to ask.

`python -m benchmarks.watchers HABITS LINES` opens so many as the habits say, until SIGTERM; each time
that one of them shows something new is a line, as `Shown` has it.
"""

import asyncio
import json
import signal
import sys
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Self, TextIO

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from benchmarks.sites import AGENT

CONNECTIONS = 6
"""As many as a browser has for a server."""
LEAST_PAUSE = 4.0
SHARE = 20
"""As the page has them: seconds, and times the length of what it asked, until it asks again."""
LIVE_EVERY = 30.0
HEADLINE = "panels=totals,"
"""What is asked for that has the headline figures."""
HEADERS = {
    "User-Agent": AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en",
    "Sec-Fetch-Site": "same-origin",
}


@dataclass(frozen=True)
class Habits:
    """What a page of the dashboard asks for; paths with their queries.

    Attributes:
        pages: how many do so.
        opening: to show everything.
        again: when there is a new publication.
        live: every half a minute.
    """

    origin: str
    pages: int
    opening: list[str]
    again: list[str]
    live: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """As `write` left them."""
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        """Keep them for another process."""
        file.write_text(json.dumps(asdict(self)))


class Shown(NamedTuple):
    """A page shows something new.

    Attributes:
        moment: when, by the wall clock.
        page: which one, by its number.
        publication: the identity of what it shows.
        seconds: how long it asked for it.
    """

    moment: float
    page: int
    publication: str
    seconds: float


class Watcher:
    """One page."""

    def __init__(self, number: int, habits: Habits, session: ClientSession, lines: TextIO) -> None:
        self._number = number
        self._habits = habits
        self._session = session
        self._lines = lines
        self._news = asyncio.Event()
        self._shown = ""
        self._tags: dict[str, str] = {}

    async def watch(self) -> None:
        """Look for as long as nobody ends it."""
        await self._refresh(self._habits.opening)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._follow())
            tasks.create_task(self._live())

    async def _listen(self) -> None:
        async with self._session.get("/events", timeout=ClientTimeout()) as stream:
            async for line in stream.content:
                name, _, told = line.decode().partition(": ")
                if name == "data" and json.loads(told)["publication"] != self._shown:
                    self._news.set()

    async def _follow(self) -> None:
        earliest = 0.0
        while True:
            await self._news.wait()
            await asyncio.sleep(max(0, earliest - time.monotonic()))
            self._news.clear()
            took = await self._refresh(self._habits.again)
            earliest = time.monotonic() + max(LEAST_PAUSE, SHARE * took)

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(LIVE_EVERY)
            await self._ask(self._habits.live)

    async def _refresh(self, paths: list[str]) -> float:
        began = time.monotonic()
        await asyncio.gather(*map(self._ask, paths))
        took = time.monotonic() - began
        shown = Shown(time.time(), self._number, self._shown, took)
        self._lines.write(json.dumps(shown) + "\n")
        return took

    async def _ask(self, path: str) -> None:
        """Ask, with the tag of what is here already; each line of an answer has its publication."""
        headers = {"If-None-Match": self._tags[path]} if path in self._tags else {}
        async with self._session.get(path, headers=headers) as answer:
            body = await answer.read()
            assert answer.status in (200, 304), f"{path} is answered with {answer.status}"
        if "ETag" in answer.headers:
            self._tags[path] = answer.headers["ETag"]
        if HEADLINE in path and body:
            if "Content-Encoding" in answer.headers:
                body = zlib.decompress(body, zlib.MAX_WBITS | 16)
            self._shown = json.loads(body.partition(b"\n")[0])["publication"]


async def watch(habits: Habits, lines: TextIO) -> None:
    """All of them, each with a browser's connections of its own."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(habits.pages):
            tasks.create_task(_one(number, habits, lines))


async def _one(number: int, habits: Habits, lines: TextIO) -> None:
    connector = TCPConnector(limit=CONNECTIONS)
    async with ClientSession(
        habits.origin, connector=connector, headers=HEADERS, auto_decompress=False
    ) as session:
        await Watcher(number, habits, session, lines).watch()


async def _until_told(habits: Habits, lines: TextIO) -> None:
    watching = asyncio.create_task(watch(habits, lines))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watching.cancel)
    await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("a", buffering=1) as lines:
        asyncio.run(_until_told(Habits.read(Path(sys.argv[1])), lines))
