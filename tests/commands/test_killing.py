"""Killed at random moments, under simulated visitors: nothing lost, nothing doubled, no orphan."""

import signal
from pathlib import Path
from random import Random
from time import sleep

import pytest

from tests.support.killable import CHILDREN, Dwell
from tests.support.processes import PROC, descendants
from tests.support.running import running, wait_until

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looks for orphans in /proc")

RATE = 400
"""Facts a second: enough that each kill hits facts in every stage, and leaves the machine some time."""
HOW = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
"""How children end, in turn; SIGTERM is the orderly stop. `dwell up` itself is always killed."""


def kill_under_load(data: Path, kills: int, seed: int) -> None:
    """Kill so many times at random moments; then everything simulated must be there, once."""
    rng = Random(seed)
    first = rng.sample((*CHILDREN, "up"), len(CHILDREN) + 1)
    dwell = Dwell(data)
    try:
        simulate = ("simulate", "--visitors", "20000", "--rate", f"{RATE}", "--seed", f"{seed}")
        output = data / "simulate.out"
        with running(*simulate, environ=dwell.environ, output=output) as visitors:
            for number in range(kills):
                sleep(rng.uniform(0.1, 2.0))
                victim = first[number] if number < len(first) else dwell.chosen(rng)
                dwell.kill(victim, HOW[number % len(HOW)])
            sleep(0.5)
            assert visitors.stop() == 130, visitors.printed()
        # A last few visitors must all be settled: whatever was killed is well again.
        assert ", 0 refused" in finished(dwell, "simulate", "--visitors", "10")
        assert "the same" in finished(dwell, "simulate", "--check", "--wait", "40")
        last = descendants(dwell.up.pid)
        assert dwell.up.stop(within=10) == 0
        assert not any(each.alive for each in last)
        # What was published last is all of it, with nobody left who could add to it.
        assert "the same" in finished(dwell, "simulate", "--check")
    finally:
        dwell.up.kill()


def finished(dwell: Dwell, *arguments: str) -> str:
    """What `dwell …` prints until it ends well."""
    output = dwell.data / "finished.out"
    output.unlink(missing_ok=True)
    with running(*arguments, environ=dwell.environ, output=output) as process:
        wait_until(lambda: not process.alive, 60)
        assert process.stop() == 0, process.printed()
        return process.printed()


def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    kill_under_load(tmp_path, kills=4, seed=1)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_in_fifty_kills(tmp_path: Path) -> None:
    kill_under_load(tmp_path, kills=50, seed=2)
