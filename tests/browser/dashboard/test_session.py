"""A session as a timeline, to scale."""

import pytest

from tests.browser.dashboard.looking import PERIOD, Board, Month, asked

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
