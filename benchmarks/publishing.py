"""What publishing a gigabyte costs a projector that has all it can do, and what readers see meanwhile."""

import asyncio
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb

from benchmarks.brokers import running_broker, topic_on
from benchmarks.kafka_path import RATE, once, produced
from benchmarks.processes import meanwhile
from benchmarks.rows import Row
from dwell.errors import WarehouseError
from dwell.settings import Settings
from dwell.warehouse.published import open_published

NAME = "publishing"

NEVER = 86_400
"""Seconds: only at the start and at the end."""
LOOK_EVERY = 0.02
COUNTED = "select sum(pageviews) from tracking_session"
PUBLISHING, SELDOM = (
    "facts committed, publishing",
    "facts committed, publishing at start and end alone",
)
OPENED, BROKEN, SIZE = "opened by a reader", "of these broken, or gone back", "published file"
UNITS = {OPENED: "times", BROKEN: "times", SIZE: "MiB"}


LIMIT = (
    "A publication is a checkpoint, which no commit gets past, and the blocks that have changed since the last "
    "but one, written beside the commits on the same two cores and the same disk. Both are given a share of the "
    "time, by the median of the last three. Three runs of two pairs on one day gave 0.88, 0.95 and 0.98."
)


def run(times: int) -> Iterable[Row]:
    """Facts from Kafka onto 5M pageviews, in turn with a copy of 1.1 GB whenever one is due and without;
    a reader opens the published file all the time."""
    figures: dict[str, list[float]] = defaultdict(list)
    with running_broker() as broker:
        if broker is None:
            return
        log = topic_on(broker)
        asyncio.run(produced(log))
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                figures[SELDOM].append(watched(log, Path(folder), publish_seconds=NEVER).rate)
            with tempfile.TemporaryDirectory() as folder:
                seen = watched(log, Path(folder))
                figures[PUBLISHING].append(seen.rate)
                figures[OPENED].append(seen.opened)
                figures[BROKEN].append(seen.broken)
                figures[SIZE].append(seen.mib)
    seldom = Row(SELDOM, "facts/s", figures[SELDOM])
    yield seldom
    yield Row(PUBLISHING, "facts/s", figures[PUBLISHING], seldom, "ratio at least 0.9")
    for what, unit in UNITS.items():
        yield Row(what, unit, figures[what], aim="at most 0" if what == BROKEN else "")


class Seen(NamedTuple):
    """One run: facts committed a second, and what a reader met."""

    rate: float
    opened: int
    broken: int
    mib: float


def watched(log: str, folder: Path, **chosen: object) -> Seen:
    """A run with these settings and a reader that opens the file again and again."""
    settings = Settings.read({"log": log, "data": folder}, environ={})
    reader = Reader(settings.published)
    rate = once(log, folder, lambda _: meanwhile(reader.read), **chosen)[RATE]
    return Seen(rate, reader.opened, reader.broken, settings.published.stat().st_size / 2**20)


class Reader:
    """Opens the published file, looks at it, and closes it.

    Attributes:
        opened: how often.
        broken: how often it could not be opened or read, or had less than before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self.opened = 0
        self.broken = 0

    def read(self, ended: threading.Event) -> None:
        """Look again and again."""
        while not ended.wait(LOOK_EVERY):
            if self._path.exists():
                self.look()

    def look(self) -> None:
        """Once."""
        self.opened += 1
        try:
            with open_published(self._path) as connection:
                [(rows,)] = connection.execute(COUNTED).fetchall()
        except (duckdb.Error, WarehouseError):
            self.broken += 1
        else:
            self.broken += rows < self._rows
            self._rows = rows
