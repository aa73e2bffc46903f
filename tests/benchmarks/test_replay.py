"""The benchmark of replays, on a month of a few hundred facts; and what it measures with."""

import asyncio
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from benchmarks.beside import sampled
from benchmarks.month import DAYS, UNTIL, records_in, write
from benchmarks.processes import NO_PORT, spent
from benchmarks.replay import DIFFERS, LIVE, PEAK, RATE, Figures, archived, projected, replayed
from dwell.commands.simulate.journeys import Visits
from dwell.commands.simulate.people import DAY
from dwell.events.log import Batch
from tests.support.facts import Projected
from tests.support.running import environment


@pytest.fixture(scope="module")
def month() -> Batch:
    visits = Visits(seed=1, visitors=100, since=UNTIL - DAYS * DAY, until=UNTIL)
    records = list(records_in(visits, Random(1)))
    return Batch(
        partition=0,
        offsets=list(range(len(records))),
        timestamps=[each.timestamp for each in records],
        keys=[each.key for each in records],
        values=[each.value for each in records],
    )


def test_a_month_comes_in_the_order_in_which_it_was_received(month: Batch) -> None:
    assert month.timestamps == sorted(month.timestamps)
    assert UNTIL - DAYS * DAY < month.timestamps[0] < month.timestamps[-1] < UNTIL + DAY


def test_a_month_is_read_at_sight_with_facts_that_came_twice_and_ones_that_did_not_come(
    month: Batch, tmp_path: Path
) -> None:
    with Projected(tmp_path / "projected.duckdb") as projected:
        projected.apply(month)
        [(letters, pageviews, facts, lost)] = projected.rows(
            "select (select count(*) from dead_letter), count(*), sum(facts), sum(facts_lost) "
            "from pageview_ledger"
        )
    visits = Visits(seed=1, visitors=100, since=UNTIL - DAYS * DAY, until=UNTIL)
    assert letters == 0
    assert pageviews == sum(1 for visit in visits for _ in visit.pageviews)
    assert facts < len(month)
    assert lost > 0


@pytest.mark.long
@pytest.mark.timeout(400)
def test_replays_come_to_what_is_live(tmp_path: Path) -> None:
    facts = 600
    log = f"embedded:{tmp_path / 'log.sqlite'}"
    asyncio.run(write(log, facts))
    figures: Figures = defaultdict(list)
    projected(log, tmp_path, facts, figures)
    archived(log, tmp_path, facts, figures)
    replayed("log", log, ["--no-archive"], tmp_path, facts, figures)
    replayed("archive", log, [], tmp_path, facts, figures)
    assert figures["log", DIFFERS] == figures["archive", DIFFERS] == [0]
    assert all(figures[name, RATE][0] > 0 for name in ("log", "archive", LIVE))


def test_lag_is_the_age_of_the_newest_fact_that_has_come_so_far() -> None:
    received = [(10.0, 20), (11.0, 40), (12.0, 60)]
    committed = [(10.5, 20), (11.5, 40)]
    assert sampled(received, committed, 11.0, 11.01) == [1.0]
    assert sampled(received, committed, 12.0, 12.01) == [1.0]


def test_what_a_command_takes_is_measured(tmp_path: Path) -> None:
    took = spent("--version", environ=environment(tmp_path, NO_PORT))
    assert took.status == 0
    assert took.cpu > 0
    assert 5 < took.peak_mib < 500, PEAK
