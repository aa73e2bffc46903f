"""Answers that come late, in another order, or not at all; clicks that are quicker than they."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard, streams
from tests.browser.dashboard.holding import Held
from tests.browser.dashboard.looking import PERIOD, ZONE, Board, Month, asked
from tests.support.browsers import complaints
from tests.support.publishing import publish
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"
PAGE_B = "dwell.site.pages.page_b.PageB"
MARCH = "?since=2026-02-20&until=2026-03-05"


@pytest.fixture(scope="module")
def held(month: Month) -> Iterator[tuple[Held, str]]:
    """The month's dashboard, and where it is."""
    app = create_dashboard(Settings(data=month.folder, timezone=ZONE))
    held = Held(app)
    with serving(held) as origin:
        yield held, origin
        app.state.streams.close()


@pytest.fixture
def board(browser: Chrome, held: tuple[Held, str]) -> Board:
    """The dashboard of the period, with everything drawn."""
    return Board(browser, held[1]).open(PERIOD)


@pytest.fixture
def hold(held: tuple[Held, str]) -> Iterator[Held]:
    """What a test holds back, until it ends."""
    yield held[0]
    held[0].waiting = held[0].answered = ""
    held[0].refused = None


def pageviews_of(month: Month, condition: str) -> int:
    ((pageviews,),) = asked(month.published, f"select count(*) from seen where {condition}")
    assert isinstance(pageviews, int)
    return pageviews


@contextmanager
def offline(browser: Chrome) -> Iterator[None]:
    """Nothing is answered for the time of a `with`."""
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | {"offline": True})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | {"offline": False})


def press(board: Board, selector: str) -> None:
    """Click it as soon as it is there, and wait for nothing."""
    board.wait(f"document.querySelector({selector!r})")
    board.ask(f"document.querySelector({selector!r}).click()")


def test_an_older_answer_never_takes_the_place_of_a_newer(
    board: Board, month: Month, hold: Held
) -> None:
    hold.answered = r"panels=totals.*device=phone"
    press(board, "#devices a[data-key='device=phone']")
    wait_until(lambda: bool(hold.unsent))
    press(board, "#chips [data-filter=device]")
    press(board, "#devices a[data-key='device=desktop']")
    desktops = pageviews_of(month, "device = 'desktop'")
    wait_until(lambda: board.headline()["pageviews"] == desktops)
    hold.answered = ""
    board.open(f"{PERIOD}&device=desktop")  # whatever was sent is there by now
    assert board.headline()["pageviews"] == desktops


def test_two_clicks_before_an_answer_are_two_filters(
    board: Board, month: Month, hold: Held
) -> None:
    hold.waiting = r"panels\.ndjson"
    press(board, "#devices a[data-key='device=phone']")
    press(board, f"#views a[data-key='view={PAGE_A}']")
    assert "device=phone" in board.search
    assert f"view={PAGE_A}" in board.search
    hold.waiting = ""
    both = pageviews_of(month, f"device = 'phone' and view_name = '{PAGE_A}'")
    wait_until(lambda: board.headline()["pageviews"] == both)


def test_a_funnel_takes_clicks_as_quick_as_they_come(board: Board, hold: Held) -> None:
    hold.waiting = r"panels\.ndjson"
    press(board, f"#funnel [data-key='offer={PAGE_A}']")
    press(board, f"#funnel [data-key='offer={PAGE_B}']")
    assert f"steps={PAGE_A},{PAGE_B}" in board.search
    hold.waiting = ""
    board.wait("document.querySelectorAll('#funnel .step').length === 2")


def test_earlier_sessions_of_another_selection_do_not_come_in(
    board: Board, month: Month, hold: Held
) -> None:
    hold.answered = r"sessions\.json.*before="
    board.ask("document.querySelector('#sessions [data-key=more]').focus()")
    while not hold.unsent or "before=" not in hold.unsent[-1]:
        press(board, "#sessions [data-key=more]")
        board.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert board.ask("document.activeElement.dataset.key") == "more"
    press(board, "#devices a[data-key='device=tablet']")
    tablets = "select session_id::varchar from seen where device = 'tablet' group by all"
    few = {session for (session,) in asked(month.published, tablets)}
    shown = "[...document.querySelectorAll('#sessions tbody a')].map(({dataset}) => dataset.key)"
    wait_until(lambda: set(board.ask(shown)) == few)
    hold.answered = ""
    board.ask("fetch('healthy')")
    board.ask("new Promise((done) => setTimeout(done, 200))")
    assert set(board.ask(shown)) == few


def test_a_chart_that_cannot_be_loaded_takes_no_figures_with_it(board: Board, hold: Held) -> None:
    hold.refused = (r"vega\.js", 503, "busy")
    board.browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    board.open(PERIOD)
    assert board.headline()["pageviews"] > 0
    assert board.ask(
        "getComputedStyle(document.querySelector('#totals .chart'), '::before').content"
    )
    assert board.texts("#totals .wrong, #totals .none") == []
    hold.refused = None
    board.open(PERIOD)
    board.wait("document.querySelectorAll('#totals .chart svg .role-mark path').length > 0")


def test_a_busy_server_is_asked_again_by_itself(board: Board, haste: None, hold: Held) -> None:
    hold.refused = (r"panels\.ndjson", 503, "busy")
    board.open(PERIOD)
    assert board.texts("#pages .none strong") == ["One moment."]
    hold.refused = None
    board.wait("document.querySelectorAll('.tile').length === 5")
    wait_until(lambda: len(board.rows("pages")) > 1)


def test_who_is_no_longer_signed_in_is_told_so(board: Board, hold: Held) -> None:
    assert "here now" in board.texts("#now")[0]
    hold.refused = (r"json|events", 401, "locked")
    board.click("#devices a[data-key='device=phone']")
    assert board.texts("#totals .none strong") == ["You are no longer signed in."]
    board.ask("location.hash = 'live'")  # a link to the same place would ask for nothing
    assert board.texts("#problem:not([hidden]) a") == ["Sign in"]
    for link in ("#totals .none a", "#problem a"):
        href = board.ask(f"document.querySelector('{link}').href")
        assert href == board.ask("location.href.replace('#live', '')")
    assert board.texts("#now") == ["– here now"]
    board.ask("document.dispatchEvent(new Event('visibilitychange'))")
    board.wait("document.querySelector('#age').textContent.startsWith('Updates are refused. ')")


def test_while_nothing_answers_what_was_known_stays(board: Board, hold: Held) -> None:
    whole = board.headline()
    hold.refused = (r"panels=totals", 500, "failed")
    board.click(".tile[data-measure=visitors]")
    assert "it is failed" in board.find("#totals").text
    hold.refused = None
    press(board, "#totals [data-key=again]")
    wait_until(lambda: board.headline() == whole)


def test_figures_of_another_selection_do_not_stay_while_nothing_answers(
    board: Board, month: Month, hold: Held
) -> None:
    whole = board.headline()
    tables = "document.querySelectorAll('#devices .behind table').length"
    board.browser.execute_script("document.querySelector('#devices .behind').open = true")
    board.wait(f"{tables} === 1")
    with offline(board.browser):
        board.click(".tile[data-measure=visitors]")
        assert board.headline() == whole
        board.click("#devices a[data-key='device=phone']")
        assert "does not answer" in board.find("#totals").text
        assert board.ask("document.activeElement.closest('#devices .figure') !== null")
        assert board.texts("#span") == [""]
        board.wait(f"{tables} === 0")
    press(board, "#totals [data-key=again]")
    wait_until(lambda: board.headline().get("pageviews") == pageviews_of(month, "device = 'phone'"))


def test_a_session_that_is_asked_for_at_a_busy_time_comes_by_itself(
    board: Board, haste: None, hold: Held
) -> None:
    href = board.ask("document.querySelector('#sessions tbody a').pathname.slice(1)")
    hold.refused = (r"sessions/.*\.json", 503, "busy")
    board.open(href)
    assert board.texts("#timeline .none strong") == ["One moment."]
    assert not board.find("#visitor").is_displayed()
    hold.refused = None
    board.wait("document.querySelectorAll('.tracks .track').length > 0")
    assert board.find("#visitor").is_displayed()


def total(board: Board, seconds: int) -> None:
    """Wait until so many seconds of engagement are shown."""
    board.wait(
        f"document.querySelector('.tile[data-measure=total]')?.dataset.value === '{seconds}'"
    )


def test_a_publication_during_an_answer_shows_too(
    browser: Chrome,
    haste: None,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    publish(tmp_path, [1.0])
    app = create_dashboard(Settings(data=tmp_path))
    held = Held(app)
    with serving(held) as origin:
        board = Board(browser, origin).open(MARCH)
        held.answered = r"panels=totals"
        publish(tmp_path, [2.0])
        wait_until(lambda: bool(held.unsent))
        publish(tmp_path, [4.0])
        board.wait("told === 3")
        held.answered = ""
        total(board, 7)
        # What one panel shows before the page is told of it, and others do not.
        monkeypatch.setattr(streams, "EVENT_SECONDS", 2)
        held.waiting = r"panels=totals.*device"
        press(board, "#devices a[data-key='device=desktop']")
        publish(tmp_path, [8.0])
        held.waiting = ""
        total(board, 15)
        board.find("#views")
        board.wait("told === 4")
        wait_until(lambda: board.rows("views").popitem()[1][-1] == 4)
        browser.get("about:blank")
        app.state.streams.close()


def test_a_click_during_the_answers_to_a_publication_does_not_end_the_updates(
    browser: Chrome, haste: None, quick: None, tmp_path: Path
) -> None:
    publish(tmp_path, [1.0])
    app = create_dashboard(Settings(data=tmp_path))
    held = Held(app)
    with serving(held) as origin:
        board = Board(browser, origin).open(MARCH)
        held.answered = r"panels=totals"
        publish(tmp_path, [2.0])
        wait_until(lambda: bool(held.unsent))
        press(board, "#devices a[data-key='device=desktop']")
        held.answered = ""
        total(board, 3)
        publish(tmp_path, [4.0])
        total(board, 7)
        browser.get("about:blank")
        app.state.streams.close()


def test_before_the_first_publication_nothing_is_asked_and_the_console_is_silent(
    browser: Chrome, quick: None, tmp_path: Path
) -> None:
    (tmp_path / "live").mkdir()
    complaints(browser)
    app = create_dashboard(Settings(data=tmp_path))
    with serving(app) as origin:
        board = Board(browser, origin).open(MARCH)
        assert "No data yet" in board.find("#totals").text
        assert set(board.texts(".card:not(#totals) .figure")) == {"Nothing yet."}
        assert board.ask("document.querySelector('#now').checkVisibility()") is False
        board.find("#filters [name=since][value='7d'] + span").click()
        assert "Nothing yet." in board.find("#views").text
        board.open(MARCH)
        publish(tmp_path, [4.0, 6.0])
        total(board, 10)
        board.wait("document.querySelectorAll('#sessions tbody a').length === 1")
        assert complaints(browser) == []
        browser.get("about:blank")
        app.state.streams.close()
