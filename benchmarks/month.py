"""A month of a site, as its log has it: the visitors of `dwell simulate`, taken in without HTTP.

Requests are what the simulation's browsers send: one to three facts each, now and then many after a
time offline, in the wrong order, or twice; some facts are lost, some clocks are wrong. The collector's
own steps turn them into records. Each is received some milliseconds after it was sent, at its moment
of the month: `dwell simulate --history` would send the whole month today, so that every fact came
days after its pageview was minted, which no site sees.
"""

import asyncio
import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import md5
from heapq import heappop, heappush, merge
from itertools import count, islice
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from operator import attrgetter
from pathlib import Path
from queue import Empty
from random import Random

from benchmarks.filled import CACHE
from dwell.commands.simulate.delivery import Request as Sent
from dwell.commands.simulate.delivery import body_of, in_pieces
from dwell.commands.simulate.journeys import Visit, Visits
from dwell.commands.simulate.people import DAY, HOUR
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.site.collector.request import Request
from dwell.site.collector.steps import agent_of, read, records_of, visitor_of

UNTIL = 1_764_547_200_000
"""When the month ends, in milliseconds since 1970: the first of December 2025."""
DAYS = 30
SEEDS = (1, 2)
"""Each has its own visitors, made in a process of its own."""
FACTS_A_VISITOR = 32
"""Nearly 33: so there are a few more than are wanted, and the last ones are not taken."""
SPARE = 200
"""Visitors more of each seed, for a small month, which may have quiet ones."""
LONGEST_VISIT = 3 * HOUR
CHUNK = 2_000
"""Records that are handed from process to process at once."""
AHEAD = 8
"""So many chunks at most wait to be taken."""
APPEND = 8_000


def kept(facts: int) -> Path:
    """The embedded log of a month with so many facts, made if it is not there yet; to be read alone."""
    path = CACHE / f"month-{_made_of()}-{facts}" / "log.sqlite"
    if not path.exists():
        draft = path.with_name("draft.sqlite")
        for each in path.parent.glob("draft.*"):
            each.unlink()
        asyncio.run(write(f"embedded:{draft}", facts))
        draft.rename(path)
    return path


def _made_of() -> str:
    """Another log when the simulation is another one."""
    here = Path(__file__)
    simulation = here.parents[1] / "src" / "dwell" / "commands" / "simulate"
    names = ("delivery", "journeys", "pages", "people")
    files = [here, *(simulation / f"{name}.py" for name in names)]
    return md5(b"".join(each.read_bytes() for each in files), usedforsecurity=False).hexdigest()[:8]


async def write(log: str, facts: int) -> None:
    """Append so many facts of the month to a log, by the collector's own writer."""
    writer = open_writer(Settings.read({"log": log, "durable_within": 60}, environ={}))
    with received(facts) as records:
        wanted = islice(records, facts)
        while several := list(islice(wanted, APPEND)):
            await writer.append(several)
    await writer.close()


@contextmanager
def received(facts: int) -> Iterator[Iterator[NewRecord]]:
    """A month of so many facts and some more, in the order in which they were received."""
    context = multiprocessing.get_context("spawn")
    queues: list[Queue[list[NewRecord]]] = [context.Queue(AHEAD) for _ in SEEDS]
    visitors = facts // FACTS_A_VISITOR // len(SEEDS) + SPARE
    makers = [
        context.Process(target=_make, args=(seed, visitors, queue), daemon=True)
        for seed, queue in zip(SEEDS, queues, strict=True)
    ]
    for each in makers:
        each.start()
    try:
        yield merge(*map(_taken, makers, queues), key=attrgetter("timestamp"))
    finally:
        for each in makers:
            each.kill()


def _make(seed: int, visitors: int, queue: "Queue[list[NewRecord]]") -> None:
    """The life of a process: chunk after chunk, and an empty one at the end."""
    since = UNTIL - DAYS * DAY
    visits = Visits(seed=seed, visitors=visitors, since=since, until=UNTIL)
    records = records_in(visits, Random(seed))
    while chunk := list(islice(records, CHUNK)):
        queue.put(chunk)
    queue.put([])


def _taken(maker: BaseProcess, queue: "Queue[list[NewRecord]]") -> Iterator[NewRecord]:
    while chunk := _next(maker, queue):
        yield from chunk


def _next(maker: BaseProcess, queue: "Queue[list[NewRecord]]") -> list[NewRecord]:
    alive = True
    while alive:
        alive = maker.is_alive()
        with suppress(Empty):
            return queue.get(timeout=1)
    raise RuntimeError(f"{maker.name} ended with {maker.exitcode}: expected the rest of the month")


def records_in(visits: Iterable[Visit], rng: Random) -> Iterator[NewRecord]:
    """What the collector writes of the visits, which come in the order of their ends.

    No visit is longer than LONGEST_VISIT: what was received earlier than that before one's end is
    followed by nothing earlier.
    """
    waiting: list[tuple[int, int, list[NewRecord]]] = []
    numbers = count()
    for visit in visits:
        for received_at, records in _collected(visit, rng):
            heappush(waiting, (received_at, next(numbers), records))
        while waiting[0][0] < _end(visit) - LONGEST_VISIT:
            yield from heappop(waiting)[2]
    while waiting:
        yield from heappop(waiting)[2]


def _end(visit: Visit) -> int:
    return max(pageview.facts[-1].occurred_at for pageview in visit.pageviews)


def _collected(visit: Visit, rng: Random) -> Iterator[tuple[int, list[NewRecord]]]:
    """The requests of a visit with when they were received; those of a tab go one after the other."""
    headers = {b"user-agent": visit.agent.encode()}
    if visit.visitor_id != visit.session_id:
        headers[b"cookie"] = f"dwell_visitor={visit.visitor_id}".encode()
    request = Request(headers, None, False, b"")
    for lane in in_pieces(visit):
        now = 0
        for sent in lane:
            now = max(now, *(fact.occurred_at for _, fact in sent)) + 1
            received_at = now + rng.randrange(2, 60)
            yield received_at, _taken_in(request, sent, now, received_at)
            now = received_at


def _taken_in(request: Request, sent: Sent, now: int, received_at: int) -> list[NewRecord]:
    facts = read(body_of(sent, now)).facts
    visitor, agent = visitor_of(request, facts), agent_of(request)
    return records_of(facts, visitor=visitor, agent=agent, received_at=received_at)
