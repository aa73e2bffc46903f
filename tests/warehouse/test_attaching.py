"""A file is read as it is, whatever takes its name meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

from dwell.warehouse.contents import opened
from tests.support.facts import Projected, glimpse
from tests.support.promoting import made


@contextmanager
def taking_turns(path: Path, *files: Path) -> Iterator[None]:
    """The path is the one file and the other by turns, as fast as can be, for the time of a `with`."""
    done = Event()

    def take() -> None:
        for number, file in enumerate(cycle(files)):
            if done.is_set():
                return
            link = path.with_name(f"{number}.link")
            link.hardlink_to(file)
            os.replace(link, path)  # noqa: PTH105

    thread = Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def pageviews(path: Path) -> int:
    with opened(path, read_only=True) as connection:
        [(count,)] = connection.execute("select count(engagement_time) from pageview").fetchall()
        return int(count)


def test_no_file_is_read_with_the_head_of_another(tmp_path: Path) -> None:
    one = made(tmp_path / "one.duckdb", [glimpse(number) for number in range(1, 40)])
    other = tmp_path / "other.duckdb"
    with Projected(other) as projected:
        for written in range(6):  # its blocks lie elsewhere than those of a file written once
            facts = [glimpse(100 * written + number) for number in range(1, 90)]
            projected.append(facts).project().warehouse.checkpoint()
    path = tmp_path / "path.duckdb"
    path.hardlink_to(one)
    with taking_turns(path, one, other):
        seen = {pageviews(path) for _ in range(30)}
    assert seen == {39, 534}
