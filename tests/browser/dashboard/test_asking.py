"""Filters, funnel and measures: by mouse and keyboard, in the address, and back again."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from dwell.warehouse.published import open_published
from dwell.warehouse.queries import bound, find
from tests.browser.dashboard.looking import PERIOD, SINCE, UNTIL, ZONE, Board, Month, asked
from tests.support.facts import NOW, Projected, glimpse
from tests.support.publishing import copy_of
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser

PAGE_A = "dwell.site.pages.page_a.PageA"
PAGE_B = "dwell.site.pages.page_b.PageB"


def pageviews_of(month: Month, condition: str) -> int:
    ((pageviews,),) = asked(month.published, f"select count(*) from seen where {condition}")
    assert isinstance(pageviews, int)
    return pageviews


def test_a_row_that_is_clicked_becomes_a_filter_and_its_chip_takes_it_away(
    board: Board, month: Month
) -> None:
    whole = board.headline()
    board.browser.execute_script("document.body.dataset.same = 'page'")
    board.click("#devices a[data-key='device=phone']")
    assert "device=phone" in board.search
    phones = pageviews_of(month, "device = 'phone'")
    assert board.headline()["pageviews"] == phones
    told = "document.querySelector('#answered').textContent"
    board.wait(f"{told}.startsWith('Device phone, {phones:,} pageviews, ')")
    board.click(f"#views a[data-key='view={PAGE_A}']")
    assert board.headline()["pageviews"] == pageviews_of(
        month, f"device = 'phone' and view_name = '{PAGE_A}'"
    )
    assert [" ".join(text.split()) for text in board.texts("#chips .chip")][1:] == [
        "View PageA",
        "Device phone",
    ]
    board.click("#chips [data-filter=view]")
    board.click("#chips [data-filter=device]")
    assert board.headline() == whole
    assert board.ask("document.body.dataset.same") == "page"


def test_back_and_forward_show_what_was_asked(board: Board, month: Month) -> None:
    whole = board.headline()
    board.click("#devices a[data-key='device=phone']")
    board.browser.back()
    wait_until(lambda: board.headline() == whole)
    board.browser.forward()
    phones = pageviews_of(month, "device = 'phone'")
    wait_until(lambda: board.headline()["pageviews"] == phones)


def test_an_address_that_is_shared_shows_the_same(board: Board, month: Month) -> None:
    board.open(f"{PERIOD}&view=PageB&visitors=all&measure=median")
    assert board.headline()["pageviews"] == pageviews_of(month, f"view_name = '{PAGE_B}'")
    assert board.ask("document.querySelector('[aria-pressed=true]').dataset.measure") == "median"
    assert board.ask("document.getElementById('filters').elements.view.value") == "PageB"


def test_the_form_asks_by_keyboard_and_offers_what_there_is(board: Board, month: Month) -> None:
    board.find("#more summary").send_keys(Keys.ENTER)
    board.wait("document.querySelectorAll('#choices-browser option').length > 1")
    browser = board.ask("document.querySelector('#choices-browser option').value")
    board.find("#filters [name=browser]").send_keys(browser, Keys.ENTER)
    board.wait("document.querySelectorAll('#chips [data-filter=browser]').length")
    with_it = (
        f"session_id in (select session_id from session_with_agent where browser = '{browser}')"
    )
    wait_until(lambda: board.headline()["pageviews"] == pageviews_of(month, with_it))
    assert board.ask("document.activeElement.tagName") == "SUMMARY"


def test_a_funnel_is_drawn_though_another_view_is_selected(board: Board) -> None:
    board.open(f"{PERIOD}&view=PageA&steps=PageA,PageB")
    told = "document.querySelector('#funnel .chart').textContent"
    board.wait(f"{told}.includes('2. PageB') && {told}.includes('% of the first step')")


def test_a_period_is_chosen(board: Board) -> None:
    board.click("#filters [name=since][value='7d'] + span")
    assert board.search == "?since=7d"
    assert board.headline()["pageviews"] == 0


def test_days_are_chosen_with_the_last_one_and_taken_away_again(board: Board) -> None:
    board.find("#more summary").click()
    shown = "[...document.querySelectorAll('[data-moment]')].map(({value}) => value)"
    assert board.ask(shown) == ["2025-10-20", "2025-11-16"]
    board.ask("document.querySelector('[data-moment=until]').value = '2025-10-26'")
    board.click("#filters .go")
    assert board.search == "?since=2025-10-20&until=2025-10-27"
    assert board.texts("#span")[0].startswith("20 – 26 Oct 2025")
    board.find("#more summary").click()
    board.ask("document.querySelectorAll('[data-moment]').forEach((each) => (each.value = ''))")
    board.click("#filters .go")
    assert board.search == ""


@pytest.mark.parametrize(
    "period", ["?since=7d&until=2025-11-17", "?since=2025-11-03T12%3A00&until=2025-11-10"]
)
def test_a_filter_leaves_the_period_as_it_is(board: Board, period: str) -> None:
    board.open(period)
    board.find("#more summary").click()
    board.find("#filters [name=device]").send_keys("phone", Keys.ENTER)
    board.wait("location.search.includes('phone')")
    assert board.search == f"{period}&device=phone"


def test_robots_are_said_to_be_left_out_and_a_click_counts_them(board: Board, month: Month) -> None:
    assert board.texts("#robots") == ["robots left out"]
    board.click("#robots")
    assert "bots=include" in board.search
    assert board.ask("document.activeElement.dataset.filter") == "bots"
    assert not board.find("#robots").is_displayed()
    chips = [" ".join(text.split()) for text in board.texts("#chips .chip")]
    assert chips[1:] == ["Robots counted too"]
    everybody = "select count(*) from pageview where started_at >= $1 and started_at < $2"
    moments = (datetime.fromisoformat(each).astimezone(UTC) for each in (SINCE, UNTIL))
    [(pageviews,)] = asked(
        month.published, everybody, *(each.replace(tzinfo=None) for each in moments)
    )
    assert board.headline()["pageviews"] == pageviews
    board.click("#chips [data-filter=bots]")
    assert board.find("#robots").is_displayed()


def test_each_panel_says_what_is_wrong_with_the_period_and_what_would_be_right(
    board: Board,
) -> None:
    board.open("?since=banana")
    told = (
        "since is 'banana': expected so long ago, as 12h, 28d or 8w, or a time such as 2026-03-01"
    )
    texts = board.texts(".card .none")
    assert len(texts) == len(board.ask("[...document.querySelectorAll('.card')]"))
    assert all(told in text for text in texts)
    assert told in board.texts("#problem")[0]
    board.find("#problem a").click()
    board.wait("!location.search && 'ready' in document.documentElement.dataset")


def test_a_page_that_nobody_looked_at_is_refused_with_those_that_come_near(board: Board) -> None:
    board.open(f"{PERIOD}&path=/page_d")
    [problem] = board.texts("#problem")
    assert problem.startswith("path is '/page_d', and nobody looked at it: expected /page_")
    board.find("#problem a").click()
    board.wait("'ready' in document.documentElement.dataset && !location.search.includes('path')")
    assert board.headline()["pageviews"]


def test_a_chip_that_is_taken_away_leaves_the_focus_beside_it(board: Board) -> None:
    board.open(f"{PERIOD}&device=phone")
    for expected in ("BUTTON", "SUMMARY"):
        chips = board.browser.find_elements("css selector", "#chips .chip")
        chips[-1].send_keys(Keys.ENTER)
        board.wait(f"document.querySelectorAll('#chips .chip').length === {len(chips) - 1}")
        assert board.ask("document.activeElement.tagName") == expected


def test_a_funnel_is_built_by_clicking_views(board: Board, month: Month) -> None:
    for many, page in enumerate((PAGE_A, PAGE_B), 1):
        board.find(f"#funnel [data-key='offer={page}']").send_keys(Keys.ENTER)
        board.wait(f"document.querySelectorAll('#funnel .step').length === {many}")
        assert board.ask("document.activeElement.dataset.key").startswith("offer=")
    assert f"steps={PAGE_A},{PAGE_B}" in board.search
    board.find("#funnel summary").click()
    board.wait("document.querySelectorAll('#funnel .behind table').length == 1")
    shown = board.ask(
        "[...[...document.querySelectorAll('#funnel .behind table')].at(-1)"
        ".querySelectorAll('tbody tr')].map((row) => Number(row.cells[2].dataset.value))"
    )
    query = find("funnel")
    given = {"since": "2025-10-20", "until": "2025-11-17", "views": f"{PAGE_A},{PAGE_B}"}
    values = bound(query, given, timezone=ZONE, now=datetime.now(UTC))
    with open_published(month.published) as connection:
        answer = connection.execute(query.sql, values)
        names = [column[0] for column in answer.description or ()]
        told = [dict(zip(names, row, strict=True))["sessions"] for row in answer.fetchall()]
    assert shown == told
    assert len(told) == 2
    board.click("#funnel [data-key=step0]")
    assert board.texts("#funnel .step") == ["PageB"]
    board.find("#funnel [data-key=step0]").send_keys(Keys.ENTER)
    board.wait("document.querySelectorAll('#funnel .step').length === 0")
    assert board.ask("document.activeElement.dataset.key").startswith("offer=")


def test_a_step_of_a_funnel_may_have_blanks_commas_and_quotation_marks(
    browser: Chrome, tmp_path: Path
) -> None:
    views = ["Shop Basket", 'Sale, "the last"']
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        for number, view in enumerate(views, 1):
            projected.append(
                [glimpse(number, view=view, begun=NOW + number, received_at=NOW + number)]
            )
        projected.project()
        copy_of(projected.warehouse, tmp_path)
    app = create_dashboard(Settings(data=tmp_path))
    with serving(app) as origin:
        board = Board(browser, origin).open("?since=2025-11-24&until=2025-11-25")
        for many, view in enumerate(views, 1):
            [offer] = [
                each
                for each in board.browser.find_elements("css selector", "#funnel [data-key^=offer]")
                if each.text == view
            ]
            offer.click()
            board.wait(f"document.querySelectorAll('#funnel .step').length === {many}")
        assert board.texts("#funnel .step") == views
        board.find("#funnel summary").click()
        board.wait("document.querySelectorAll('#funnel tbody tr').length === 2")
        board.click("#funnel [data-key=step0]")
        assert board.texts("#funnel .step") == views[1:]
        # A first day has no other one for a line.
        points = "document.querySelectorAll('#totals .mark-symbol.role-mark path').length"
        board.open("?since=2025-11-01&until=2025-11-25")
        board.wait(f"{points} === 1")
        app.state.streams.close()


def test_a_headline_figure_chooses_what_is_shown_over_time(board: Board) -> None:
    board.click(".tile[data-measure=visitors]")
    assert "measure=visitors" in board.search
    assert board.texts(".tile[aria-pressed=true] .name") == ["Visitors"]


def test_the_keyboard_reaches_everything_and_the_focus_stays_where_it_was(board: Board) -> None:
    board.find(".tile[data-measure=sessions]").send_keys(Keys.ENTER)
    board.wait("location.search.includes('measure=sessions')")
    board.wait("document.activeElement.dataset.measure === 'sessions'")
    stops = []
    for _ in range(6):
        ActionChains(board.browser).send_keys(Keys.TAB).perform()
        stops.append(board.ask("document.activeElement.textContent.trim()"))
        outline = board.ask("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert outline >= 2, stops
    assert len(set(stops)) > 4


def test_of_two_links_to_one_view_the_focus_stays_on_its_own(board: Board) -> None:
    board.find("#entries_and_exits table:last-child a").send_keys(Keys.ENTER)
    board.wait("document.querySelector('#entries_and_exits [aria-current]')")
    assert board.ask("document.activeElement.closest('table').matches(':last-child')")


def test_a_funnel_of_a_view_that_there_is_not_can_be_begun_anew(board: Board) -> None:
    board.open(f"{PERIOD}&steps=PageA,PageZ")
    [told] = board.texts("#funnel .wrong")
    assert "view is 'PageZ', and no view is named so or ends with it" in told
    board.click("#funnel [data-key=anew]")
    assert "steps" not in board.search
    assert len(board.texts("#funnel .offers li")) > 1
