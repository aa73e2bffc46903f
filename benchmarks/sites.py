"""Sites and dashboards for the benchmarks: each a process of its own; and what is sent to a site."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from benchmarks.processes import cpu_seconds
from tests.support.running import environment, free_port, wait_until

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36"
)
PAGEVIEW, SESSION, VISITOR = (
    UUID(text).int
    for text in (
        "0193a5c2-7b6e-7c11-8000-000000000000",
        "0193a5c2-7b6a-7d20-9000-000000000000",
        "0193a5c2-0000-7d20-9000-000000000000",
    )
)


@dataclass(frozen=True)
class RunningSite:
    """A site that answers, or a dashboard.

    Attributes:
        process: its process, all threads of which count.
    """

    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Seconds of processor time that it has used."""
        return cpu_seconds(self.process.pid)

    def peak_bytes(self) -> int:
        """The most physical memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@contextmanager
def running_site(
    data: Path, command: Sequence[str] = ("dwell.cli", "site"), **settings: object
) -> Iterator[RunningSite]:
    """`python -m` with this command, which listens on the port of the settings, for a `with`."""
    port = free_port()
    with _running(command, environment(data, port, **settings), port, "/page_a") as site:
        yield site


@contextmanager
def running_dashboard(
    data: Path, command: Sequence[str] = ("dwell.cli", "dashboard"), **settings: object
) -> Iterator[RunningSite]:
    """A dashboard of this data folder, for a `with`."""
    port = free_port()
    environ = environment(data, free_port(), dashboard_port=port, **settings)
    with _running(command, environ, port, "/healthy") as dashboard:
        yield dashboard


@contextmanager
def _running(
    command: Sequence[str], environ: Mapping[str, str], port: int, path: str
) -> Iterator[RunningSite]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=dict(environ), stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: process.poll() is not None or _answers(port, path))
        assert process.poll() is None, f"{' '.join(command)} did not start"
        yield RunningSite(port, process)
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int, path: str) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
    except OSError:
        return False
    return True


def page_request(port: int, path: str) -> bytes:
    """A page as a browser asks for it."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\n"
        f"User-Agent: {AGENT}\r\nAccept: text/html\r\nAccept-Language: en\r\n\r\n"
    ).encode()


def fact_requests(port: int, count: int) -> list[bytes]:
    """Requests of 1, 2 and 3 facts in turn, as Chromium sends them, each of another visitor."""
    return [_fact_request(port, number, number % 3 + 1) for number in range(count)]


def _fact_request(port: int, number: int, facts: int) -> bytes:
    visitor = UUID(int=VISITOR + number)
    body = json.dumps({"facts": [_fact(number, seq) for seq in range(facts)]}).encode()
    head = (
        f"POST /dwell/facts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\n"
        f'Content-Length: {len(body)}\r\nsec-ch-ua-platform: "Linux"\r\nUser-Agent: {AGENT}\r\n'
        "Content-Type: text/plain;charset=UTF-8\r\nAccept: */*\r\n"
        f"Origin: http://127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
        f"Referer: http://127.0.0.1:{port}/page_a\r\nAccept-Encoding: gzip, deflate\r\n"
        f"Accept-Language: en\r\nCookie: dwell_visitor={visitor}\r\n\r\n"
    )
    return head.encode() + body


def _fact(number: int, seq: int) -> dict[str, object]:
    """As the beacon states it."""
    return {
        "engagement_ms": 5000 * seq,
        "delay_ms": 4,
        "age_ms": 5000 * seq,
        "visibility": "visible",
        "seq": seq,
        "session_id": str(UUID(int=SESSION + number)),
        "identity": {"title": "Page A", "path": "/page_a"},
        "referrer": "",
        "pageview_id": str(UUID(int=PAGEVIEW + number)),
        "view": "dwell.site.pages.page_a.PageA",
        "previous_seq": None,
    }
