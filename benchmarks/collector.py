"""The collector on each log: durable requests over real sockets, one site process."""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.brokers import running_broker, topic_on
from benchmarks.flames import flame_of
from benchmarks.rows import Row, quantile
from benchmarks.sites import RunningSite, fact_requests, running_site

NAME = "collector"

CONNECTIONS = 32
FLAT_OUT_SECONDS = 4.0
PACED_SECONDS = 4.0

RATE, FACTS, CPU = "flat out, durable", "flat out, durable facts", "flat out, CPU of the site"
P50, P99 = "1,000 requests/s, p50", "1,000 requests/s, p99"
PACED_CPU, QUIET_CPU = "1,000 requests/s, CPU of the site", "100 requests/s, CPU of the site"
PEAK = "peak memory of the site"
UNITS = {
    RATE: "requests/s",
    FACTS: "facts/s",
    CPU: "µs/request",
    P50: "ms",
    P99: "ms",
    PACED_CPU: "µs/request",
    QUIET_CPU: "% of a core",
    PEAK: "MiB",
}
AIMS = {RATE: "at least 12,500", CPU: "at most 70", P99: "at most 5", QUIET_CPU: "at most 2"}

FLAME_SECONDS = 5
LIMIT = (
    "Python: of the processor time of a request, three quarters are the event loop's thread, and six "
    "tenths of that the interpreter, for parsing headers, checking facts and making records; a fifth is "
    "the write to the socket. The last quarter is the thread that writes the log, most of it the sync, "
    "which some fifteen requests share. Both threads want the interpreter's lock. At 100 requests/s "
    "two share a commit, or a request to the broker, and each wakes a thread that slept: it takes eight times "
    "what it takes in a row, and would take twelve alone. With Kafka all of it is in the event loop's thread: a quarter is "
    "aiokafka, which makes a batch and a request of what came while the one before was under way, a tenth "
    "Dwell's own writer, and the broker takes what is left of the two cores."
)

Figures = dict[str, list[float]]


def run(times: int) -> Iterable[Row]:
    """Facts of 32 connections flat out, then at fixed rates; 1 to 3 facts a request, all durable."""
    with running_broker() as broker:
        figures: dict[str, Figures] = {"embedded": defaultdict(list)}
        if broker is not None:
            figures["Kafka"] = defaultdict(list)
        for _ in range(times):
            for log, mine in figures.items():
                chosen = topic_on(broker) if log == "Kafka" and broker else "embedded:"
                with (
                    tempfile.TemporaryDirectory() as folder,
                    running_site(Path(folder), log=chosen) as site,
                ):
                    uvloop.run(once(site, mine))
    for log, mine in figures.items():
        for what, unit in UNITS.items():
            yield Row(f"{log}: {what}", unit, mine[what], aim=aim_of(log, what))


def flame(file: Path) -> None:
    """Draw the site while it is flat out on the embedded log."""

    async def load(site: RunningSite) -> None:
        async with Clients(site.port, fact_requests(site.port, 3000)) as clients:
            await clients.flat_out(1)
            title = "the collector flat out, embedded log"
            with flame_of(site.process.pid, file, title, FLAME_SECONDS):
                await clients.flat_out(FLAME_SECONDS + 3)

    with (
        tempfile.TemporaryDirectory() as folder,
        running_site(Path(folder), log="embedded:") as site,
    ):
        uvloop.run(load(site))


def aim_of(log: str, what: str) -> str:
    """What the values should be; a broker on the same two cores takes its share."""
    return "at least 10,000" if (log, what) == ("Kafka", RATE) else AIMS.get(what, "")


async def once(site: RunningSite, figures: Figures) -> None:
    """Every measure once, on a fresh log."""
    requests = fact_requests(site.port, 3000)
    async with Clients(site.port, requests) as clients:
        await clients.flat_out(0.5)
        began, cpu = time.perf_counter(), site.cpu_seconds()
        answered = await clients.flat_out(FLAT_OUT_SECONDS)
        wall = time.perf_counter() - began
        figures[RATE].append(answered / wall)
        figures[FACTS].append(2 * answered / wall)
        figures[CPU].append(1e6 * (site.cpu_seconds() - cpu) / answered)

        cpu = site.cpu_seconds()
        took = await clients.paced(1000, PACED_SECONDS)
        figures[P50].append(1000 * quantile(took, 0.5))
        figures[P99].append(1000 * quantile(took, 0.99))
        figures[PACED_CPU].append(1e6 * (site.cpu_seconds() - cpu) / len(took))

        cpu = site.cpu_seconds()
        await clients.paced(100, PACED_SECONDS)
        figures[QUIET_CPU].append(100 * (site.cpu_seconds() - cpu) / PACED_SECONDS)
    figures[PEAK].append(site.peak_bytes() / 2**20)


class Clients:
    """Browsers on connections of their own, each with one request under way at most."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests: Iterator[bytes] = cycle(requests)
        self._connections: list[Connection] = []

    async def __aenter__(self) -> "Clients":
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self._connections.append(connection)
        return self

    async def __aexit__(self, *error: object) -> None:
        for connection in self._connections:
            connection.close()

    async def flat_out(self, seconds: float) -> int:
        """The number of requests answered 204 by all connections in so many seconds."""
        end = time.perf_counter() + seconds

        async def keep_sending(connection: "Connection") -> int:
            answered = 0
            while time.perf_counter() < end:
                await connection.ask(next(self._requests))
                answered += 1
            return answered

        return sum(await asyncio.gather(*map(keep_sending, self._connections)))

    async def paced(self, per_second: int, seconds: float) -> list[float]:
        """Seconds that each request took from the moment when it was due (so that a stall counts
        for all that it delays)."""
        began = time.perf_counter()
        due = iter([began + n / per_second for n in range(int(per_second * seconds))])
        took: list[float] = []

        async def keep_sending(connection: "Connection") -> None:
            for moment in due:
                await asyncio.sleep(moment - time.perf_counter())
                await connection.ask(next(self._requests))
                took.append(time.perf_counter() - moment)

        await asyncio.gather(*map(keep_sending, self._connections))
        return took


class Connection(asyncio.Protocol):
    """One connection; fails on any answer but 204."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[None] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> "asyncio.Future[None]":
        """Send a request; done when it is answered."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        assert self._answer is not None
        if self._received.startswith(b"HTTP/1.1 204 "):
            self._answer.set_result(None)
        else:
            self._answer.set_exception(RuntimeError(f"answered {self._received!r}"))
        self._received = b""

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
