"""Page latency with Dwell mounted, without it, and with its log dead."""

import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.rows import Row, quantile
from benchmarks.sites import fact_requests, page_request, running_site

NAME = "page-latency"

ROUNDS = 4000
PATHS = ("/page_a", "/page_b", "/page_c/tab_1", "/page_c/tab_2")
KINDS = ("without Dwell", "with Dwell", "with Dwell, log dead")
SHARES = {"p50": 0.5, "p99": 0.99}


def run(times: int) -> Iterable[Row]:
    """One page after the other from three sites in turn, so that all meet the same conditions."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(times):
        for kind, took in once().items():
            for name, share in SHARES.items():
                figures[kind, name].append(1e6 * quantile(took, share))
    for name in SHARES:
        plain = Row(f"{KINDS[0]}, {name}", "µs", figures[KINDS[0], name])
        yield plain
        for kind in KINDS[1:]:
            yield Row(f"{kind}, {name}", "µs", figures[kind, name], plain, "ratio at most 1.01")


def once() -> dict[str, list[float]]:
    """Seconds that each page took, by kind of site."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        blocked = folder / "a file where a folder should be"
        blocked.touch()
        sites = [
            stack.enter_context(running_site(folder, ("benchmarks.page_latency", "untracked"))),
            stack.enter_context(running_site(folder / "data")),
            stack.enter_context(running_site(blocked / "data")),
        ]
        visitors = [Visitor(site.port) for site in sites]
        for visitor in visitors:
            stack.callback(visitor.close)
        statuses = [visitor.posts() for visitor in visitors]
        assert statuses == [404, 204, 503], statuses
        return interleaved(visitors)


def interleaved(visitors: "list[Visitor]") -> dict[str, list[float]]:
    """Each round asks every site for the same page, and begins with another one."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(ROUNDS):
        path = PATHS[number % len(PATHS)]
        for turn in range(len(visitors)):
            place = (number + turn) % len(visitors)
            took[KINDS[place]].append(visitors[place].views(path))
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

    from dwell.settings import Settings
    from dwell.site.app import create_app
    from dwell.site.server import configured

    settings = Settings.read()
    config = configured(create_app(settings, tracked=False))
    config.port = settings.port
    uvicorn.Server(config).run()


if __name__ == "__main__" and sys.argv[1:] == ["untracked"]:
    untracked()
