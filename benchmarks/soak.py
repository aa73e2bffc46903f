"""An hour at 1,000 facts a second with a dashboard open: does anything grow that should not?

Every process is one as it is deployed: site, projector and dashboard by their commands, the visitors of
`dwell simulate`, and a real Chromium that has the dashboard open. Every ten seconds it is noted what
each of them has: private memory, open files, threads, processor time; and how old the oldest fact is
that is not published. At the end the truth of the simulation is compared with the tables.

`python -m benchmarks.soak MINUTES FOLDER` writes what it notes to FOLDER, and draws it there.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

import click
import vl_convert

from benchmarks.dashboard import new_browser, opened
from benchmarks.filled import CACHE
from benchmarks.processes import NO_PORT, spent, started, tree, used_by
from benchmarks.rows import Row
from benchmarks.sites import running_dashboard, running_site
from dwell.consumers.freshness import published_positions
from dwell.consumers.lag import lags
from dwell.events.opening import open_reader
from dwell.settings import Settings
from tests.support.running import environment, wait_until

NAME = "soak"
MINUTES = 62

LASTS = 60.0
"""Minutes."""
FACTS = 1_000
"""A second."""
VISITORS = 500_000
"""More than will be here before the end."""
EVERY = 10.0
"""Seconds between two samples."""
MEMORY, FILES, THREADS, CPU, LAG = "memory", "open files", "threads", "processor", "lag"
UNITS = {MEMORY: "MiB", FILES: "files", THREADS: "threads", CPU: "ms/s", LAG: "s"}
AIMS = {LAG: "under 5"}
PUBLISHED = "published"
SAMPLES, CURVES = "soak.jsonl", "soak.svg"


@dataclass(frozen=True)
class Sample:
    """What one process had at one moment.

    Attributes:
        minute: since the beginning.
        process: its name; `published` for the lag, which is no single one's.
        what: the measure; `UNITS` has its unit.
    """

    minute: float
    process: str
    what: str
    value: float


def run(times: int) -> Iterable[Row]:
    """An hour at 1,000 facts/s with a dashboard open: memory, files and lag, in its quarters."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for _ in range(min(times, 1)):  # An hour is long enough.
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            yield from rows(soaked(LASTS, Path(folder)))


def rows(samples: Iterable[Sample]) -> Iterator[Row]:
    """Each measure in the last quarter, against the second: in the first one all fills what it may."""
    kept = list(samples)
    end = max(each.minute for each in kept)
    for process, what in dict.fromkeys((each.process, each.what) for each in kept):
        quarter = partial(_quarter, kept, process, what, end)
        second = Row(f"second quarter: {what}, {process}", UNITS[what], [median(quarter(1))])
        most = max(value for number in range(4) for value in quarter(number))
        yield Row(
            f"last quarter: {what}, {process}",
            UNITS[what],
            [median(quarter(3))],
            second,
            f"{AIMS.get(what, 'flat')}; most of all: {most:.1f}",
        )


def _quarter(
    samples: list[Sample], process: str, what: str, end: float, number: int
) -> list[float]:
    return [
        each.value
        for each in samples
        if (each.process, each.what) == (process, what)
        and min(3, int(4 * each.minute / end)) == number
    ] or [0.0]


def soaked(minutes: float, folder: Path) -> list[Sample]:
    """Run it all for so long, on a data folder below `folder`, where the samples stay too.

    Raises:
        AssertionError: a process has ended, or the tables are not what the simulation knows.
    """
    settings = Settings.read({"data": folder / "data"}, environ={})
    samples: list[Sample] = []
    with ExitStack() as stack:
        site = stack.enter_context(running_site(settings.data))
        projector = stack.enter_context(started(settings.data, "dwell.cli", "project"))
        wait_until(settings.published.exists, 60)
        dashboard = stack.enter_context(running_dashboard(settings.data))
        url = f"http://127.0.0.1:{site.port}{settings.prefix}/facts"
        load = ("--rate", str(FACTS), "--visitors", str(VISITORS), "--url", url)
        stack.enter_context(
            started(settings.data, "dwell.cli", "simulate", *load, said=subprocess.DEVNULL)
        )
        wait_until(lambda: published_positions(settings.published).get(0, 0) > 0, 120)
        browser = stack.enter_context(new_browser())
        opened(browser, f"http://127.0.0.1:{dashboard.port}")
        pids = {
            "site": site.process.pid,
            "projector": projector.pid,
            "dashboard": dashboard.process.pid,
        }
        for minute, seconds in _moments(minutes):
            samples += _looked(pids, minute, seconds)
            samples.append(Sample(minute, PUBLISHED, LAG, asyncio.run(published_lag(settings))))
            _written(samples, folder / SAMPLES)
    checked(settings.data)
    return samples


def _moments(minutes: float) -> Iterator[tuple[float, float]]:
    """Every ten seconds: the minute, and the seconds since the moment before."""
    began = before = time.monotonic()
    while before < began + 60 * minutes:
        time.sleep(EVERY)
        now = time.monotonic()
        yield (now - began) / 60, now - before
        before = now


_used: dict[int, float] = {}


def _looked(pids: Mapping[str, int], minute: float, seconds: float) -> Iterator[Sample]:
    for name, pid in pids.items():
        used = used_by(pid)
        spent_now = used - _used.get(pid, used)
        _used[pid] = used
        found = {
            MEMORY: _of_all(private_mib, pid),
            FILES: _of_all(partial(_entries, "fd"), pid),
            THREADS: _of_all(partial(_entries, "task"), pid),
            CPU: 1000 * spent_now / seconds,
        }
        yield from (Sample(minute, name, what, value) for what, value in found.items())


def _of_all(measure: Callable[[int], float], pid: int) -> float:
    """The sum over a process and those that it started."""
    total = 0.0
    for each in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # as the `cp` of a publication ends
            total += measure(each)
    return total


def _entries(folder: str, pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{folder}").iterdir())


def private_mib(pid: int) -> float:
    """What no other process shares, anonymous memory and files it alone has mapped."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
    return kib / 1024


async def published_lag(settings: Settings) -> float:
    """How many seconds ago the oldest fact was received that is not published; 0 if all are."""
    reader = open_reader(settings)
    try:
        positions = published_positions(settings.published)
        found = await lags(reader, positions, int(time.time() * 1000))
    finally:
        await reader.close()
    return max(each.seconds for each in found.values())


def checked(data: Path) -> None:
    """Compare the tables with what the simulation knows.

    Raises:
        AssertionError: they differ.
    """
    with started(data, "dwell.cli", "project"):
        done = spent("simulate", "--check", "--wait", "120", environ=environment(data, NO_PORT))
    assert done.status == 0, f"`dwell simulate --check` ended with {done.status}"


def _written(samples: Iterable[Sample], file: Path) -> None:
    lines = (json.dumps(asdict(each)) for each in samples)
    file.write_text("\n".join(lines) + "\n")


def drawn(samples: Iterable[Sample]) -> str:
    """The curves as SVG: memory, open files and lag over the minutes."""
    values = [asdict(each) for each in samples if each.what in (MEMORY, FILES, LAG)]
    each = {
        "mark": {"type": "line", "strokeWidth": 1.5},
        "width": 640,
        "height": 130,
        "encoding": {
            "x": {"field": "minute", "type": "quantitative", "title": "minutes"},
            "y": {"field": "value", "type": "quantitative"},
            "color": {"field": "process", "type": "nominal", "title": None},
        },
    }
    charts = [
        {
            **each,
            "title": f"{what}, {UNITS[what]}",
            "transform": [{"filter": {"field": "what", "equal": what}}],
        }
        for what in (MEMORY, FILES, LAG)
    ]
    specification = {
        "data": {"values": values},
        "vconcat": charts,
        "background": "white",
        "config": {"axis": {"titleFontWeight": "normal"}, "axisY": {"title": None}},
    }
    return str(vl_convert.vegalite_to_svg(json.dumps(specification)))


@click.command()
@click.argument("minutes", type=float)
@click.argument("folder", type=click.Path(path_type=Path))
def soak(minutes: float, folder: Path) -> None:
    """Run it for so many MINUTES and leave samples and curves in FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = soaked(minutes, folder)
    (folder / CURVES).write_text(drawn(samples))
    for row in rows(samples):
        click.echo(f"{row.what}: {row.median:.1f} {row.unit}, x {row.ratio:.3f}; {row.aim}")


if __name__ == "__main__":
    soak(prog_name=f"python -m {__spec__.name}" if __spec__ else sys.argv[0])
