"""Each named query on simulated visits, against the same computed in Python from the visits themselves."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from dwell.commands.simulate.journeys import Visits
from dwell.commands.simulate.people import BOTS, DAY
from dwell.consumers.agents import describe
from dwell.warehouse.queries import bound, find
from tests.support.facts import Projected
from tests.support.simulated import stored

Rows = list[tuple[Any, ...]]
Asked = Callable[..., Rows]

ZONE = ZoneInfo("Europe/Berlin")
BEGAN = datetime(2025, 10, 6, tzinfo=UTC)
"""Three weeks before the clocks go back."""
ENDED = BEGAN + timedelta(days=50)
SINCE = datetime(2025, 10, 20, tzinfo=ZONE)
UNTIL = datetime(2025, 11, 17, tzinfo=ZONE)
STEPS = ("PageA", "PageB", "Tab2")


@dataclass(frozen=True)
class Look:
    """A pageview, as it was simulated."""

    id: str
    view: str
    tab: str
    seconds: float
    began: datetime
    previous: str | None
    facts: int
    lost: int


@dataclass(frozen=True)
class Visit:
    """A session of a person, its looks in the order in which they began."""

    visitor: str
    agent: str
    looks: Sequence[Look]

    @property
    def began(self) -> datetime:
        return self.looks[0].began

    @property
    def seconds(self) -> float:
        return sum(look.seconds for look in self.looks)


def simulated() -> Visits:
    since, until = (round(moment.timestamp() * 1000) for moment in (BEGAN, ENDED))
    assert until - since == 50 * DAY
    return Visits(seed=3, visitors=250, since=since, until=until, timezone=ZONE.key)


@pytest.fixture(scope="module")
def people() -> list[Visit]:
    """The visits of people; those of robots are left out."""
    robots = {agent for _, agent in BOTS}
    return [
        Visit(
            visit.visitor_id,
            visit.agent,
            sorted(
                (
                    Look(
                        pageview.pageview_id,
                        pageview.page.view,
                        pageview.page.tab,
                        pageview.engagement_ms / 1000,
                        datetime.fromtimestamp(pageview.started_at / 1000, ZONE),
                        pageview.previous_pageview_id,
                        pageview.facts[-1].seq + 1,
                        pageview.facts[-1].seq + 1 - len(pageview.facts),
                    )
                    for pageview in visit.pageviews
                ),
                key=lambda look: (look.began, look.view),
            ),
        )
        for visit in simulated()
        if visit.agent not in robots
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = tmp_path_factory.mktemp("simulated") / "warehouse.duckdb"
    with Projected(path) as projected:
        yield projected.append(stored(simulated())).project(20_000).connection


@pytest.fixture
def asked(warehouse: duckdb.DuckDBPyConnection) -> Asked:
    """Asks a query of the period between `SINCE` and `UNTIL`."""

    def ask(name: str, **given: str) -> Rows:
        query = find(name)
        given = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()} | given
        values = bound(query, given, timezone=ZONE.key, now=ENDED)
        return warehouse.execute(query.sql, values).fetchall()

    return ask


def inside(moment: datetime) -> bool:
    return SINCE <= moment < UNTIL


def quantile(values: Iterable[float], share: float) -> float:
    """As SQL's percentile_cont: between two values, so much of the way from one to the next."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def near(rows: Iterable[Sequence[Any]]) -> Rows:
    """To be compared with rows whose numbers were rounded and added up in another order."""
    return [
        tuple(pytest.approx(each, abs=0.006) if isinstance(each, float) else each for each in row)
        for row in rows
    ]


def looks(people: list[Visit]) -> Iterator[Look]:
    return (look for visit in people for look in visit.looks if inside(look.began))


def by_view(people: list[Visit]) -> dict[str, list[float]]:
    found = defaultdict(list)
    for look in looks(people):
        found[look.view].append(look.seconds)
    return found


def midnight(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day)


def monday(moment: datetime) -> date:
    return moment.date() - timedelta(days=moment.weekday())


def test_engagement_by_view(asked: Asked, people: list[Visit]) -> None:
    rows = [
        (view, len(s), sum(s) / len(s), quantile(s, 0.5), quantile(s, 0.9), sum(s))
        for view, s in by_view(people).items()
    ]
    assert asked("engagement_by_view") == near(sorted(rows, key=lambda row: (-row[1], row[0])))


def test_engagement_distribution(asked: Asked, people: list[Visit]) -> None:
    bounds = [0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, None]
    assert asked("engagement_distribution") == near(
        (view, least, most, count, 100 * count / len(seconds))
        for view, seconds in sorted(by_view(people).items())
        for least, most in pairwise(bounds)
        if least is not None
        for count in [sum(least <= s and (most is None or s < most) for s in seconds)]
    )


def test_sessions(asked: Asked, people: list[Visit]) -> None:
    days = defaultdict(list)
    for visit in people:
        if inside(visit.began):
            days[midnight(visit.began)].append(visit)
    for row, (day, visits) in zip(asked("sessions"), sorted(days.items()), strict=True):
        count, seconds = len(visits), [visit.seconds for visit in visits]
        pageviews = [len(visit.looks) for visit in visits]
        assert [row[:7]] == near(
            [
                (
                    day,
                    count,
                    sum(pageviews) / count,
                    100 * pageviews.count(1) / count,
                    sum(seconds) / count,
                    quantile(seconds, 0.5),
                    quantile(seconds, 0.9),
                )
            ]
        )


def test_entries_and_exits(asked: Asked, people: list[Visit]) -> None:
    visits = [visit.looks for visit in people if inside(visit.began)]
    entries = Counter(looks[0].view for looks in visits)
    exits = Counter(looks[-1].view for looks in visits)
    bounces = Counter(looks[0].view for looks in visits if len(looks) == 1)
    rows = [
        (
            view,
            entries[view],
            exits[view],
            bounces[view],
            100 * entries[view] / len(visits),
            100 * exits[view] / len(visits),
            100 * bounces[view] / entries[view] if entries[view] else None,
        )
        for view in entries | exits
    ]
    assert asked("entries_and_exits") == near(
        sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))
    )


def test_transitions(asked: Asked, people: list[Visit]) -> None:
    known = {look.id: look for visit in people for look in visit.looks}
    times = Counter(
        (known[look.previous].view, look.view)
        for look in known.values()
        if look.previous and inside(known[look.previous].began)
    )
    followed = {look.previous for look in known.values()}
    ended = Counter(
        look.view for look in known.values() if look.id not in followed and inside(look.began)
    )
    times.update({(view, ""): count for view, count in ended.items()})
    from_view: Counter[str] = Counter()
    for (view, _), count in times.items():
        from_view[view] += count
    rows = [
        (view, following or None, count, 100 * count / from_view[view])
        for (view, following), count in times.items()
    ]
    rows.sort(key=lambda row: (row[0], -row[2], row[1] is None, row[1] or ""))
    assert asked("transitions") == near(rows)


def test_returning_visitors(asked: Asked, people: list[Visit]) -> None:
    first: dict[str, datetime] = {}
    days = defaultdict(set)
    for visit in people:
        day = midnight(visit.began)
        first[visit.visitor] = min(first.get(visit.visitor, day), day)
        if inside(visit.began):
            days[day].add(visit.visitor)
    rows = [
        (day, len(came), new, len(came) - new, 100 * (len(came) - new) / len(came))
        for day, came in sorted(days.items())
        for new in [sum(first[visitor] == day for visitor in came)]
    ]
    assert asked("returning_visitors") == near(rows)
    assert sum(row[3] for row in rows)


def test_retention_by_week(asked: Asked, people: list[Visit]) -> None:
    weeks = defaultdict(set)
    for visit in people:
        if visit.began < UNTIL:
            weeks[visit.visitor].add(monday(visit.began))
    cohorts = defaultdict(list)
    for came in weeks.values():
        if min(came) >= monday(SINCE):
            cohorts[min(came)].append(came)
    last = monday(UNTIL) - timedelta(days=7)
    rows = [
        (week, len(visitors), later, returned, 100 * returned / len(visitors))
        for week, visitors in sorted(cohorts.items())
        for later in range((last - week).days // 7 + 1)
        for returned in [sum(week + timedelta(days=7 * later) in came for came in visitors)]
    ]
    assert asked("retention_by_week") == near(rows)
    assert len(cohorts) == 4


def test_funnel(asked: Asked, people: list[Visit]) -> None:
    waits: list[list[float]] = [[] for _ in STEPS]
    for visit in people:
        if not inside(visit.began):
            continue
        step, before = 0, visit.began - timedelta(seconds=1)
        for look in visit.looks:
            if step < len(STEPS) and look.view.endswith(STEPS[step]) and look.began > before:
                waits[step].append((look.began - before).total_seconds())
                step, before = step + 1, look.began
    counts = [len(each) for each in waits]
    assert [(row[0], row[2], row[3]) for row in asked("funnel", views=whole(people))] == near(
        (step, count, 100 * count / counts[0]) for step, count in enumerate(counts, 1)
    )
    assert [row[5] for row in asked("funnel", views=whole(people))][1:] == [
        pytest.approx(quantile(each, 0.5), abs=0.001) for each in waits[1:]
    ]


def whole(people: list[Visit]) -> str:
    """The steps by their whole names."""
    return ",".join(next(view for view in by_view(people) if view.endswith(end)) for end in STEPS)


def test_tabs_compared(asked: Asked, people: list[Visit]) -> None:
    known = {look.id: look for visit in people for look in visit.looks}
    tabs = defaultdict(list)
    sessions = defaultdict(set)
    for number, visit in enumerate(people):
        for look in visit.looks:
            if look.tab and inside(look.began):
                tabs[look.view, look.tab].append(look)
                sessions[look.view, look.tab].add(number)
    total = sum(look.seconds for looks in tabs.values() for look in looks)
    assert asked("tabs_compared") == near(
        (
            *tab,
            len(looks),
            len(sessions[tab]),
            sum(seconds) / len(seconds),
            quantile(seconds, 0.5),
            quantile(seconds, 0.9),
            100 * sum(seconds) / total,
            sum(
                bool(known[look.previous].tab) and known[look.previous].tab != look.tab
                for look in looks
                if look.previous
            ),
        )
        for tab, looks in sorted(tabs.items())
        for seconds in [[look.seconds for look in looks]]
    )


def test_the_losses_of_views_and_browsers(asked: Asked, people: list[Visit]) -> None:
    """The simulated browsers lose facts in the middle alone: every second is known."""
    by_view: dict[str, list[Look]] = defaultdict(list)
    by_browser: dict[tuple[str, str], list[Look]] = defaultdict(list)
    for visit in people:
        browser, system, _, _ = describe(visit.agent)
        for look in visit.looks:
            if inside(look.began):
                by_view[look.view].append(look)
                by_browser[browser, system].append(look)
    rows = [
        (view, len(some), len(some), 0, *[sum(look.seconds for look in some)] * 2, *lost(some))
        for view, some in by_view.items()
    ]
    assert asked("loss_ledger") == near(sorted(rows, key=lambda row: (-row[1], row[0])))
    browsers = [
        (*name, len(some), with_losses, 100 * with_losses / len(some), *lost(some)[1:])
        for name, some in by_browser.items()
        for with_losses in [sum(look.lost > 0 for look in some)]
    ]
    assert asked("losses_by_browser") == near(sorted(browsers, key=lambda row: (-row[2], row[:2])))


def lost(some: list[Look]) -> tuple[int, int, float]:
    """Facts made, facts lost, percent."""
    made, gone = sum(look.facts for look in some), sum(look.lost for look in some)
    return made, gone, 100 * gone / made
