"""What is known of one publication, carried on to the next: it answers as what is read anew does."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dwell.commands.simulate.journeys import Visits
from dwell.warehouse.panels import Selection, panels
from dwell.warehouse.panels.columns import Columns, Latest, columns
from dwell.warehouse.panels.columns.advancing import advanced, sums_of
from dwell.warehouse.panels.columns.known import Known, State
from dwell.warehouse.panels.columns.latest import LONGER, WANTED_SECONDS
from dwell.warehouse.panels.columns.reading import read
from dwell.warehouse.published import Published
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.publishing import copy_of
from tests.support.simulated import stored

BEGAN = datetime(2025, 10, 20, tzinfo=UTC)
ENDED = BEGAN + timedelta(days=40)
SINCE = datetime(2025, 10, 27)
MANY = 1_000_000
TOLD = {
    "views": ["dwell.site.pages.page_a.PageA", "dwell.site.pages.page_b.PageB"],
    "before_at": None,
    "before_id": None,
    "most": 50,
}


def facts() -> list[Stored]:
    since, until = (round(moment.timestamp() * 1000) for moment in (BEGAN, ENDED))
    return list(stored(Visits(seed=11, visitors=30, since=since, until=until)))


def selected(**given: str) -> Selection:
    return Selection.of({"since": "14d"} | given, timezone="Europe/Berlin", now=ENDED)


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        yield projected


@contextmanager
def published(projected: Projected) -> Iterator[Published]:
    """What is published of it now."""
    folder = projected.warehouse.path.parent.parent
    with closing(Published(copy_of(projected.warehouse, folder))) as published:
        yield published


def answers(columns: Columns, published: Published, **given: str) -> list[Any]:
    names = [*(panel.name for panel in panels() if "now" not in panel.named), "sessions", "choices"]
    asked = selected(**given)
    return [columns.answer(name, asked, TOLD, published.connection) for name in names]


def known_of(projected: Projected) -> Known:
    with published(projected) as current, current.connection() as connection:
        return read(connection, SINCE)


def carried_on(projected: Projected, known: Known) -> Known | None:
    with published(projected) as current, current.connection() as connection:
        return advanced(connection, known)


@pytest.mark.parametrize("is_late", [False, True], ids=["in order", "late"])
def test_each_publication_is_answered_as_if_it_were_read_anew(
    projected: Projected, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    told, latest = facts(), Latest()
    if is_late:
        random.Random(3).shuffle(told)
    cut = len(told) // 4
    for number in range(4):
        projected.append(told[number * cut : (number + 1) * cut]).project()
        with published(projected) as current:
            anew = Columns(MANY)
            expected = [answers(anew, current, **each) for each in ({}, {"bots": "include"})]
            with monkeypatch.context() as patched:
                if number:
                    patched.setattr(columns, "read", None)
                later = Columns(MANY, latest)
                shown = [answers(later, current, **each) for each in ({}, {"bots": "include"})]
            assert shown == expected
            assert None not in shown[0]


def test_a_fact_changes_its_own_pageview_alone(projected: Projected) -> None:
    projected.append(facts()).append([glimpse(1)]).project()
    known = known_of(projected)
    before = sums_of(known)
    projected.append([glimpse(1, 1, engagement_ms=4000, visibility="hidden")]).project()
    later = carried_on(projected, known)
    assert later is not None
    assert int(later.pageviews.ms.sum()) == int(known.pageviews.ms.sum()) + 4000
    assert sums_of(known) == before
    assert later.links.id.tolist() == known.links.id.tolist()


def test_what_was_not_known_finds_its_place(projected: Projected) -> None:
    projected.append(facts()).project()
    known = known_of(projected)
    new = glimpse(
        1,
        view="a.first.View",
        identity={"path": "/a", "tab": "1"},
        referrer="https://a.example/x",
        browser_agent="Dillo/3.0",
        visitor=77,
    )
    projected.append([new]).project()
    later = carried_on(projected, known)
    assert later is not None
    assert later.views == ["a.first.View", *known.views]
    assert "/a" in later.pages.path.names
    assert "a.example" in later.hosts.names
    assert "Dillo" in later.agents.browser.names
    assert later.visitors == known.visitors + 1


def test_who_was_there_long_ago_is_not_new(projected: Projected) -> None:
    long_ago = NOW - 90 * 86_400_000
    projected.append(
        [glimpse(1, visitor=5, received_at=long_ago), glimpse(2, session=2, visitor=6)]
    )
    known = known_of(projected.project())
    projected.append([glimpse(3, session=3, visitor=5)]).project()
    later = carried_on(projected, known)
    assert later is not None
    assert later.sessions.first_at[later.sessions.visitor].tolist() == [NOW, long_ago]


@pytest.mark.parametrize("what", ["an erasure", "a row that is gone", "another log"])
def test_what_does_not_follow_from_new_facts_is_read_anew(projected: Projected, what: str) -> None:
    projected.append([glimpse(1), glimpse(2, session=2, visitor=2)]).project()
    known = known_of(projected)
    if what == "an erasure":
        projected.append([forgotten(2, NOW + 1)]).project()
    elif what == "a row that is gone":
        with projected.warehouse.transaction() as connection:
            connection.execute("delete from pageview where pageview_id = ?", [uuid7(1)])
    else:
        projected.warehouse.note("log_identity", "another")
    assert carried_on(projected, known) is None


def test_an_earlier_state_does_not_follow_from_a_later_one() -> None:
    origin = frozenset({("log_identity", "one")})
    state = State({0: 5, 1: 7}, origin)
    assert state.leads_to(State({0: 5, 1: 8}, origin))
    for other in (
        State({0: 4, 1: 9}, origin),
        State({0: 5, 1: 7, 2: 0}, origin),
        State({0: 5, 1: 8}, frozenset()),
        State({0: 5, 1: 8}, None),
    ):
        assert not state.leads_to(other)
    assert not State({}, origin).leads_to(State({}, origin))
    assert not State({0: 1}, None).leads_to(State({0: 1}, None))


def test_what_nobody_has_looked_at_for_a_while_is_not_carried_on(projected: Projected) -> None:
    projected.append([glimpse(1)]).project()
    known, now = known_of(projected), [0.0]
    latest = Latest(lambda: now[0])
    latest.want(SINCE)
    latest.keep(known)
    later = SINCE + LONGER + timedelta(days=1)
    latest.want(later)
    assert latest.since(later) is known
    assert latest.since(SINCE - timedelta(days=1)) is None
    now[0] = WANTED_SECONDS + 1
    latest.want(later)
    assert latest.since(later) is None


def test_what_is_prepared_only_where_it_is_cheap_is_not_wanted_for_that(
    projected: Projected,
) -> None:
    projected.append(facts()).project()
    now = [0.0]
    latest = Latest(lambda: now[0])
    usual = selected()
    with published(projected) as current:
        Columns(MANY, latest).prepare(usual, MANY, current.connection)
        now[0] = WANTED_SECONDS + 1
        later = usual.before + LONGER + timedelta(days=1)
        latest.want(later)
        assert not Columns(MANY, latest).prepare(selected(since="8w"), 1, current.connection)
    assert latest.since(later) is None


def test_who_came_before_the_horizon_is_read_anew(projected: Projected) -> None:
    long_ago = NOW - 90 * 86_400_000
    projected.append(
        [glimpse(1, visitor=5, received_at=long_ago), glimpse(2, session=2, visitor=5)]
    )
    known = known_of(projected.project())
    with projected.warehouse.transaction() as connection:
        for table in ("pageview", "tracking_session"):
            connection.execute(
                f"delete from {table} where started_at < ?",
                [SINCE - timedelta(days=30)],
            )
    assert carried_on(projected, known) is None
