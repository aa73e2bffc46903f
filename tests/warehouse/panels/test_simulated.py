"""Each panel on a simulated month: against the same computed in Python from the visits themselves, and
against the named query that asks the same."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dwell.commands.simulate.journeys import Visit, Visits
from dwell.commands.simulate.people import BOTS
from dwell.consumers.agents import describe
from dwell.warehouse.panels import Board, Selection, panels
from dwell.warehouse.published import open_published
from dwell.warehouse.queries import bound, find
from tests.support.facts import Projected
from tests.support.publishing import copy_of
from tests.support.simulated import stored
from tests.warehouse.queries.test_simulated import near, quantile

Rows = list[tuple[Any, ...]]

ZONE = ZoneInfo("Europe/Berlin")
BEGAN = datetime(2025, 9, 22, tzinfo=UTC)
"""Five weeks before the clocks go back."""
ENDED = BEGAN + timedelta(days=62)
SINCE = datetime(2025, 10, 20, tzinfo=ZONE)
UNTIL = datetime(2025, 11, 17, tzinfo=ZONE)
BEFORE = datetime(2025, 9, 22, tzinfo=ZONE)
PERIOD = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
ROBOTS = {agent for _, agent in BOTS}


def simulated() -> Visits:
    since, until = (round(moment.timestamp() * 1000) for moment in (BEGAN, ENDED))
    return Visits(seed=5, visitors=200, since=since, until=until, timezone=ZONE.key)


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return list(simulated())


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("simulated")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(stored(simulated())).project(20_000)
        published = copy_of(projected.warehouse, folder)
    with closing(Board(published)) as board:
        yield board


class Asked:
    """A panel and a query, of the same period."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def panel(
        self, name: str, *columns: str, extra: dict[str, str] | None = None, **given: str
    ) -> Rows:
        selection = Selection.of(PERIOD | given, timezone=ZONE.key, now=ENDED)
        rows = self._board.answer(name, selection, extra or {}).rows()
        return [tuple(row[column] for column in columns or row) for row in rows]

    def query(self, name: str, *columns: str, **given: str) -> Rows:
        query = find(name)
        values = bound(query, PERIOD | given, timezone=ZONE.key, now=ENDED)
        with open_published(self._board.path) as connection:
            rows = connection.execute(query.sql, values).fetchall()
        places = [list(query.columns).index(column) for column in columns or query.columns]
        return [tuple(row[place] for place in places) for row in rows]


@pytest.fixture
def asked(board: Board) -> Asked:
    return Asked(board)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, ZONE)


def began(visit: Visit) -> datetime:
    return moment(min(each.started_at for each in visit.pageviews))


def measured(visits: list[Visit], since: datetime, until: datetime) -> tuple[Any, ...]:
    """Visitors, sessions, pageviews, median and total of a period."""
    came = [visit for visit in visits if since <= began(visit) < until]
    seconds = [
        pageview.engagement_ms / 1000
        for visit in visits
        for pageview in visit.pageviews
        if since <= moment(pageview.started_at) < until
    ]
    return (
        len({visit.visitor_id for visit in came}),
        len(came),
        len(seconds),
        quantile(seconds, 0.5) if seconds else None,
        sum(seconds),
    )


def people(visits: list[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.agent not in ROBOTS]


def test_totals(asked: Asked, visits: list[Visit]) -> None:
    for bots, chosen in (
        ("exclude", people(visits)),
        ("include", visits),
        ("only", [visit for visit in visits if visit.agent in ROBOTS]),
    ):
        assert asked.panel("totals", bots=bots) == near(
            [
                (False, *measured(chosen, SINCE, UNTIL)),
                (True, *measured(chosen, BEFORE, SINCE)),
            ]
        )


def test_totals_of_one_browser(asked: Asked, visits: list[Visit]) -> None:
    for browser in {describe(visit.agent)[0] for visit in people(visits)}:
        chosen = [visit for visit in people(visits) if describe(visit.agent)[0] == browser]
        assert asked.panel("totals", browser=browser) == near(
            [(False, *measured(chosen, SINCE, UNTIL)), (True, *measured(chosen, BEFORE, SINCE))]
        )


def test_new_and_returning_visitors(asked: Asked, visits: list[Visit]) -> None:
    first: dict[str, datetime] = {}
    for visit in visits:
        first[visit.visitor_id] = min(first.get(visit.visitor_id, began(visit)), began(visit))
    came = {visit.visitor_id for visit in people(visits) if SINCE <= began(visit) < UNTIL}
    new = {visitor for visitor in came if first[visitor] >= SINCE}
    assert new
    assert came - new
    counted = [
        asked.panel("totals", "visitors", visitors=visitors)[0]
        for visitors in ("new", "returning", "all")
    ]
    assert counted == [(len(new),), (len(came - new),), (len(came),)]


def test_series(asked: Asked, visits: list[Visit]) -> None:
    days = [SINCE + timedelta(days=day) for day in range(28)]
    before = [BEFORE + timedelta(days=day) for day in range(28)]
    rows = [
        (earlier, number, f"{day:%Y-%m-%dT%H:%M}", *figures[:3], figures[3], figures[4])
        for earlier, days in ((False, days), (True, before))
        for number, day in enumerate(days)
        for figures in [measured(people(visits), day, day + timedelta(days=1))]
    ]
    names = ("earlier", "bucket", "local", "visitors", "sessions", "pageviews", "median", "total")
    assert asked.panel("series", *names) == near(rows)


def test_sessions_by_hour(asked: Asked, visits: list[Visit]) -> None:
    hours = Counter(
        (began(visit).isoweekday(), began(visit).hour)
        for visit in people(visits)
        if SINCE <= began(visit) < UNTIL
    )
    assert {row[:2]: row[2] for row in asked.panel("sessions_by_hour") if row[2]} == dict(hours)


def test_visitors_of_views_and_pages(asked: Asked, visits: list[Visit]) -> None:
    by_view, by_path = defaultdict(set), defaultdict(set)
    for visit in people(visits):
        for pageview in visit.pageviews:
            if SINCE <= moment(pageview.started_at) < UNTIL:
                by_view[pageview.page.view].add(visit.visitor_id)
                by_path[str(pageview.page.identity["path"])].add(visit.visitor_id)
    counted = {view: len(visitors) for view, visitors in by_view.items()}
    assert dict(asked.panel("views", "view_name", "visitors")) == counted
    counted = {path: len(visitors) for path, visitors in by_path.items()}
    assert dict(asked.panel("pages", "path", "visitors")) == counted


def test_more_visitors_than_bitmaps_have_room_for_are_counted_too(
    board: Board, visits: list[Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dwell.warehouse.panels.tables.BITMAPS_BYTES", 0)
    with closing(Board(board.path)) as other:
        for panel in ("totals", "series", "views", "pages", "browsers"):
            asked, others = Asked(board), Asked(other)
            assert others.panel(panel, bots="include") == asked.panel(panel, bots="include")


def test_browsers(asked: Asked, visits: list[Visit]) -> None:
    for panel, place in (("browsers", 0), ("systems", 1), ("devices", 2)):
        by_name: dict[str, list[Visit]] = defaultdict(list)
        for visit in people(visits):
            by_name[str(describe(visit.agent)[place])].append(visit)
        rows = [(name, *measured(some, SINCE, UNTIL)[:4]) for name, some in by_name.items()]
        rows = sorted((row for row in rows if row[3]), key=lambda row: (-row[1], -row[3], row[0]))
        assert asked.panel(panel) == near(rows)


def test_each_panel_says_what_the_named_query_says(asked: Asked) -> None:
    for panel, query, columns in (
        (
            "views",
            "engagement_by_view",
            ("view_name", "pageviews", "mean", "median", "p90", "total"),
        ),
        ("view_distribution", "engagement_distribution", ()),
        ("entries_and_exits", "entries_and_exits", ()),
        (
            "tabs",
            "tabs_compared",
            ("view_name", "tab", "pageviews", "sessions", "median", "percent_of_time"),
        ),
    ):
        for bots in ("exclude", "include", "only"):
            shown = asked.panel(panel, *columns, bots=bots)
            assert sorted(shown, key=str) == near(
                sorted(asked.query(query, *columns, bots=bots), key=str)
            ), panel


def test_transitions(asked: Asked) -> None:
    for bots in ("exclude", "include", "only"):
        shown = asked.panel("transitions", bots=bots)
        assert [row for row in shown if row[0]] == asked.query("transitions", bots=bots)
    shown = asked.panel("transitions")
    view_name = shown[-1][0]
    of_view = [row for row in shown if row[0] == view_name]
    assert [row for row in asked.panel("transitions", view=view_name) if row[0]] == of_view
    ends = {row[0]: row[1:] for row in asked.query("entries_and_exits")}
    assert {row[1]: row[2] for row in shown if not row[0]} == {
        view: each[0] for view, each in ends.items() if each[0]
    }


def test_retention_and_funnel(asked: Asked) -> None:
    weeks = [(str(row[0]), *row[1:]) for row in asked.query("retention_by_week")]
    assert asked.panel("retention") == weeks
    views = ",".join(row[0] for row in asked.query("engagement_by_view")[:3])
    steps = asked.panel("funnel", extra={"views": views})
    assert steps == asked.query("funnel", views=views)
    assert all(step[-1] == round(step[-1], 3) for step in steps[1:])


def test_completeness(asked: Asked) -> None:
    ledger = asked.query(
        "loss_ledger", "pageviews", "exact", "without_bound", "facts_made", "facts_lost"
    )
    pageviews, exact, without_bound, made, lost = map(sum, zip(*ledger, strict=True))
    assert lost
    counts = {row[1]: row[2] for row in asked.panel("completeness")}
    assert counts == {
        "made": made,
        "arrived": made - lost,
        "lost": lost,
        "all": pageviews,
        "exact": exact,
        "end not seen": pageviews - exact - without_bound,
        "end lost": without_bound,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"bots": "include"},
        {"visitors": "new", "bots": "only"},
        {"visitors": "returning", "device": "phone"},
        {"view": "PageB", "browser": "firefox"},
        {"path": "/page_c/tab_1", "system": "Windows"},
        {"since": "2025-10-26T01:30", "until": "2025-10-26T09:10"},
        {"since": "2024-01-01"},
        {"since": "2020-01-01", "until": "2020-02-01"},
    ],
)
def test_what_is_counted_in_memory_is_what_sql_says(board: Board, given: dict[str, str]) -> None:
    selection = Selection.of(PERIOD | given, timezone=ZONE.key, now=ENDED)
    with closing(Board(board.path, most_pageviews=-1)) as of_sql:
        for panel in panels():
            if "now" in panel.named:
                continue
            extra = {"views": "PageA,PageB,PageA"} if panel.parameters else {}
            shown, said = (each.answer(panel.name, selection, extra) for each in (board, of_sql))
            assert shown.types == said.types
            assert shown.values == near(said.values), panel.name
            assert [[*map(type, row)] for row in shown.values] == [
                [*map(type, row)] for row in said.values
            ]
