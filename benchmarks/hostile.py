"""A site under a hundred thousand hostile requests: what it answers, how large it grows, what it keeps."""

import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import click

from benchmarks.rows import Row
from tests.support.hostile import Attack, siege
from tests.support.sieged import Sieged, sieged

NAME = "hostile"
MINUTES = 10
"""Each run takes some: it is not among those that run unless they are named."""
WARM_UP = 2_000
"""Requests after which the memory is looked at for the first time."""
DESCRIBED = 500
"""Of them made by Schemathesis."""

SENT, SECONDS = "hostile requests", "time"
WRONG, DIFFERENT = "answered 5xx, other than 503", "answered differently by the two ways"
FAILED = "failures that were logged"
GOOD, LOST, REFUSED = "good facts among them", "good facts lost", "good facts refused"
GROWN, PEAK = "memory grown by", "memory at most"
UNITS = {
    **dict.fromkeys((SENT, WRONG, FAILED, DIFFERENT, GOOD, LOST, REFUSED), ""),
    SECONDS: "s",
    GROWN: "MiB",
    PEAK: "MiB",
}
AIMS = {
    WRONG: "at most 0",
    FAILED: "at most 0",
    DIFFERENT: "at most 0",
    LOST: "at most 0",
    GROWN: "at most 32",
}


def run(times: int, facts: int = 100_000) -> Iterable[Row]:
    """Requests from a corpus, from Hypothesis, from Schemathesis, with good facts among them."""
    figures: dict[str, list[float]] = defaultdict(list)
    for each in range(times):
        with tempfile.TemporaryDirectory() as folder, sieged(Path(folder)) as site:
            for what, value in once(site, facts, seeded=each).items():
                figures[what].append(value)
    return [Row(what, unit, figures[what], aim=AIMS.get(what, "")) for what, unit in UNITS.items()]


def once(site: Sieged, number: int, seeded: int) -> dict[str, float]:
    """One siege."""
    attack = Attack(site.port)
    siege(attack, WARM_UP, seeded)
    before, began = site.memory(), time.perf_counter()
    differ = siege(attack, number - DESCRIBED, seeded + 1_000)
    spoke = _described(site, min(DESCRIBED, number // 10), seeded)
    took = time.perf_counter() - began
    for sent, *answers in differ[:5] + attack.wrong[:5]:
        click.echo(f"{sent[:400]!r}: {[each[:200] for each in answers]}", err=True)
    click.echo(f"answers: {dict(sorted(attack.statuses.items()))}", err=True)
    return {
        SENT: attack.sent + spoke,
        SECONDS: took,
        WRONG: len(attack.wrong),
        DIFFERENT: len(differ),
        FAILED: site.said().count("Traceback"),
        GOOD: len(attack.kept),
        LOST: len(set(attack.kept) - site.kept()),
        REFUSED: sum(attack.refused.values()),
        GROWN: (site.memory() - before) / 2**20,
        PEAK: site.peak() / 2**20,
    }


def _described(site: Sieged, number: int, seeded: int) -> int:
    from tests.support.described import described  # Schemathesis takes seconds to be there

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sum(described(f"http://127.0.0.1:{site.port}", number, seeded).values())
