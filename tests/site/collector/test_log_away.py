"""The log fails, stalls or is full: 503, soon, and memory stays bounded."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest

from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.site.collector.refusals import Cause
from tests.support.collecting import Site, collecting, distinct, fact


def test_a_log_that_fails_is_answered_503_and_the_facts_can_come_again(site: Site) -> None:
    site.log.fail("a broken disk")
    answer = site.post(fact(), fact(view=""))
    site.log.resume()

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    assert site.dwell.collector.counts.refused == {Cause.LOG_UNAVAILABLE: 1}
    assert site.dwell.collector.counts.accepted == 0


def test_a_log_that_stalls_is_answered_503_in_time_and_at_once_from_then_on() -> None:
    with collecting(durable_within=2) as site:
        site.log.stop()
        began = time.monotonic()
        first = site.post(fact())
        waited = time.monotonic() - began
        began = time.monotonic()
        second = site.post(fact())
        waited_again = time.monotonic() - began
        site.log.resume()

    assert (first.status, second.status) == (503, 503)
    assert 1.9 < waited < 20
    assert waited_again < 1


def test_facts_are_taken_again_when_the_log_is_back() -> None:
    with collecting(durable_within=0.2) as site:
        site.log.stop()
        site.post(fact())
        site.log.resume()

        deadline = time.monotonic() + 5
        while site.post(fact(1)).status != 204:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_operator_is_told_once_that_facts_are_refused_and_once_that_it_is_over(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    assert site.post(fact()).status == 204
    caplog.clear()
    site.log.fail("the disk is full")
    for _ in range(5):
        assert site.post(fact()).status == 503
    site.log.resume()
    assert [site.post(fact(seq)).status for seq in range(3)] == [204] * 3

    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "facts are refused with 503: the log memory:log failed: the disk is full",
        "facts are kept again",
    ]


def memory_of_this_process() -> int:
    """Bytes in physical memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("requests", [2000, pytest.param(20_000, marks=pytest.mark.long)])
async def test_a_full_waiting_room_answers_503_at_once_and_memory_stays_bounded(
    requests: int,
) -> None:
    with collecting(waiting_bytes=65_536, durable_within=30) as site:
        site.log.stop()
        large = distinct(0) | {"referrer": "x" * 2000}
        filling, more = (json.dumps({"facts": [large] * count}).encode() for count in (20, 10))
        connector = aiohttp.TCPConnector(limit=64)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def send(body: bytes) -> tuple[int, float]:
                began = time.monotonic()
                async with session.post(
                    f"{site.origin}/dwell/facts", data=body, headers={"content-type": "text/plain"}
                ) as response:
                    await response.read()
                    return response.status, time.monotonic() - began

            held = asyncio.create_task(send(filling))
            while site.waiting == 0:
                await asyncio.sleep(0.01)
            before = memory_of_this_process()
            slowest = 0.0
            for _ in range(requests // 50):
                for status, seconds in await asyncio.gather(*(send(more) for _ in range(50))):
                    assert status == 503
                    slowest = max(slowest, seconds)
            grown = memory_of_this_process() - before
            assert site.waiting == 1
            site.log.resume()
            assert (await held)[0] == 204

    assert site.dwell.collector.counts.refused == {Cause.LOG_FULL: requests}
    assert grown < 16 * 2**20, "2,000 of these bodies are 45 MiB"
    assert slowest < 5


async def test_what_was_answered_204_is_in_the_embedded_log(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with collecting(data=tmp_path, memory=False) as site:
        assert site.post(fact(), fact(1), fact(view="")).status == 400
        assert site.post(fact(2)).status == 204
        reader = open_reader(settings)
        await reader.assign({0: 0})
        [batch] = await reader.read(10, 5)
        await reader.close()

    assert [json.loads(value)["data"]["seq"] for value in batch.values] == [0, 1, 2]
