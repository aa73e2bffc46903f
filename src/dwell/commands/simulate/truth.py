"""The truth file: what the warehouse must come to say about the simulated visitors.

JSON lines of four kinds, in the order in which things happened, from any number of runs:

    {"run": {...}}                                       a run began or ended, for people
    {"session": ID, "visitor": ID, "agent": ..., "started_at": ...}
                                                         a session may appear from now on;
                                                         in ms since 1970, by a right clock
    {"pageview": ID, "session": ID, "view": ..., "engagement_ms": ...,
     "previous": ID or null, "previous_seq": ...,
     "seq": [...], "visibility": [...], "visible_ms": [...]}
                                                         and this pageview with these facts;
                                                         engagement_ms is what is true once all are there
    {"settled": PAGEVIEW_ID, "seq": [...]}               the collector has acknowledged these facts

A line is with the operating system before the next thing happens: what may be sent is written
before it is sent, what is settled as soon as the answer is there. So after a crash of the simulator
the file is still true: a fact that is not settled may or may not have arrived.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dwell.commands.simulate.delivery import Request
from dwell.commands.simulate.journeys import Pageview, Visit
from dwell.errors import DwellError

FILE_NAME = "simulated-visitors.truth.jsonl"
TAIL_BYTES = 65_536
"""Read at once, from the end, in search of the last whole line."""


class TruthUnwritable(DwellError):
    """The truth file cannot be written."""


def _end_with_a_line(path: Path) -> None:
    """Cut off the beginning of a line that a full disk or a kill left at the end."""
    with path.open("rb+") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            begin = max(end - TAIL_BYTES, 0)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            end = begin if newline < 0 else begin + newline + 1
            if newline >= 0:
                break
        if end < size:
            file.truncate(end)


class TruthFile:
    """The file, appended to."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            TruthUnwritable: here and whenever something is added.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            if path.is_file():
                _end_with_a_line(path)
        except OSError as error:
            raise self._unwritable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def run(self, **what: Any) -> None:
        """A remark about the run."""
        self._write([{"run": what}])

    def expect(self, visit: Visit) -> None:
        """Nothing of this visit has been sent so far, all of it may be from now on."""
        self._write(expectations(visit))

    def settle(self, request: Request) -> None:
        """The collector has acknowledged every fact of this request."""
        self._write(settlements(request))

    def _write(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(f"{_encode(line)}\n" for line in lines).encode()
        try:
            while text:
                text = text[self._file.write(text) :]
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> TruthUnwritable:
        return TruthUnwritable(
            f"{self._path} cannot be written ({error.strerror}): expected a place for the truth file"
        )


_encode = json.JSONEncoder(separators=(",", ":")).encode


def expectations(visit: Visit) -> list[dict[str, Any]]:
    """The lines that say what must come of a visit."""
    session = {
        "session": visit.session_id,
        "visitor": visit.visitor_id,
        "agent": visit.agent,
        "started_at": min(pageview.started_at for pageview in visit.pageviews),
    }
    return [session, *map(_pageview, visit.pageviews)]


def _pageview(pageview: Pageview) -> dict[str, Any]:
    return {
        "pageview": pageview.pageview_id,
        "session": pageview.session_id,
        "view": pageview.page.view,
        "previous": pageview.previous_pageview_id,
        "previous_seq": pageview.previous_seq,
        "engagement_ms": pageview.engagement_ms,
        "seq": [fact.seq for fact in pageview.facts],
        "visibility": [fact.visibility for fact in pageview.facts],
        "visible_ms": [fact.engagement_ms for fact in pageview.facts],
    }


def settlements(request: Request) -> list[dict[str, Any]]:
    """The lines that say that a request is settled."""
    settled: dict[str, list[int]] = {}
    for pageview, fact in request:
        settled.setdefault(pageview.pageview_id, []).append(fact.seq)
    return [{"settled": pageview_id, "seq": seqs} for pageview_id, seqs in settled.items()]


def read_truth(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a truth file, for tests and small tools; `--check` leaves reading to DuckDB."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
