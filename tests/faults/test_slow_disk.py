"""A disk that is slow to sync: facts wait for it as long as they may, and pages do not."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.collecting import distinct
from tests.support.failing import SYNCS, failing, hit
from tests.support.installation import Installation
from tests.support.pulse import Pulse
from tests.support.running import wait_until

DURABLE_WITHIN = 1.0


@pytest.fixture(scope="module")
def dwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("dwell")
    settings: dict[str, object] = {"durable_within": DURABLE_WITHIN, "publish_seconds": 0.2}
    with Installation(folder, settings=settings) as installation:
        wait_until(lambda: installation.post(distinct(0)) == 204)
        yield installation


def slow(dwell: Installation, seconds: float, said: Path) -> AbstractContextManager[Path]:
    """Each fsync of the log takes so long, and then is done."""
    log = dwell.as_read.embedded_log
    files = [log, log.with_name(f"{log.name}-wal")]
    how = f"delay_enter={seconds * 1_000_000:.0f}"
    return failing(dwell.parts["site"].pid, SYNCS, how, files, said)


def seconds_for(dwell: Installation, path: str) -> float:
    """How long a page takes."""
    began = time.monotonic()
    urllib.request.urlopen(f"{dwell.origin}{path}", timeout=10).close()
    return time.monotonic() - began


def test_facts_wait_for_a_slow_disk_and_pages_do_not(dwell: Installation, tmp_path: Path) -> None:
    with slow(dwell, 0.5, said := tmp_path / "strace.out"), Pulse(dwell.origin) as pulse:
        wait_until(lambda: len(pulse.answered(204)) > 3, 30)
        pages = [seconds_for(dwell, "/page_a") for _ in range(10)]
        assert hit(said)
    assert pulse.answered(204)[1].seconds > 0.4
    assert min(pages) < 0.4, "no page waits for the disk"
    assert {beat.status for beat in pulse.beats} <= {204, 503}


def test_a_disk_that_takes_too_long_is_answered_for_in_time_and_found_again(
    dwell: Installation, tmp_path: Path
) -> None:
    with Pulse(dwell.origin) as pulse:
        with slow(dwell, 4 * DURABLE_WITHIN, tmp_path / "strace.out"):
            wait_until(lambda: len(pulse.answered(503)) > 5, 60)
            pages = [seconds_for(dwell, "/page_a") for _ in range(10)]
        over = time.monotonic()
        wait_until(lambda: pulse.answered(204, since=over), 60)
    late, *others = pulse.answered(503)
    assert DURABLE_WITHIN - 0.1 < late.seconds < 5 * DURABLE_WITHIN
    assert min(each.seconds for each in others) < 0.3, "the next ones are answered at once"
    assert min(pages) < 0.4
    assert dwell.post(distinct(1)) == 204
    rows = "select pageview_id from pageview where pageview_id = ?"
    wait_until(lambda: dwell.ask(rows, distinct(1)["pageview_id"]), 60)
