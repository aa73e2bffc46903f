"""Page latency with Dwell mounted, without it, with its log dead or its broker away, and as facts pour in."""

import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.brokers import running_broker, topic_on
from benchmarks.processes import started
from benchmarks.rows import Row, quantile
from benchmarks.sites import fact_requests, page_request, running_site
from tests.support.running import wait_until

NAME = "page-latency"

ROUNDS = 4000
PATHS = ("/page_a", "/page_b", "/page_c/tab_1", "/page_c/tab_2")
PLAIN, TWIN = "without Dwell", "without Dwell, another one alike"
MOUNTED, DEAD = "with Dwell", "with Dwell, log dead"
KAFKA, AWAY = "with Dwell on Kafka", "with Dwell on Kafka, broker away"
BESIDE, LOADED = "without Dwell, beside 1,000 facts/s", "with Dwell, at 1,000 facts/s"
KINDS = (PLAIN, TWIN, MOUNTED, DEAD, KAFKA, AWAY, BESIDE, LOADED)
AGAINST = {TWIN: PLAIN, MOUNTED: PLAIN, DEAD: PLAIN, KAFKA: PLAIN, AWAY: KAFKA, LOADED: BESIDE}
AIMS = {TWIN: "", LOADED: "ratio at most 1.05"}
"""Of the others it is 1.01."""
ANSWERS = {PLAIN: 404, TWIN: 404, MOUNTED: 204, DEAD: 503, KAFKA: 204, AWAY: 204}
"""How a fact is answered at first; the broker that goes away does so afterwards."""
TRACKED = ("dwell.cli", "site")
FACTS = 1_000
"""A second, in some 500 requests."""
VISITORS = 1_000_000
"""More than will be here before the end."""
WARMS = 5.0
"""Seconds."""
SHARES = {"p50": 0.5, "p99": 0.99}

LIMIT = (
    "A page with Dwell takes one call more than without: the one that looks whether facts come. What else "
    "differs is noise of processes that share two cores, as far as two sites differ that are alike."
)


def run(times: int) -> Iterable[Row]:
    """One page after the other from each site in turn, so that all meet the same conditions."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(times):
        for kind, took in once().items():
            for name, share in SHARES.items():
                figures[kind, name].append(1e6 * quantile(took, share))
    for name in SHARES:
        rows = {kind: Row(f"{kind}, {name}", "µs", figures[kind, name]) for kind in KINDS}
        for kind, row in rows.items():
            if not row.values:
                continue
            against = AGAINST.get(kind)
            aim = AIMS.get(kind, "ratio at most 1.01") if against else ""
            yield Row(row.what, row.unit, row.values, rows[against] if against else None, aim)


def once() -> dict[str, list[float]]:
    """Seconds that each page took, by kind of site."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        blocked = folder / "a file where a folder should be"
        blocked.touch()
        logs: dict[str, dict[str, Any]] = {
            PLAIN: {"data": folder / "plain"},
            TWIN: {"data": folder / "twin"},
            MOUNTED: {"data": folder / "data"},
            DEAD: {"data": blocked / "data"},
        }
        brokers = {kind: stack.enter_context(running_broker()) for kind in (KAFKA, AWAY)}
        for kind, broker in brokers.items():
            if broker is not None:
                logs[kind] = {"data": folder / kind, "log": topic_on(broker), "durable_within": 1}
        visitors = {}
        for kind, settings in logs.items():
            command = ("benchmarks.page_latency", "untracked") if kind in (PLAIN, TWIN) else TRACKED
            site = stack.enter_context(running_site(**settings, command=command))
            visitors[kind] = Visitor(site.port)
            stack.callback(visitors[kind].close)
            # The first facts find a topic that has to be made.
            wait_until(partial(visitors[kind].is_answered, ANSWERS[kind]))
        away = brokers[AWAY]
        if away is not None:
            away.kill()
            wait_until(partial(visitors[AWAY].is_answered, 503))
        return interleaved(visitors) | loaded(folder / "loaded", visitors[PLAIN])


def loaded(data: Path, plain: "Visitor") -> dict[str, list[float]]:
    """Seconds that each page took while facts come to one of two sites, and are projected."""
    with ExitStack() as stack:
        site = stack.enter_context(running_site(data, command=TRACKED))
        visitor = Visitor(site.port)
        stack.callback(visitor.close)
        stack.enter_context(started(data, "dwell.cli", "project"))
        load = ("--rate", str(FACTS), "--visitors", str(VISITORS))
        url = f"http://127.0.0.1:{site.port}/dwell/facts"
        stack.enter_context(
            started(data, "dwell.cli", "simulate", *load, "--url", url, said=subprocess.DEVNULL)
        )
        time.sleep(WARMS)
        return interleaved({BESIDE: plain, LOADED: visitor})


def interleaved(visitors: "dict[str, Visitor]") -> dict[str, list[float]]:
    """Each round asks every site for the same page, and begins with another one."""
    kinds = list(visitors)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(ROUNDS):
        path = PATHS[number % len(PATHS)]
        for turn in range(len(kinds)):
            kind = kinds[(number + turn) % len(kinds)]
            took[kind].append(visitors[kind].views(path))
    warm = ROUNDS // 10
    return {kind: values[warm:] for kind, values in took.items()}


class Visitor:
    """A connection to a site."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = {path: page_request(port, path) for path in PATHS}

    def posts(self) -> int:
        """The status that a fact is answered with; so a dead log is known to be dead."""
        [request] = fact_requests(self._port, 1)
        with socket.create_connection(("127.0.0.1", self._port), timeout=20) as connection:
            connection.sendall(request)
            return int(connection.recv(65_536).split()[1])

    def is_answered(self, status: int) -> bool:
        """Whether a fact is answered so."""
        return self.posts() == status

    def views(self, path: str) -> float:
        """Seconds from the request to the last byte of the page."""
        request = self._requests[path]
        began = time.perf_counter()
        self._connection.sendall(request)
        received = self._connection.recv(262_144)
        head, _, body = received.partition(b"\r\n\r\n")
        missing = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
        while missing > 0:
            missing -= len(self._connection.recv(262_144))
        took = time.perf_counter() - began
        assert head.startswith(b"HTTP/1.1 200 "), head
        return took

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def untracked() -> None:
    """Serve the pages without Dwell, as `dwell site` does with it."""
    import uvicorn

    from dwell.serving import configured
    from dwell.settings import Settings
    from dwell.site.app import create_app

    settings = Settings.read()
    config = configured(create_app(settings, tracked=False))
    config.port = settings.port
    uvicorn.Server(config).run()


if __name__ == "__main__" and sys.argv[1:] == ["untracked"]:
    untracked()
