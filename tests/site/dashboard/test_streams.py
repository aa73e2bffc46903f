"""Server-sent events: one at once, one for each publication, so many streams and no more."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard, newest, projecting, streams
from dwell.warehouse.live import LiveWarehouse
from tests.support.publishing import publish
from tests.support.running import environment, free_port, running, wait_until
from tests.support.serving import serving


class Stream:
    """An open stream of events, read as a browser does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""
        self.head = self._until(b"\r\n\r\n").decode()

    def event(self) -> dict[str, Any]:
        """What the next publication is told with; all else is passed over."""
        while True:
            block = self.block()
            if "event: published\n" in block:
                data: dict[str, Any] = json.loads(block.partition("data: ")[2].splitlines()[0])
                return data

    def block(self) -> str:
        """What comes next, up to an empty line."""
        return self._until(b"\n\n").decode()

    def ended(self) -> bool:
        """Whether the server says that nothing comes any more, rather than just going away."""
        last = self._rest
        while chunk := self._connection.recv(4096):
            last += chunk
            if last.endswith(b"0\r\n\r\n"):
                return True
        return False

    def _until(self, end: bytes) -> bytes:
        while end not in self._rest:
            chunk = self._connection.recv(4096)
            assert chunk, "the stream has ended"
            self._rest += chunk
        found, _, self._rest = self._rest.partition(end)
        return found


@contextmanager
def listening(origin: str) -> Iterator[Stream]:
    """A stream of the dashboard there."""
    host, port = origin.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        connection.sendall(
            f"GET /events HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
        )
        yield Stream(connection)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes less."""
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(streams, "EVENT_SECONDS", 0.05)


def test_a_stream_tells_of_the_publication_there_is_and_of_each_new_one(tmp_path: Path) -> None:
    publish(tmp_path, [1])
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        assert "content-type: text/event-stream" in stream.head
        assert "cache-control: no-store" in stream.head
        assert "x-accel-buffering: no" in stream.head
        assert "content-encoding" not in stream.head
        assert stream.block().endswith("retry: 3000")
        first = stream.event()
        assert first.keys() == {
            "publication",
            "published_at",
            "now",
            "age",
            "behind",
            "projecting",
        }
        assert 0 <= int(first["age"]) < 60_000
        publish(tmp_path, [2])
        assert stream.event()["publication"] != first["publication"]


def test_who_comes_to_an_older_publication_is_told_of_the_newest_when_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "EVENT_SECONDS", 3_600.0)
    monkeypatch.setattr(newest, "ALONE_SECONDS", -1.0)
    publish(tmp_path, [1])
    with serving(create_dashboard(Settings(data=tmp_path))) as origin:
        urlopen(f"{origin}/panels/totals.json", timeout=30).close()
        publish(tmp_path, [2])
        with listening(origin) as stream:
            first, second = stream.event(), stream.event()
    assert (first["behind"], second["behind"]) == (True, False)
    assert first["publication"] != second["publication"]


def test_a_stream_tells_when_a_later_time_is_now_though_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "NOW_SECONDS", 0.0)
    monkeypatch.setattr(newest, "SHARE", 0)
    publish(tmp_path, [1])
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        first, second = stream.event(), stream.event()
    assert second["publication"] == first["publication"]
    assert second["now"] >= first["now"]


def test_before_the_first_publication_it_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "COMMENT_SECONDS", 0.1)
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        assert stream.block().endswith("retry: 3000")
        assert ": still here" in stream.block()
        publish(tmp_path, [1])
        assert stream.event()["publication"]


def test_it_tells_whether_a_projector_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "COMMENT_SECONDS", 0.1)
    monkeypatch.setattr(projecting, "sees_every_holder", lambda: True)
    publish(tmp_path, [1])
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        assert stream.event()["projecting"] is False
        with LiveWarehouse(tmp_path / "live" / "warehouse.duckdb"):
            while "event: projecting\ndata: true" not in stream.block():
                pass
        while "event: projecting\ndata: false" not in stream.block():
            pass
    monkeypatch.setattr(projecting, "sees_every_holder", lambda: False)
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        assert stream.event()["projecting"] is None


def test_so_many_streams_are_open_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST", 2)
    with serving(create_dashboard(Settings(data=tmp_path))) as origin:
        with listening(origin) as first, listening(origin) as second:
            assert all("200 OK" in each.head for each in (first, second))
            with listening(origin) as third:
                assert "503" in third.head.partition("\r\n")[0]
                assert "retry-after: 60" in third.head

        def is_open() -> bool:
            with listening(origin) as stream:
                return "200 OK" in stream.head

        wait_until(is_open)  # once the server has noticed that those are gone


def test_an_old_stream_ends_so_that_who_may_no_longer_look_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST_SECONDS", 0.1)
    with serving(create_dashboard(Settings(data=tmp_path))) as origin, listening(origin) as stream:
        assert stream.ended()


def test_streams_do_not_keep_the_dashboard_from_ending(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port())
    address = f"http://127.0.0.1:{environ['DWELL_DASHBOARD_PORT']}"
    output = tmp_path / "out"
    with (
        running("dashboard", environ=environ, output=output, url=address) as process,
        listening(address) as stream,
    ):
        assert "200 OK" in stream.head
        assert process.stop() == 0
        assert stream.ended()
