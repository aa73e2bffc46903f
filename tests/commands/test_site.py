"""`dwell site`, started and stopped as a person does it."""

import asyncio
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dwell.events.opening import open_reader
from dwell.settings import Settings
from tests.support.collecting import fact
from tests.support.running import Process, environment, free_port, running, wait_until

BODY = json.dumps({"facts": [fact()]}).encode()
HEAD = (
    b"POST /dwell/facts HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    % len(BODY)
)


class Running:
    """A `dwell site` that answers."""

    def __init__(self, process: Process, data: Path, port: int) -> None:
        self.process = process
        self.data = data
        self.port = port

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def catch_up(self) -> None:
        """Wait until it has read what was sent before: it answers what comes later."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("HEAD", "/")
            connection.getresponse().read()

    async def kept(self) -> int:
        """How many facts are in its log."""
        reader = open_reader(Settings(data=self.data))
        await reader.assign({0: 0})
        batches = await reader.read(100, 0.2)
        await reader.close()
        return sum(map(len, batches))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Running]:
    port = free_port()
    data = tmp_path / "data"
    output = tmp_path / "printed"
    url = f"http://127.0.0.1:{port}/"
    with running("site", environ=environment(data, port), output=output, url=url) as process:
        yield Running(process, data, port)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_cleanly(site: Running, how: int) -> None:
    began = time.monotonic()

    assert site.process.stop(how) == 0
    assert time.monotonic() - began < 10
    assert site.process.printed() == f"the site is at http://127.0.0.1:{site.port}/\n"


async def test_what_is_in_flight_is_answered_before_it_ends(site: Running) -> None:
    with site.connect() as connection:
        connection.sendall(HEAD + BODY[:50])
        site.catch_up()
        site.process.send(signal.SIGTERM)
        await asyncio.sleep(0.3)
        connection.sendall(BODY[50:])

        assert connection.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert site.process.stop() == 0
    assert await site.kept() == 1


def test_the_date_of_its_answers_goes_on(site: Running) -> None:
    def date() -> str | None:
        with closing(HTTPConnection("127.0.0.1", site.port, timeout=20)) as connection:
            connection.request("HEAD", "/")
            return connection.getresponse().getheader("date")

    began = date()
    assert began
    wait_until(lambda: date() != began)


def test_who_keeps_it_waiting_is_sent_away(site: Running) -> None:
    with site.connect() as connection:
        connection.sendall(HEAD + BODY[:50])
        site.catch_up()
        began = time.monotonic()

        assert site.process.stop(signal.SIGTERM, within=8) == 0
        assert time.monotonic() - began < 6
        assert connection.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in site.process.printed()


def test_a_log_that_does_not_answer_does_not_keep_it(site: Running) -> None:
    with site.connect() as connection:
        connection.sendall(HEAD + BODY)
        assert connection.recv(1000).startswith(b"HTTP/1.1 204 ")
    with (
        closing(sqlite3.connect(Settings(data=site.data).embedded_log)) as other,
        site.connect() as connection,
    ):
        other.execute("begin immediate")
        connection.sendall(HEAD + BODY)
        site.catch_up()
        began = time.monotonic()

        assert site.process.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 9
        assert connection.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in site.process.printed()


def test_a_port_in_use_ends_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = Process(
            "site", environ=environment(tmp_path / "data", port), output=tmp_path / "printed"
        )

        assert process.wait(10) == 2
    assert process.printed() == (
        f"dwell: 127.0.0.1:{port} is in use by another process: end that one, "
        "or choose another port with --port or DWELL_PORT\n"
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_here_ends_with_one_line(tmp_path: Path, host: str) -> None:
    process = Process(
        "site", environ=environment(tmp_path, 8000, host=host), output=tmp_path / "printed"
    )

    assert process.wait(20) == 2
    assert process.printed().startswith(f"dwell: {host}:8000 cannot be listened on (")
    assert process.printed().count("\n") == 1


def test_localhost_is_every_loopback_address_there_is(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    environ = environment(tmp_path / "data", port, host="localhost")
    with running("site", environ=environ, output=tmp_path / "printed", url=url) as process:
        connection = HTTPConnection("localhost", port, timeout=5)
        connection.request("GET", "/page_a")
        assert connection.getresponse().status == 200
        connection.close()
        assert f"http://localhost:{port}/" in process.printed()
