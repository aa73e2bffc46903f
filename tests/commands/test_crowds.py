"""A site that is crowded: pages are answered and facts kept, in bounded memory, whoever else holds on."""

import http.client
import json
import os
import re
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.collecting import fact
from tests.support.running import Process, environment, free_port, running, wait_until

SLOW = 2_000
FEW = 128
BODY = json.dumps({"facts": [fact()]}).encode()
TICKS = os.sysconf("SC_CLK_TCK")


class Site:
    """A `dwell site` on a port."""

    def __init__(self, port: int, process: Process) -> None:
        self.port = port
        self.process = process

    def statuses(self) -> tuple[int, int] | None:
        """Of a page and of a fact, on a connection of their own; `None` if it was hung up on."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as client:
            try:
                client.request("GET", "/page_a")
                page = client.getresponse()
                page.read()
                client.request("POST", "/dwell/facts", BODY, {"content-type": "text/plain"})
                return page.status, client.getresponse().status
            except (ConnectionError, http.client.HTTPException):
                return None

    def figure(self, name: str) -> int:
        """A line of the process's status, in bytes or as it stands."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+)( kB)?", status, re.MULTILINE)
        assert found
        return int(found[1]) * (1024 if found[2] else 1)

    def seconds(self) -> float:
        """Of processor time."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def site(tmp_path: Path, under: Sequence[str] = ()) -> Iterator[Site]:
    port = free_port()
    environ = environment(tmp_path / "data", port)
    url = f"http://127.0.0.1:{port}/"
    output = tmp_path / "printed"
    with running("site", environ=environ, output=output, under=under) as process:
        process.wait_for(url, 60)
        yield Site(port, process)


@contextmanager
def connections(site: Site, number: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many, each of which has said that and no more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.settimeout(60)
            client.connect(("127.0.0.1", site.port))
            client.sendall(sent)
            opened.append(client)
        yield opened


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2 * SLOW:
        pytest.skip(f"a process may have {before[1]} open files here: expected {2 * SLOW}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * SLOW, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_among_2000_slow_connections_pages_are_answered_and_facts_kept(tmp_path: Path) -> None:
    with site(tmp_path) as crowded:
        before = crowded.figure("VmRSS")
        with connections(crowded, SLOW, b"GET /page_a HTTP/1.1\r\nX: "):
            assert [crowded.statuses() for _ in range(20)] == [(200, 204)] * 20
            grown = crowded.figure("VmRSS") - before
            assert grown < SLOW * 50 * 1024, "7 KiB for each when it was written"


def test_without_file_descriptors_it_neither_ends_nor_spins_and_goes_on_when_there_are_some(
    tmp_path: Path,
) -> None:
    limited = ("prlimit", f"--nofile={FEW}:{FEW}", "--")
    with site(tmp_path, limited) as crowded:
        assert crowded.statuses() == (200, 204)
        with connections(crowded, 3 * FEW, b"") as opened:
            refused = "connections are open: more are refused"
            wait_until(lambda: refused in crowded.process.printed(), within=60)
            assert len(list(Path(f"/proc/{crowded.process.pid}/fd").iterdir())) < FEW
            before = crowded.seconds()
            assert opened[0].recv(100).startswith(b"HTTP/1.1 408 ")
            assert crowded.seconds() - before < 2, "of the seconds in which it only had to wait"
        wait_until(lambda: crowded.statuses() == (200, 204), within=60)
