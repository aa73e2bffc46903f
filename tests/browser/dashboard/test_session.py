"""A session as a timeline, to scale."""

from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.browser.dashboard.looking import PERIOD, Board, Month, asked
from tests.support.facts import Projected, glimpse, uuid7
from tests.support.publishing import copy_of
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser


def test_a_session_is_drawn_as_it_went(board: Board, month: Month) -> None:
    href = board.ask("document.querySelector('#sessions tbody a').pathname.slice(1)")
    board.open(href)
    session = href.removeprefix("sessions/")
    rows = asked(
        month.published,
        "select pageview_id::varchar, engagement_time from pageview where session_id = $1::uuid "
        "order by started_at",
        session,
    )
    lines = board.ask(
        "[...document.querySelectorAll('.tracks .track')].map(({dataset}) => "
        "[dataset.pageview, Number(dataset.value)])"
    )
    assert sorted(map(tuple, lines)) == sorted(rows)
    # Where a stretch is known to be visible, it is as long as the seconds say, to the slack of a clock.
    drawn = board.ask(
        "[...document.querySelectorAll('[data-state=visible]')]"
        ".reduce((sum, {dataset}) => sum + Number(dataset.seconds), 0)"
    )
    assert drawn <= sum(seconds for _, seconds in rows) + 3.5 * len(rows)
    # To scale: the widths of the stretches are as their seconds.
    widths = board.ask(
        "[...document.querySelectorAll('.tracks [data-state]')].filter((each) => "
        "each.getBoundingClientRect().width > 8).map((each) => "
        "each.getBoundingClientRect().width / Number(each.dataset.seconds))"
    )
    assert widths
    assert max(widths) == pytest.approx(min(widths), rel=0.02)


def test_the_visitor_and_their_other_sessions_stand_beside_it(board: Board, month: Month) -> None:
    sessions = asked(
        month.published,
        """
        select session_id::varchar, visitor_id::varchar, count(*) over (partition by visitor_id)
        from tracking_session
        qualify count(*) over (partition by visitor_id) > 2
        order by visitor_id, started_at
        limit 3
        """,
    )
    (first, _, _), (session, visitor, many), (third, _, _) = sessions
    board.open(f"sessions/{session}?device=phone")
    assert board.texts(".ids dd") == [session, visitor]
    assert board.texts("#visits") == [f"This is number 2 of {many} sessions of this visitor."]
    hrefs = board.ask("[...document.querySelectorAll('#neighbours a')].map(({href}) => href)")
    assert hrefs == [f"{board.origin}/sessions/{each}?device=phone" for each in (first, third)]
    [referrer] = asked(
        month.published,
        "select referrer from pageview where session_id = $1::uuid order by started_at limit 1",
        session,
    )
    told = referrer[0].removeprefix("https://").removeprefix("www.").rstrip("/")
    assert (told or "direct, or not known") in board.texts("#facts dd")


def test_under_the_pointer_are_exact_times_and_behind_it_is_a_table(board: Board) -> None:
    board.open(board.ask("document.querySelector('#sessions tbody a').pathname.slice(1)"))

    def is_told() -> bool:
        stretch = board.find(".tracks .hit")
        ActionChains(board.browser).move_to_element(stretch).perform()
        return bool(board.ask("document.querySelector('.tip')?.hidden === false"))

    wait_until(is_told, 60)  # what is drawn anew meanwhile says nothing until the pointer moves
    [told] = board.texts(".tip")
    board.find("#timeline-title")
    board.browser.execute_script("document.querySelector('.behind').open = true")
    view, state, since, until, _ = board.texts("#stretches tbody tr:first-child > *")
    assert told.startswith(f"{view.rpartition('.')[2]}: {state} for ")
    assert told.endswith(f"{since} to {until}")


def test_the_way_back_leads_to_what_was_selected(board: Board) -> None:
    board.open(f"{PERIOD}&device=phone&measure=visitors")
    board.open(
        board.ask(
            "(({pathname, search}) => pathname.slice(1) + search)(document.querySelector('#sessions tbody a'))"
        )
    )
    back = board.ask("document.querySelector('.back a').href")
    assert back == f"{board.origin}/{PERIOD}&device=phone&measure=visitors#sessions"


def test_a_session_that_is_not_there_is_told_in_words(board: Board) -> None:
    board.open("sessions/00000000-0000-7000-8000-000000000000")
    assert "no such session" in board.find("#timeline").text
    assert not any(board.find(part).is_displayed() for part in ("#visitor", ".legend", ".behind"))


def test_addresses_without_a_break_widen_no_page(
    browser: Chrome, screen: str, tmp_path: Path
) -> None:
    long = "/" + "a" * 199
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        told = glimpse(identity={"path": long}, referrer=f"https://other.example{long}", view=long)
        projected.append([told]).project()
        copy_of(projected.warehouse, tmp_path)
    app = create_dashboard(Settings(data=tmp_path))
    with serving(app) as origin:
        board = Board(browser, origin)
        for address in (f"sessions/{uuid7(1)}", f"?since=2025-11-24&until=2025-11-25&path={long}"):
            board.open(address)
            assert board.ask("document.documentElement.scrollWidth <= innerWidth")
            assert board.ask(f"document.body.textContent.includes({long!r})")
        app.state.streams.close()
