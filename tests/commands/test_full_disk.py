"""A disk that is full, nearly full, or read-only, by its real cause: pages stay, nothing kept is lost."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.events.log_file import open_to_read
from tests.support.collecting import distinct
from tests.support.disks import Disk, small_disk
from tests.support.running import Process, environment, free_port, running, wait_until

MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", 20 * MIB) as disk:
        yield disk


class Site:
    """`dwell site` with its data on a small disk."""

    def __init__(self, port: int, process: Process) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.process = process
        self.kept: list[str] = []
        """The pageviews of facts that were answered 204."""

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes, Any]:
        request = urllib.request.Request(
            f"{self.origin}{path}", body, {"content-type": "text/plain"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers

    def post(self, number: int, facts: int = 20) -> tuple[int, Any, Any]:
        """A request with some facts of 2 kB each."""
        posted = [
            distinct(number * 100 + each) | {"referrer": "x" * 1_200} for each in range(facts)
        ]
        status, body, headers = self.ask("/dwell/facts", json.dumps({"facts": posted}).encode())
        if status == 204:
            self.kept += [each["pageview_id"] for each in posted]
        return status, json.loads(body) if body else None, headers

    def until(self, status: int, first: int) -> tuple[Any, Any]:
        """Post until that is the answer; returns the document and the headers."""
        found: list[Any] = []

        def answered() -> bool:
            found[:] = self.post(first + len(self.kept))
            return bool(found[0] == status)

        wait_until(answered, within=60)
        return found[1], found[2]

    def ready(self) -> Any:
        return json.loads(self.ask("/dwell/health/ready")[1])


@contextmanager
def site_on(disk: Disk, tmp_path: Path, **settings: object) -> Iterator[Site]:
    port = free_port()
    environ = environment(disk.inside / "data", port, **settings)
    output = tmp_path / "site.log"
    url = f"http://127.0.0.1:{port}/"
    with running("site", environ=environ, output=output, under=disk.under) as process:
        process.wait_for(url, 60)
        yield Site(port, process)


def kept_in(data: Path) -> set[str]:
    """The pageviews in the log, which is whole."""
    with closing(open_to_read(data / "live/log.sqlite")) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("select value from record").fetchall()
    return {json.loads(value)["data"]["pageview_id"] for (value,) in rows}


def refused_and_taken_again(site: Site, full: Callable[[], None], room: Callable[[], None]) -> None:
    """Facts are refused from `full` on, and taken from `room` on; pages are there all the time."""
    assert site.post(0)[0] == 204
    full()
    document, headers = site.until(503, 1_000)
    assert document["type"] == "urn:dwell:problem:no_space"
    assert int(headers["retry-after"]) > 0
    assert site.ask("/page_a")[0] == 200
    wait_until(lambda: site.ready() == {"ready": False, "reason": "no_space"}, within=60)
    room()
    site.until(204, 1_000_000)
    wait_until(lambda: site.ready() == {"ready": True}, within=60)


def test_with_less_free_than_is_to_be_kept_facts_are_refused_until_there_is_more(
    disk: Disk, tmp_path: Path
) -> None:
    with site_on(disk, tmp_path, keep_free="8MiB") as site:
        refused_and_taken_again(site, lambda: disk.fill(leave=8 * MIB - 4_096), disk.empty)
    said = site.process.printed()
    assert said.count("facts are refused with 503") == said.count("facts are kept again") == 1
    assert "expected at least DWELL_KEEP_FREE, which is 8388608" in said
    assert disk.free > 8 * MIB
    assert set(site.kept) <= kept_in(disk.copied(tmp_path / "copy") / "data")


def test_on_a_disk_that_is_full_facts_are_refused_and_the_log_stays_whole(
    disk: Disk, tmp_path: Path
) -> None:
    with site_on(disk, tmp_path, keep_free=0) as site:
        refused_and_taken_again(site, disk.fill, disk.empty)
    assert "expected space on its disk" in site.process.printed()
    assert set(site.kept) <= kept_in(disk.copied(tmp_path / "copy") / "data")


def test_on_a_disk_that_is_read_only_facts_are_refused_and_pages_are_answered(
    disk: Disk, tmp_path: Path
) -> None:
    disk.read_only()
    with site_on(disk, tmp_path, keep_free=0) as site:
        document = site.until(503, 0)[0]
        assert document["type"] == "urn:dwell:problem:log_unavailable"
        assert site.ask("/page_a")[0] == 200
        disk.read_only(False)
        site.until(204, 1_000)
    assert set(site.kept) <= kept_in(disk.copied(tmp_path / "copy") / "data")


def test_a_projector_without_room_stops_and_the_next_one_goes_on_where_it_was(
    disk: Disk, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite"
    environ = environment(disk.inside / "data", free_port(), log=f"embedded:{log}")
    with site_on(disk, tmp_path, keep_free=0, log=f"embedded:{log}") as site:

        def published() -> int:
            copy = tmp_path / "copy.duckdb"
            copy.unlink(missing_ok=True)
            try:
                copy.write_bytes((disk.outside / "data/warehouse.duckdb").read_bytes())
            except FileNotFoundError:
                return 0
            with closing(duckdb.connect(str(copy), read_only=True)) as connection:
                [(pageviews,)] = connection.execute("select count(*) from pageview").fetchall()
            return int(pageviews)

        def projecting() -> Any:
            output = tmp_path / "project.log"
            return running("project", environ=environ, output=output, under=disk.under)

        with projecting() as projector:
            site.post(0)
            wait_until(lambda: published() == 20, within=60)
            disk.fill()
            number = 0

            def ended() -> bool:
                nonlocal number
                number += 1
                assert site.post(number, 40)[0] == 204
                return not projector.alive

            wait_until(ended, within=60)
            assert projector.wait() == 2
            assert "No space left on device" in projector.printed()
        assert published() == 20, "the former publication stands"
        disk.empty()
        with projecting():
            wait_until(lambda: published() == len(site.kept), within=60)
