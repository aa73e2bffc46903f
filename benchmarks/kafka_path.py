"""From a topic of real Kafka to committed tables: the projector as it runs, publishing included."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from benchmarks.brokers import running_broker, topic_on
from benchmarks.filled import filled
from benchmarks.flames import flame_of
from benchmarks.processes import NO_PORT
from benchmarks.projection import peak_mib
from benchmarks.rows import Row
from benchmarks.traffic import Traffic
from dwell.consumers.process import spare_the_collector
from dwell.consumers.projector import Projector
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Applied, Projection
from dwell.warehouse.reading import Read
from tests.support.running import environment

NAME = "kafka-path"

PAGEVIEWS = 5_000_000
"""Pageviews that are there already, with their sessions and five visibility changes each."""
FACTS = 2_000_000
TRAFFIC = Traffic(pageviews_per_second=400)
APPEND = 20_000

RATE, CPU, PEAK = "facts committed", "CPU", "peak memory"
STALL, START = "longest time without a commit", "start to first commit"
UNITS = {RATE: "facts/s", CPU: "µs/fact", PEAK: "MiB", STALL: "ms", START: "ms"}
AIMS = {RATE: "at least 200,000", PEAK: "at most 512", STALL: "at most 500"}
STARTS = 4.0
FLAME_SECONDS = 6
"""Seconds until the first commits are there, and of the flame graph; all of it takes a dozen."""
LIMIT = (
    "Reading Kafka's records in Python, reading JSON in DuckDB and writing rows take a third each of some "
    "9 µs of processor time a fact, in three threads that share two cores with the broker and with the "
    "copies that are published. Memory is DuckDB's, which may take a gigabyte. The longest time without a "
    "commit is the checkpoint before a publication, of all that came since the one before (1.1 of 1.25 s "
    "where it was looked at), and the batch behind it; checkpoints that are more frequent cost a fifth of the "
    "rate (decision 9)."
)


def run(times: int) -> Iterable[Row]:
    """Facts of 800 bytes, five a pageview, 0.5 % of skewed clocks, onto 5M pageviews that are there."""
    figures: dict[str, list[float]] = defaultdict(list)
    with running_broker() as broker:
        if broker is None:
            return []
        log = topic_on(broker)
        asyncio.run(produced(log))
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                for what, value in once(log, Path(folder)).items():
                    figures[what].append(value)
    return [Row(what, unit, figures[what], aim=AIMS.get(what, "")) for what, unit in UNITS.items()]


async def produced(log: str) -> None:
    """Fill the topic, by the collector's own writer."""
    writer = open_writer(Settings.read({"log": log, "durable_within": 60}, environ={}))
    first = TRAFFIC.offset_after(PAGEVIEWS)
    for batch in TRAFFIC.batches(first, FACTS, APPEND):
        await writer.append(list(map(NewRecord, batch.keys, batch.values, batch.timestamps)))
    await writer.close()


def once(
    log: str,
    folder: Path,
    watched: Callable[[int], AbstractContextManager[object]] = nullcontext,
    **chosen: object,
) -> dict[str, float]:
    """One projector, a process of its own, from the topic's start to its end.

    Args:
        watched: what is done meanwhile, given its process id.
        chosen: settings other than the usual ones.
    """
    settings = Settings.read({"log": log, "data": folder}, environ={})
    settings.live.mkdir(exist_ok=True)
    filled(settings.warehouse, TRAFFIC, PAGEVIEWS)
    with LiveWarehouse(settings.warehouse) as warehouse, warehouse.transaction() as connection:
        connection.execute("delete from warehouse.log_offset")
    with (
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kafka_path", log, str(folder)],
            env=environment(folder, NO_PORT, **chosen),
            stdout=subprocess.PIPE,
        ) as process,
        watched(process.pid),
    ):
        said, _ = process.communicate()
    assert process.returncode == 0, f"the projector ended with {process.returncode}"
    figures: dict[str, float] = json.loads(said)
    return figures


def flame(file: Path) -> None:
    """Draw the projector at work, from its first commits on."""
    with running_broker() as broker, tempfile.TemporaryDirectory() as folder:
        if broker is None:
            return
        log = topic_on(broker)
        asyncio.run(produced(log))

        @contextmanager
        def drawn(pid: int) -> Iterator[None]:
            time.sleep(STARTS)
            with flame_of(
                pid, file, "the projector, from Kafka to committed tables", FLAME_SECONDS
            ):
                yield

        once(log, Path(folder), drawn)


class Timed(Projection):
    """A projection that notes when it commits, and how many records."""

    commits: list[tuple[float, int]]

    def apply(self, read: Read) -> Applied:
        """As the projection does."""
        applied = super().apply(read)
        self.commits.append((time.perf_counter(), applied.records))
        return applied


async def project(settings: Settings) -> dict[str, float]:
    """Project up to the topic's end, publishing as ever; returns the figures.

    The start, with its first publication of the whole file, is a figure of its own.
    """
    with LiveWarehouse(settings.warehouse) as warehouse:
        reader = open_reader(settings)
        ends = {each: await reader.end(each) for each in await reader.partitions()}
        projector = Projector(settings, reader, warehouse)
        timed: Any = projector._projection
        timed.__class__ = Timed
        timed.commits = []
        began, cpu = time.perf_counter(), time.process_time()
        running = asyncio.create_task(projector.run())
        while projector.positions != ends and not running.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        used = time.process_time() - cpu
        projector.stop()
        await running
        await reader.close()
    moments = [moment for moment, _ in timed.commits]
    records = [count for _, count in timed.commits]
    return {
        RATE: sum(records[1:]) / (moments[-1] - moments[0]),
        CPU: 1e6 * used / sum(records),
        PEAK: peak_mib(),
        STALL: 1e3 * max(after - before for before, after in pairwise(moments)),
        START: 1e3 * (moments[0] - began),
    }


if __name__ == "__main__":
    log, data = sys.argv[1:]
    spare_the_collector()
    figures = asyncio.run(project(Settings.read({"log": log, "data": data})))
    click.echo(json.dumps(figures))
