"""Dwell as it runs: a site and a projector, each a process, on one log and one data folder."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from dwell.events.log import LogReader
from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.warehouse.published import open_published
from tests.support.running import Process, environment, free_port, running, wait_until
from tests.support.watching import Watched
from tests.support.wire import body

PARTS = ("site", "project")
READY_WITHIN = 60.0
SETTLED = re.compile(r"([\d,]+) facts settled.* ([\d,]+) requests tried again, ([\d,]+) refused")


@dataclass
class Installation:
    """A site and a projector. Who ends one by its `Process` starts it again with `start`.

    Attributes:
        log: as `DWELL_LOG` has it.
        settings: for both processes.
    """

    folder: Path
    log: str = "embedded:"
    settings: dict[str, object] = field(default_factory=dict)
    parts: dict[str, Process] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.truth = self.data / "simulated-visitors.truth.jsonl"
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.environ = environment(self.data, self.port, log=self.log, **self.settings)
        self._published = Watched(self.data / "warehouse.duckdb", open_published)

    def __enter__(self) -> Self:
        try:
            for part in PARTS:
                self.start(part)
            self.parts["site"].wait_for(self.origin, READY_WITHIN)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in self.parts.values():
            if part.alive:
                part.stop(within=20)

    def start(self, part: str) -> Process:
        """Start one that does not run."""
        output = self.folder / f"{part}.out"
        self.parts[part] = Process(part, environ=self.environ, output=output)
        return self.parts[part]

    def kill(self, part: str) -> None:
        """SIGKILL to one, and start it again."""
        self.parts[part].kill()
        self.start(part)

    def said(self, part: str) -> str:
        """What one has printed, in all its lives."""
        return self.parts[part].printed()

    @cached_property
    def as_read(self) -> Settings:
        """The settings as the processes read them."""
        return Settings.read(environ=self.environ)

    def reader(self) -> LogReader:
        """A reader of the log, as the projector's."""
        return open_reader(self.as_read)

    def post(self, *facts: dict[str, Any]) -> int:
        """The status with which the collector answers these facts."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.origin}/dwell/facts", body(*facts), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the published warehouse, as it is now; none before it is there."""
        return self._published.rows(query, *parameters)

    def dwell(self, *arguments: str, within: float = 60) -> str:
        """What `dwell …` prints until it ends well."""
        output = self.folder / f"{arguments[0]}-{time.monotonic_ns()}.out"
        with running(*arguments, environ=self.environ, output=output) as process:
            wait_until(lambda: not process.alive, within)
            assert process.stop() == 0, process.printed()
            return process.printed()

    def refused(self, *arguments: str, within: float = 30) -> str:
        """The one line with which `dwell …` says that it cannot do its work."""
        output = self.folder / f"{arguments[0]}-{time.monotonic_ns()}.out"
        with running(*arguments, environ=self.environ, output=output) as process:
            wait_until(lambda: not process.alive, within)
            assert process.stop() == 2, process.printed()
            lines = [line for line in process.printed().splitlines() if line.startswith("dwell: ")]
        assert len(lines) == 1, process.printed()
        return lines[0]

    @contextmanager
    def visited(
        self, facts: int, rate: float, seed: int, *, within: float = 60
    ) -> Iterator["Visitors"]:
        """Simulated visitors with about so many facts for the time of a `with`, which begins when the
        first facts are settled. At its end all of them are settled, and the warehouse is the truth.
        """
        visitors = Visitors(max(1, round(facts / FACTS_A_VISITOR)), rate, seed)
        output = self.folder / f"visitors-{seed}.out"
        before = self.truth.stat().st_size if self.truth.exists() else 0
        with running(*visitors.command, environ=self.environ, output=output) as process:
            wait_until(lambda: self._settled(after=before) or not process.alive)
            yield visitors
            wait_until(lambda: not process.alive, within)
            assert process.stop() == 0, process.printed()
        visitors.read(process.printed())
        assert visitors.refused == 0, process.printed()
        assert "the same" in self.dwell("simulate", "--check", "--wait", "40")

    def _settled(self, after: int) -> bool:
        """Whether the truth file says so of any fact, beyond so many bytes."""
        return self.truth.exists() and b'{"settled"' in self.truth.read_bytes()[after:]


FACTS_A_VISITOR = 27.6


@dataclass
class Visitors:
    """Those of one simulation, and how it went for them."""

    number: int
    rate: float
    seed: int
    settled: int = 0
    retries: int = 0
    refused: int = 0

    @property
    def command(self) -> tuple[str, ...]:
        """What sends them."""
        return (
            *("simulate", "--visitors", f"{self.number}"),
            *("--rate", f"{self.rate}", "--seed", f"{self.seed}"),
        )

    def read(self, printed: str) -> None:
        """Take the figures from the last lines."""
        found = SETTLED.search(printed)
        assert found is not None, printed
        self.settled, self.retries, self.refused = (
            int(figure.replace(",", "")) for figure in found.groups()
        )
