"""A month replayed from the embedded log, from Kafka and from the archive; then beside live ingest."""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.beside import LAGS, lags
from benchmarks.brokers import running_broker, topic_on
from benchmarks.filled import CACHE
from benchmarks.month import kept
from benchmarks.processes import NO_PORT, Spent, spent
from benchmarks.rows import Row
from dwell.consumers.freshness import published_positions
from dwell.errors import WarehouseError
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from tests.support.running import environment, running, wait_until

NAME = "replay"

MINUTES = 20
"""Most of it goes for the projector, whose warehouse is what the others must come to, and for filling
a topic; the first time, twenty minutes more for making the month."""

FACTS = 10_000_000
READ = 20_000

RATE, SECONDS, CPU, PEAK = "facts", "time", "CPU", "peak memory, all processes"
DIFFERS = "differs from what is live"
UNITS = {RATE: "facts/s", SECONDS: "s", CPU: "s", PEAK: "MiB", DIFFERS: "replays"}
AIMS = {
    ("embedded log", SECONDS): "at most 60",
    ("Kafka", SECONDS): "at most 50",
    ("archive", SECONDS): "at most 15",
}
LIVE = "projector, for comparison"

Figures = dict[tuple[str, str], list[float]]


def run(times: int, facts: int = FACTS) -> Iterable[Row]:
    """A month of `dwell simulate`, 10M facts: replays of each log and of the archive; live lag beside."""
    log = f"embedded:{kept(facts)}"
    figures: Figures = defaultdict(list)
    lagged: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder, _topic_of(log) as topic:
        data = Path(folder)
        projected(log, data, facts, figures)
        archived(log, data, facts, figures)
        sources = {
            "embedded log": (log, ["--no-archive"]),
            **({"Kafka": (topic, ["--no-archive"])} if topic else {}),
            "archive": (log, []),
        }
        for _ in range(times):
            for name, (chosen, options) in sources.items():
                replayed(name, chosen, options, data, facts, figures)
            for what, value in lags(kept(facts), data).items():
                lagged[what].append(value)
    yield from _rows([LIVE, "dwell archive", *sources], figures)
    yield from (Row(what, "s", lagged[what], aim=aim) for what, aim in LAGS.items())


def _rows(names: Iterable[str], figures: Figures) -> Iterator[Row]:
    for name in names:
        for what, unit in UNITS.items():
            if values := figures[name, what]:
                yield Row(f"{name}: {what}", unit, values, aim=aim(name, what))


def aim(name: str, what: str) -> str:
    """What it should come to with 10M facts on two cores."""
    if (name, what) in AIMS:
        return AIMS[name, what]
    return {PEAK: "at most 1,024", DIFFERS: "0"}.get(what, "") if name != LIVE else ""


@contextmanager
def _topic_of(log: str) -> Iterator[str | None]:
    """A topic of a real broker with the same records; `None` where there can be none."""
    with running_broker() as broker:
        topic = topic_on(broker) if broker else None
        if topic:
            asyncio.run(copied(log, topic))
        yield topic


async def copied(log: str, topic: str) -> None:
    """Append all of a log's records to another one, by the collector's own writer."""
    reader = open_reader(Settings.read({"log": log}, environ={}))
    writer = open_writer(Settings.read({"log": topic, "durable_within": 60}, environ={}))
    await reader.assign({0: await reader.start(0)})
    while batches := await reader.read(READ, wait=1):
        for batch in batches:
            await writer.append(list(map(NewRecord, batch.keys, batch.values, batch.timestamps)))
    await writer.close()
    await reader.close()


def projected(log: str, data: Path, facts: int, figures: Figures) -> None:
    """Have the projector read the whole log, as it runs: that warehouse is the live one."""
    environ = environment(data, NO_PORT, log=log)
    published = Settings.read({"data": data}, environ={}).published
    began = time.perf_counter()
    with running("project", environ=environ, output=data / "project.out") as projector:
        wait_until(lambda: not projector.alive or _position(published) >= facts, 7_200, every=0.5)
        figures[LIVE, SECONDS].append(time.perf_counter() - began)
        figures[LIVE, RATE].append(facts / figures[LIVE, SECONDS][-1])
        assert projector.stop(within=60) == 0, projector.printed()


def _position(published: Path) -> int:
    try:
        return published_positions(published).get(0, 0)
    except WarehouseError:
        return 0


def archived(log: str, data: Path, facts: int, figures: Figures) -> None:
    """Archive the whole log."""
    _note(
        "dwell archive",
        _done("archive", environ=environment(data, NO_PORT, log=log)),
        facts,
        figures,
    )


def replayed(
    name: str, log: str, options: list[str], data: Path, facts: int, figures: Figures
) -> None:
    """Replay everything there is, and compare it with what is live."""
    environ = environment(data, NO_PORT, log=log)
    out = data / "replayed.duckdb"
    _note(name, _done("replay", str(out), *options, environ=environ), facts, figures)
    verdict = spent("verify", str(out), environ=environ)
    if verdict.status > 1:
        raise click.ClickException(f"dwell verify ended with {verdict.status}")
    figures[name, DIFFERS].append(verdict.status)
    out.unlink()


def _done(*arguments: str, environ: Mapping[str, str]) -> Spent:
    done = spent(*arguments, environ=environ)
    if done.status:
        raise click.ClickException(f"dwell {arguments[0]} ended with {done.status}")
    return done


def _note(name: str, done: Spent, facts: int, figures: Figures) -> None:
    figures[name, RATE].append(facts / done.seconds)
    figures[name, SECONDS].append(done.seconds)
    figures[name, CPU].append(done.cpu)
    figures[name, PEAK].append(done.peak_mib)
