"""Killed at random moments, under simulated visitors: nothing lost, nothing doubled, no orphan."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import sleep

import pytest

from tests.support.processes import PROC, Seen, descendants
from tests.support.running import Process, environment, free_port, running, wait_until

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="looks for orphans in /proc")

CHILDREN = ("site", "dashboard", "project")
RATE = 400
"""Facts a second: enough that each kill hits facts in every stage, and leaves the machine some time."""
HOW = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
"""How children end, in turn; SIGTERM is the orderly stop. `dwell up` itself is always killed."""
ORPHANS_WITHIN = 10.0
BACK_WITHIN = 20.0


@dataclass
class Dwell:
    """`dwell up`, which is killed, as a whole or in parts, and started again by who starts it."""

    data: Path
    environ: dict[str, str] = field(init=False)
    up: Process = field(init=False)

    def __post_init__(self) -> None:
        self.environ = environment(self.data, free_port(), publish_seconds=0.5)
        self.start()

    def start(self) -> None:
        """Start it; its children come by themselves."""
        self.up = Process("up", environ=self.environ, output=self.data / "up.out")

    def children(self) -> dict[str, Seen]:
        """Those that run now, by what they run."""
        assert self.up.alive, self.up.printed()
        running = descendants(self.up.pid)
        return {name: each for name in CHILDREN for each in running if each.runs(name)}

    def chosen(self, rng: Random) -> str:
        """One of those that run; a child that was killed too often waits to be started again."""
        return rng.choice((*self.children(), "up"))

    def kill(self, victim: str, how: signal.Signals) -> None:
        """End one process, which runs now or will in a moment."""
        if victim == "up":
            self.kill_itself()
        else:
            wait_until(lambda: victim in self.children(), BACK_WITHIN)
            os.kill(self.children()[victim].pid, how)

    def kill_itself(self) -> None:
        """Its children end by themselves, and the next start finds nothing in its way."""
        children = descendants(self.up.pid)
        self.up.kill()
        wait_until(lambda: not any(each.alive for each in children), ORPHANS_WITHIN)
        self.start()


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
