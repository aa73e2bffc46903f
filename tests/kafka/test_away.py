"""While the broker is away: 503 in time, then at once; memory bounded; well again by itself."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import aiohttp
import pytest

from dwell.commands.broker.server import Broker
from tests.support.installation import Installation
from tests.support.processes import PROC, descendants
from tests.support.pulse import Beat, Pulse
from tests.support.running import Process, running, wait_until
from tests.support.wire import FACT

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="asks /proc for the memory of a process")

DURABLE_WITHIN = 2.0
WAITING_BYTES = 4 * 2**20
AT_ONCE = 0.1
BACK_WITHIN = 3.0
"""Seconds from the broker's return to the first fact that is kept."""
READY = "Ctrl-C ends it all."
Note = Callable[[str, object], None]


@contextmanager
def up(folder: Path, log: str) -> Iterator[tuple[Installation, Process]]:
    """`dwell up` on a log, ready."""
    settings: dict[str, object] = {
        "durable_within": DURABLE_WITHIN,
        "waiting_bytes": WAITING_BYTES,
        "rate_limit": 0,
    }
    dwell = Installation(folder, log, settings)
    with running("up", environ=dwell.environ, output=folder / "up.out") as process:
        wait_until(lambda: READY in process.printed() or not process.alive)
        assert dwell.post(FACT) == 204, process.printed()
        yield dwell, process


@pytest.mark.parametrize("requests", [1000, pytest.param(40_000, marks=pytest.mark.long)])
@pytest.mark.timeout(400)
async def test_a_broker_that_hangs_is_answered_for_and_found_again(
    own_broker: Broker, topic: str, tmp_path: Path, requests: int, record_property: Note
) -> None:
    log = f"kafka://{own_broker.address}/{topic}"
    with up(tmp_path / "dwell", log) as (dwell, process), Pulse(dwell.origin) as pulse:
        [site] = [each.pid for each in descendants(process.pid) if each.runs("site")]
        own_broker.pause()
        paused = time.monotonic()
        before = memory(site)
        statuses = await hammer(dwell.origin, requests)
        grown = memory(site) - before
        hammered = time.monotonic()
        await asyncio.to_thread(wait_until, lambda: len(pulse.answered(503, since=hammered)) > 9)
        own_broker.resume()
        resumed = time.monotonic()
        await asyncio.to_thread(wait_until, lambda: pulse.answered(204, since=resumed))

    in_flight, *_ = pulse.answered(503, since=paused - DURABLE_WITHIN)
    flooded = pulse.answered(503, since=in_flight.at + in_flight.seconds)
    quiet = pulse.answered(503, since=hammered)
    back = pulse.answered(204, since=resumed)[0]
    record_property("in flight, s", round(in_flight.seconds, 2))
    for name, refused in {"flooded": flooded, "quiet": quiet}.items():
        record_property(
            f"new when {name}, median ms", round(1000 * median(map(seconds, refused)), 1)
        )
        record_property(f"new when {name}, most ms", round(1000 * max(map(seconds, refused)), 1))
    record_property("back after, s", round(back.at + back.seconds - resumed, 2))
    record_property("memory, MiB", round(grown / 2**20, 1))
    assert statuses == {503}
    assert DURABLE_WITHIN - 0.1 < in_flight.seconds < DURABLE_WITHIN + 1
    assert median(map(seconds, flooded)) < AT_ONCE
    assert median(map(seconds, quiet)) < AT_ONCE
    assert back.at + back.seconds - resumed < BACK_WITHIN
    assert grown < 4 * WAITING_BYTES


def seconds(beat: Beat) -> float:
    """Until the answer."""
    return beat.seconds


def memory(pid: int) -> int:
    """Bytes of a process in physical memory."""
    return 4096 * int((PROC / str(pid) / "statm").read_text().split()[1])


async def hammer(origin: str, requests: int) -> set[int]:
    """So many requests of 28 kB, 64 at a time; how they are answered."""
    large = json.dumps({"facts": [FACT | {"referrer": "x" * 2000}] * 12}).encode()
    left = iter(range(requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:

        async def client() -> set[int]:
            statuses = set()
            for _ in left:
                headers = {"content-type": "text/plain"}
                async with session.post(f"{origin}/dwell/facts", data=large, headers=headers) as it:
                    await it.read()
                    statuses.add(it.status)
            return statuses

        return set.union(*await asyncio.gather(*(client() for _ in range(64))))


@pytest.mark.parametrize("away", ["hangs", pytest.param("is gone", marks=pytest.mark.long)])
def test_ctrl_c_ends_it_all_in_order_while_the_broker(
    away: str, own_broker: Broker, topic: str, tmp_path: Path
) -> None:
    log = f"kafka://{own_broker.address}/{topic}"
    with up(tmp_path / "dwell", log) as (dwell, process), Pulse(dwell.origin):
        if away == "hangs":
            own_broker.pause()
        else:
            own_broker.kill()
        time.sleep(1)
        began = time.monotonic()
        assert process.stop(within=15) == 0
        assert time.monotonic() - began < 10
        assert "killed" not in process.printed()
        assert "Traceback" not in process.printed()
