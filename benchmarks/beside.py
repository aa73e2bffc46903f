"""How far the live warehouse lags while facts come in, without a replay and beside one.

The log grows by 2,000 facts a second of its own time, which is the real one but for the date: it goes
on where the month ends.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.filled import CACHE
from benchmarks.month import UNTIL
from benchmarks.processes import NO_PORT
from benchmarks.traffic import BEGAN, FACTS, Traffic
from dwell.consumers import process, projector
from dwell.consumers.freshness import published_positions
from dwell.events.log import LogWriter, NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse.projection import Applied, Projection
from dwell.warehouse.reading import Read
from tests.support.running import environment

TRAFFIC = Traffic(pageviews_per_second=400)
APPEND = 20
"""Facts that come at once, every hundredth of a second."""
SETTLES = 10.0
QUIET = 30.0
BUSY = 20.0
"""Seconds: before anything is measured, without a replay, and with one, at least."""
LOOK_EVERY = 0.05

COMMITTED, PUBLISHED = "live lag, committed", "live lag, published"
ALONE, BESIDE = "alone", "beside a replay"
LAGS = {
    f"{what}, {when}, {how}": "at most 5" if (when, how) == (BESIDE, "most") else ""
    for what in (COMMITTED, PUBLISHED)
    for when in (ALONE, BESIDE)
    for how in ("median", "most")
}
"""What is measured, with its aim."""

COMMITS = "commits.jsonl"

Moments = list[tuple[float, int]]
"""From when on, by the wall clock, something had come up to an offset; ascending."""


def lags(log: Path, live: Path, *, quiet: float = QUIET, busy: float = BUSY) -> dict[str, float]:
    """Seconds from a fact's receipt to its commit and to its publication.

    Args:
        log: an embedded log, of which a copy grows.
        live: the data folder of a projector that has read it.
    """
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        settings = Settings.read({"data": folder}, environ={})
        settings.live.mkdir(parents=True)
        shutil.copyfile(log, settings.embedded_log)
        shutil.copyfile(live / "live" / "warehouse.duckdb", settings.warehouse)
        return asyncio.run(Beside(settings).measured(quiet, busy))


class Beside:
    """A log that grows, its projector, and replays beside them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._received: Moments = []
        """When the facts before an offset had been received."""
        self._published: Moments = []

    async def measured(self, quiet: float, busy: float) -> dict[str, float]:
        """The lags, in seconds."""
        writer = open_writer(self._settings)
        live = await self._started("-m", "benchmarks.beside", str(self._settings.data))
        tasks = [asyncio.create_task(self._grow(writer)), asyncio.create_task(self._look())]
        try:
            await asyncio.sleep(SETTLES)
            began = time.time()
            await asyncio.sleep(quiet)
            between = time.time()
            while time.time() < between + busy:
                await self._replay()
            ended = time.time()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            live.terminate()
            await live.wait()
            await writer.close()
        seen = {COMMITTED: _commits(self._settings), PUBLISHED: self._published}
        phases = {ALONE: (began, between), BESIDE: (between, ended)}
        found = {}
        for what, moments in seen.items():
            for when, (since, until) in phases.items():
                values = sampled(self._received, moments, since, until)
                found[f"{what}, {when}, median"] = median(values)
                found[f"{what}, {when}, most"] = max(values)
        return found

    async def _grow(self, writer: LogWriter) -> None:
        """Append facts at the moments at which they are received."""
        ticks = (UNTIL - BEGAN) * TRAFFIC.pageviews_per_second // 1000
        first = ticks * FACTS
        reader = open_reader(self._settings)
        end = await reader.end(0)
        await reader.close()
        began = time.time()
        for number, batch in enumerate(TRAFFIC.batches(first, sys.maxsize, APPEND)):
            due = began + number * APPEND / (FACTS * TRAFFIC.pageviews_per_second)
            await asyncio.sleep(max(0, due - time.time()))
            received = time.time()
            await writer.append(list(map(NewRecord, batch.keys, batch.values, batch.timestamps)))
            end += APPEND
            self._received.append((received, end))

    async def _look(self) -> None:
        """Note each publication and what it holds."""
        path = self._settings.published
        seen = 0
        while True:
            if path.exists() and path.stat().st_ino != seen:
                seen, moment = path.stat().st_ino, time.time()
                held = await asyncio.to_thread(published_positions, path)
                self._published.append((moment, held[0]))
            await asyncio.sleep(LOOK_EVERY)

    async def _replay(self) -> None:
        out = self._settings.data / "replayed.duckdb"
        replay = await self._started("-m", "dwell.cli", "replay", str(out))
        assert await replay.wait() == 0, "the replay failed"
        out.unlink()

    async def _started(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=environment(self._settings.data, NO_PORT),
            stdout=asyncio.subprocess.DEVNULL,
        )


def sampled(received: Moments, reached: Moments, since: float, until: float) -> list[float]:
    """How old the newest fact was that had come so far, every LOOK_EVERY seconds.

    Args:
        received: when the facts before an offset had been received.
        reached: when everything before an offset had come so far.
    """
    lags = []
    moment = since
    while moment < until:
        place = bisect_right(reached, moment, key=itemgetter(0)) - 1
        offset = reached[place][1] if place >= 0 else 0
        newest = bisect_left(received, offset, key=itemgetter(1))
        lags.append(max(0.0, moment - received[min(newest, len(received) - 1)][0]))
        moment += LOOK_EVERY
    return lags


def _commits(settings: Settings) -> Moments:
    lines = (settings.data / COMMITS).read_text().splitlines()
    return [(moment, offset) for moment, offset in map(json.loads, lines)]


class Timed(Projection):
    """A projection that writes down when it committed, and up to where."""

    file: Any = None

    def apply(self, read: Read) -> Applied:
        """As the projection does."""
        applied = super().apply(read)
        self.file.write(json.dumps([time.time(), applied.positions[0]]) + "\n")
        return applied


if __name__ == "__main__":
    settings = Settings.read({"data": sys.argv[1]})
    vars(projector)["Projection"] = Timed
    with (settings.data / COMMITS).open("w", buffering=1) as Timed.file:
        asyncio.run(process.run(settings))
