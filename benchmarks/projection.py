"""The projection alone: from a list of bytes to the commit, with pageviews there already."""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.filled import CACHE, filled, kept
from benchmarks.rows import Row
from benchmarks.traffic import Traffic
from dwell.consumers.agents import describe
from dwell.consumers.judge import judge
from dwell.events.log import Batch
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Projection

NAME = "projection"


@dataclass(frozen=True)
class Case:
    """What is projected.

    Attributes:
        pageviews: how many are there already, five visibility changes and a third of a session each.
        pageviews_per_second: of the traffic, by its own clock: see Traffic.
        size: facts in a batch.
        batches: how many are measured, after three that are not.
    """

    name: str
    pageviews: int
    pageviews_per_second: int = 400
    skewed: bool = True
    size: int = 20_000
    batches: int = 15

    @property
    def traffic(self) -> Traffic:
        """Whose facts they are."""
        return Traffic(self.pageviews_per_second, self.skewed)


CASES = (
    Case("empty", 0),
    Case("5M, clocks right", 5_000_000, skewed=False),
    Case("5M", 5_000_000),
    Case("5M, 100 facts a batch", 5_000_000, size=100),
    Case("5M, 150,000 facts/s live", 5_000_000, pageviews_per_second=30_000),
)
UNITS = {
    "rate": "facts/s",
    "CPU": "µs/fact",
    "longest transaction": "ms",
    "checkpoint": "ms",
    "peak memory": "MiB",
}


def run(times: int) -> Iterable[Row]:
    """Facts of 830 bytes, five a pageview; one in 200 clocks is off by years unless said otherwise."""
    CACHE.mkdir(parents=True, exist_ok=True)
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in CASES * times:
        for what, value in in_a_process(case).items():
            figures[case.name, what].append(value)
    for case in CASES:
        for what, unit in UNITS.items():
            yield Row(f"{case.name}: {what}", unit, figures[case.name, what], aim=aim(case, what))


def aim(case: Case, what: str) -> str:
    """What it should come to, for the case that was set a goal."""
    goals = {"rate": "at least 200,000", "longest transaction": "at most 500"}
    return goals.get(what, "") if case.name == "5M" else ""


def in_a_process(case: Case) -> dict[str, float]:
    """The figures of one run, in a process of its own so that its memory is its own."""
    if case.pageviews:
        kept(case.traffic, case.pageviews)
    found = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(asdict(case))],
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(found.stdout)
    return figures


def once(case: Case) -> dict[str, float]:
    """The figures of one run. Making the facts is not counted, but for some 60 MiB of memory."""
    traffic = case.traffic
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        path = Path(folder) / "warehouse.duckdb"
        if case.pageviews:
            filled(path, traffic, case.pageviews)
        with LiveWarehouse(path) as warehouse:
            projection = Projection(
                warehouse, judge=judge, describe=describe, starts=dict, offsets_at=lambda _: {}
            )
            batches = traffic.batches(
                traffic.offset_after(case.pageviews), (case.batches + 3) * case.size, case.size
            )
            took = list(
                timed(
                    lambda each: projection.apply(projection.read(each)),
                    batches,
                    warehouse.checkpoint,
                )
            )[3:]
            return figures_of(case, took, warehouse)


def timed(
    apply: Callable[[Sequence[Batch]], object], batches: Iterable[Batch], settle: Callable[[], None]
) -> Iterable[tuple[float, float]]:
    """Seconds and processor seconds of applying each batch; settles after the third."""
    for number, batch in enumerate(batches):
        if number == 3:
            settle()
        began, cpu = time.perf_counter(), time.process_time()
        apply([batch])
        yield time.perf_counter() - began, time.process_time() - cpu


def figures_of(
    case: Case, took: list[tuple[float, float]], warehouse: LiveWarehouse
) -> dict[str, float]:
    """The figures, with a checkpoint of all that was measured."""
    began = time.perf_counter()
    warehouse.checkpoint()
    checkpoint = time.perf_counter() - began
    facts = len(took) * case.size
    return {
        "rate": facts / sum(wall for wall, _ in took),
        "CPU": 1e6 * sum(cpu for _, cpu in took) / facts,
        "longest transaction": 1000 * max(wall for wall, _ in took),
        "checkpoint": 1000 * checkpoint,
        "peak memory": peak_mib(),
    }


def peak_mib() -> float:
    """The most physical memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(once(Case(**json.loads(sys.argv[1])))))
