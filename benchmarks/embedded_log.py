"""The embedded log alone: how fast it appends, reads and is followed, without HTTP or DuckDB."""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.rows import Row, quantile
from dwell.events.embedded import EmbeddedReader, EmbeddedWriter
from dwell.events.log import NewRecord

NAME = "embedded-log"

VISITOR = b"0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"
VALUE = b'{"specversion":"1.0","data":{"view":"' + b"x" * 763
NOW = 1_763_880_000_000

SINGLE, P99, SLOWEST = "one append, p50", "one append, p99", "one append, slowest"
STEADY, STEADY99 = "1,000 appends/s, p50", "1,000 appends/s, p99"
CALLERS, CALLERS_CPU = "32 callers at once", "32 callers at once, CPU"
BATCHES, READ, READ_CPU = "appends of 20,000", "reading all, by 20,000", "reading all, CPU"
LAG, LAG99, IDLE = "append to read, p50", "append to read, p99", "reader waiting, nothing comes"
UNITS = {
    SINGLE: "ms",
    P99: "ms",
    SLOWEST: "ms",
    STEADY: "ms",
    STEADY99: "ms",
    CALLERS: "records/s",
    CALLERS_CPU: "µs/record",
    BATCHES: "records/s",
    READ: "records/s",
    READ_CPU: "µs/record",
    LAG: "ms",
    LAG99: "ms",
    IDLE: "% of a core",
}
AIMS = {READ: "at least 400,000", IDLE: "well under 1"}

Figures = dict[str, list[float]]


def run(times: int) -> Iterable[Row]:
    """Appending, group commit, reading and following; records of 800 bytes, every commit synced."""
    figures: Figures = defaultdict(list)
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            uvloop.run(once(Path(folder) / "log.sqlite", figures))
    return [Row(what, unit, figures[what], aim=AIMS.get(what, "")) for what, unit in UNITS.items()]


async def once(path: Path, figures: Figures) -> None:
    """Every measure once, on a fresh file."""
    writer = EmbeddedWriter(path, waiting_bytes=2**27, durable_within=30)
    reader = EmbeddedReader(path)
    await writer.check()
    took = [await timed(lambda: writer.append(facts(1))) for _ in range(1000)]
    for what, share in ((SINGLE, 0.5), (P99, 0.99), (SLOWEST, 1.0)):
        figures[what].append(1000 * quantile(took, share))
    await steady(writer, figures)
    await callers(writer, figures)
    with measured() as clock:
        for _ in range(8):
            await writer.append(facts(20_000))
    figures[BATCHES].append(160_000 / clock["wall"])
    await reading(reader, figures)
    await following(writer, reader, figures)
    await reader.close()
    await writer.close()


async def steady(writer: EmbeddedWriter, figures: Figures) -> None:
    """A thousand a second for two seconds, each on its own."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    calls = []
    for number in range(2000):
        await asyncio.sleep(begin + number / 1000 - loop.time())
        calls.append(asyncio.create_task(timed(lambda: writer.append(facts(1)))))
    took = await asyncio.gather(*calls)
    figures[STEADY].append(1000 * quantile(took, 0.5))
    figures[STEADY99].append(1000 * quantile(took, 0.99))


async def callers(writer: EmbeddedWriter, figures: Figures) -> None:
    """Thirty-two callers, each with one record at a time."""

    async def caller() -> None:
        for _ in range(500):
            await writer.append(facts(1))

    with measured() as clock:
        await asyncio.gather(*(caller() for _ in range(32)))
    figures[CALLERS].append(16_000 / clock["wall"])
    figures[CALLERS_CPU].append(1e6 * clock["cpu"] / 16_000)


async def reading(reader: EmbeddedReader, figures: Figures) -> None:
    """Everything, from the start to the end."""
    await reader.assign({0: 0})
    count = 0
    with measured() as clock:
        while batches := await reader.read(20_000, 0):
            count += sum(map(len, batches))
    figures[READ].append(count / clock["wall"])
    figures[READ_CPU].append(1e6 * clock["cpu"] / count)


async def following(writer: EmbeddedWriter, reader: EmbeddedReader, figures: Figures) -> None:
    """From the acknowledgement to the read, with an append every 20 ms; then two quiet seconds."""
    lags = []
    for _ in range(100):
        next_one = asyncio.create_task(reader.read(1000, 5))
        await asyncio.sleep(0.02)
        await writer.append(facts(1))
        lags.append(await timed(lambda read=next_one: read))  # type: ignore[misc]
    figures[LAG].append(1000 * quantile(lags, 0.5))
    figures[LAG99].append(1000 * quantile(lags, 0.99))
    await reader.read(1000, 1)
    with measured() as clock:
        for _ in range(8):
            await reader.read(1000, 0.25)
    figures[IDLE].append(100 * clock["cpu"] / clock["wall"])


def facts(count: int) -> list[NewRecord]:
    """So many records as the collector writes them."""
    return [NewRecord(VISITOR, VALUE, NOW)] * count


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds that a call took."""
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """`wall` and `cpu` seconds of what is done meanwhile."""
    clock: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield clock
    clock.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
