"""Each process in turn stands still (SIGSTOP) for a while, under simulated visitors: pages are answered
unless it is the site itself, and nothing is lost or doubled."""

import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.killable import CHILDREN, Dwell
from tests.support.processes import PROC
from tests.support.running import running, wait_until

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")

VICTIMS = ("project", "dashboard", "up", "site")
RATE = 100
"""Facts a second."""
WITHIN = 60.0
PAGE_WITHIN = 10.0
"""Seconds; some milliseconds but on a machine that is busy."""


@pytest.mark.parametrize(
    "seconds", [1.0, pytest.param(30.0, marks=[pytest.mark.long, pytest.mark.timeout(400)])]
)
def test_each_process_stands_still_for_a_while_and_nothing_is_lost(
    seconds: float, tmp_path: Path
) -> None:
    dwell = Dwell(tmp_path)
    visitors = ("simulate", "--visitors", "20000", "--rate", f"{RATE}")
    try:
        dwell.up.wait_for(dwell.origin, WITHIN)
        with running(*visitors, environ=dwell.environ, output=tmp_path / "visitors.out") as load:
            wait_until(lambda: set(dwell.children()) == set(CHILDREN), WITHIN)
            wait_until(lambda: dwell.visited, WITHIN)
            for victim in VICTIMS:
                stand_still(dwell, victim, seconds)
            assert load.stop() == 130, load.printed()
        check = ("simulate", "--check", "--wait", "60")
        with running(*check, environ=dwell.environ, output=tmp_path / "check.out") as checking:
            assert checking.wait(90) == 0, checking.printed()
        assert " ended " not in dwell.up.printed(), "none was started again"
    finally:
        assert dwell.up.stop() == 0, dwell.up.printed()


def stand_still(dwell: Dwell, victim: str, seconds: float) -> None:
    """Pages are answered meanwhile; those of a site that stands, when it goes on."""
    pid = dwell.up.pid if victim == "up" else dwell.children()[victim].pid
    over = time.monotonic() + seconds
    os.kill(pid, signal.SIGSTOP)
    try:
        while victim != "site" and time.monotonic() < over:
            page(dwell.origin)
            time.sleep(0.1)
        time.sleep(max(0, over - time.monotonic()))
    finally:
        os.kill(pid, signal.SIGCONT)
    page(dwell.origin)


def page(origin: str) -> None:
    """It is answered in time."""
    urllib.request.urlopen(f"{origin}/page_a", timeout=PAGE_WITHIN).close()
