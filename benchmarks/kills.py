"""kill -9 at random moments under simulated visitors: is anything lost, is anything doubled?

`dwell up` with its site, projector and dashboard runs as it is deployed, first on the embedded log, then
on real Kafka. `dwell simulate` visits all the time and knows the truth. One process after the other is
killed, the supervisor and the broker among them; `dwell up` and the broker are started again at once, as
a service manager does it. At the end every settled fact and every row is compared with the truth.

`python -m benchmarks.kills COUNT` kills so many, half of them on each log.
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from random import Random

import click

from benchmarks.brokers import running_broker, topic_on
from benchmarks.rows import Row
from dwell.commands.broker.server import Broker
from dwell.commands.simulate.checking import Compared, compare_within
from dwell.commands.simulate.truth import FILE_NAME
from tests.support.installation import SETTLED
from tests.support.killable import ORPHANS_WITHIN, Dwell
from tests.support.processes import Seen, descendants
from tests.support.pulse import Pulse
from tests.support.running import running, wait_until

NAME = "kills"
MINUTES = 20

KILLS = 500
SEED = 1
RATE = 200
"""Facts a second."""
VISITORS = 200_000
"""More than will be here before the end."""
BEGUN_WITHIN = 120.0
BETWEEN = (0.0, 2.0)
"""Seconds from one kill to the next, at random, once facts are kept again."""
AT_ONCE = 0.25
"""Of all kills, the share that does not wait for that, and hits what is about to start."""
KEPT_WITHIN = 120.0
BROKER_AWAY = (0.0, 1.0)
"""Seconds until a killed broker is started again."""
BROKER_WITHIN = 120.0
ALL_THERE_WITHIN = 180.0
"""Seconds until the last fact is published."""
SAY_EVERY = 25
"""Kills."""
SETTINGS: dict[str, object] = {"durable_within": 2}
EMBEDDED, KAFKA = "embedded", "Kafka"


@dataclass
class Toll:
    """What was killed on one log, and what came of it.

    Attributes:
        ended: how often `dwell up` ended by itself and was started again.
        facts: that simulated visitors were told are kept.
        retries: requests of theirs that had to be sent again.
        stall: the longest time for which no fact was kept, in seconds.
        compared: the tables with the truth.
    """

    log: str
    kills: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    facts: int = 0
    retries: int = 0
    stall: float = 0
    compared: dict[str, Compared] = field(default_factory=dict)

    def differing(self, *verdicts: str) -> int:
        """How many rows differ in one of these ways."""
        return sum(each.verdicts[how] for each in self.compared.values() for how in verdicts)


def run(times: int) -> Iterable[Row]:
    """500 kill -9 of every process on either log, under simulated visitors: what is lost or doubled."""
    for _ in range(min(times, 1)):  # Five hundred are enough.
        yield from rows(tolls(KILLS, SEED))


def rows(found: Iterable[Toll]) -> Iterator[Row]:
    """The figures of each log."""
    for toll in found:
        for victim, kills in sorted(toll.kills.items()):
            yield Row(f"{toll.log}: {victim} killed", "kills", [kills])
        yield Row(f"{toll.log}: killed in all", "kills", [toll.kills.total()])
        yield Row(f"{toll.log}: `dwell up` ended by itself", "times", [toll.ended], aim="at most 0")
        yield Row(f"{toll.log}: facts settled", "facts", [toll.facts])
        yield Row(f"{toll.log}: requests tried again", "requests", [toll.retries])
        yield Row(f"{toll.log}: longest time without a kept fact", "s", [toll.stall])
        compared = sum(each.rows for each in toll.compared.values())
        yield Row(f"{toll.log}: rows compared", "rows", [compared])
        for what in (("lost",), ("doubled",), ("invented", "changed")):
            name = f"{toll.log}: {' or '.join(what)}"
            yield Row(name, "rows", [toll.differing(*what)], aim="at most 0")


def tolls(
    kills: int, seed: int, logs: Iterable[str] = (EMBEDDED, KAFKA), minutes: float = inf
) -> Iterator[Toll]:
    """Kill so many, an equal share on each log; one log after the other, each for so long at most."""
    names = list(logs)
    share = -(-kills // len(names))
    for name in names:
        with ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if name == KAFKA:
                broker = stack.enter_context(running_broker())
                if broker is None:
                    continue
                dwell = Dwell(data, topic_on(broker), broker, SETTINGS)
            else:
                dwell = Dwell(data, settings=SETTINGS)
            stack.callback(ended, dwell)
            rng = Random(f"{seed}, {name}")
            yield killed(dwell, Toll(name), share, rng, 60 * minutes)


def ended(dwell: Dwell) -> None:
    """All of it, in order if it can."""
    with suppress(Exception):
        dwell.up.stop()
    dwell.up.kill()


def killed(dwell: Dwell, toll: Toll, kills: int, rng: Random, seconds: float) -> Toll:
    """Kill so many under visitors, or as many as so many seconds allow, then compare.

    Raises:
        AssertionError: visitors were refused, or a process outlived its supervisor.
    """
    keeper = Keeper(dwell, toll)
    dwell.up.wait_for(dwell.origin, 60)
    visitors = ("simulate", "--visitors", f"{VISITORS}", "--rate", f"{RATE}")
    output = dwell.data / "visitors.out"
    with (
        Pulse(dwell.origin) as pulse,
        running(*visitors, environ=dwell.environ, output=output) as simulation,
    ):
        wait_until(lambda: dwell.visited, BEGUN_WITHIN)
        deadline = time.monotonic() + seconds
        for number in range(1, kills + 1):
            if time.monotonic() > deadline:
                break
            time.sleep(rng.uniform(*BETWEEN))
            keeper.kill(rng)
            if rng.random() > AT_ONCE:
                beats = len(pulse.beats)
                wait_until(partial(kept_again, pulse, beats), KEPT_WITHIN)
            if number % SAY_EVERY == 0 or number == kills:
                click.echo(f"{toll.log}: {number} of {kills} killed, {said(output)}", err=True)
        keeper.whole()
        assert simulation.stop() == 130, simulation.printed()
    found = SETTLED.search(simulation.printed())
    assert found is not None, simulation.printed()
    toll.facts, toll.retries, refused = (int(each.replace(",", "")) for each in found.groups())
    assert refused == 0, simulation.printed()
    toll.stall = pulse.stall
    published, truth = dwell.data / "warehouse.duckdb", dwell.data / FILE_NAME
    toll.compared = compare_within(published, truth, ALL_THERE_WITHIN).tables
    return toll


def kept_again(pulse: Pulse, beats: int) -> bool:
    """Whether a fact was kept since there were so many beats, the one under way left out."""
    return any(beat.status == 204 for beat in pulse.beats[beats + 1 :])


def said(output: Path) -> str:
    """The last word of the visitors."""
    return (output.read_text(errors="replace").splitlines() or ["no visitor yet"])[-1]


class Keeper:
    """Kills, and starts again what nobody else does: the service manager of `dwell up` and the broker."""

    def __init__(self, dwell: Dwell, toll: Toll) -> None:
        self._dwell = dwell
        self._toll = toll
        self._starting: threading.Thread | None = None
        self._leftover: list[Seen] = []

    def kill(self, rng: Random) -> None:
        """SIGKILL to one of those that run, which is started again while the next ones are killed."""
        self._leave_no_orphans()
        victim = self._dwell.chosen(rng)
        if victim == "broker":
            self._kill_broker(rng.uniform(*BROKER_AWAY))
        elif victim == "up":
            self._leftover = descendants(self._dwell.up.pid)
            self._dwell.up.kill()
            self._dwell.start()
        else:
            self._dwell.kill(victim)
        self._toll.kills[victim] += 1

    def whole(self) -> None:
        """Wait until everything runs again."""
        self._leave_no_orphans()
        if self._starting is not None:
            self._starting.join()
            assert self._dwell.broker is not None
            assert self._dwell.broker.alive, self._dwell.broker.last_word()

    def _leave_no_orphans(self) -> None:
        """None of those whose supervisor was killed is left; a supervisor that has ended is started."""
        wait_until(lambda: not any(each.alive for each in self._leftover), ORPHANS_WITHIN)
        if not self._dwell.up.alive:
            click.echo(f"`dwell up` ended: {self._dwell.up.printed()[-300:]}", err=True)
            self._toll.ended += 1
            self._dwell.start()

    def _kill_broker(self, away: float) -> None:
        broker = self._dwell.broker
        assert broker is not None
        if self._starting is not None:
            self._starting.join()  # nobody else may be in the middle of starting it
        broker.kill()
        self._starting = threading.Thread(target=_start, args=(broker, away), name="broker")
        self._starting.start()


def _start(broker: Broker, away: float) -> None:
    time.sleep(away)
    broker.start(BROKER_WITHIN)


@click.command()
@click.argument("count", type=click.IntRange(1), default=KILLS)
@click.option(
    "--seed", type=int, default=SEED, show_default=True, help="Other victims and moments."
)
@click.option("--log", "logs", type=click.Choice([EMBEDDED, KAFKA]), multiple=True)
@click.option("--minutes", type=float, default=inf, help="On each log, at most.")
def kills(count: int, seed: int, logs: tuple[str, ...], minutes: float) -> None:
    """Kill COUNT processes and print what came of it; exit status 1: something is lost or doubled."""
    click.echo(f"seed {seed}")
    wrong = 0
    for toll in tolls(count, seed, logs or (EMBEDDED, KAFKA), minutes):
        for row in rows([toll]):
            click.echo(f"{row.what}: {row.median:g} {row.unit}")
        wrong += toll.differing("lost", "doubled", "invented", "changed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    kills(prog_name=f"python -m {__spec__.name}" if __spec__ else sys.argv[0])
