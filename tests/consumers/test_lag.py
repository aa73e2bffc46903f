"""How far behind the projector is: by the log's account, not by its own."""

import pytest

from dwell.consumers.lag import Lag, lags
from dwell.errors import LogGap, LogUnavailable
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog
from tests.support.facts import NOW


@pytest.fixture
def log() -> MemoryLog:
    """Three records, ten seconds apart."""
    log = MemoryLog()
    log.put([NewRecord(b"visitor", b"{}", NOW + 10_000 * each) for each in range(3)])
    return log


async def test_lag_is_what_is_not_committed_and_the_age_of_the_oldest_of_it(log: MemoryLog) -> None:
    later = NOW + 25_000
    assert await lags(log.reader(), {0: 0}, later) == {0: Lag(3, 25.0)}
    assert await lags(log.reader(), {0: 2}, later) == {0: Lag(1, 5.0)}
    assert await lags(log.reader(), {0: 3}, later) == {0: Lag(0, 0.0)}
    assert await lags(log.reader(), {}, later) == {}


async def test_a_gap_is_no_lag(log: MemoryLog) -> None:
    log.skip(5)
    assert await lags(log.reader(), {0: 3}, NOW) == {0: Lag(0, 0.0)}
    log.put([NewRecord(b"visitor", b"{}", NOW)])
    assert await lags(log.reader(), {0: 3}, NOW + 1_000) == {0: Lag(1, 1.0)}


async def test_a_clock_that_went_back_makes_no_lag_below_0(log: MemoryLog) -> None:
    assert await lags(log.reader(), {0: 0}, NOW - 1_000) == {0: Lag(3, 0.0)}


async def test_what_cannot_be_told_is_raised(log: MemoryLog) -> None:
    log.truncate(2)
    with pytest.raises(LogGap, match="are gone"):
        await lags(log.reader(), {0: 1}, NOW)
    log.fail("away")
    with pytest.raises(LogUnavailable):
        await lags(log.reader(), {0: 1}, NOW)
