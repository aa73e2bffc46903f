"""What is shown has the room it needs: long names, many views, narrow screens, other words on an axis."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from dwell.warehouse.live import LiveWarehouse
from tests.browser.dashboard.looking import PERIOD, ZONE, Board, Month
from tests.support.publishing import copy_of
from tests.support.serving import serving

pytestmark = pytest.mark.browser

NAMES = [
    *("shop.ProductDetailView", "shop.CategoryOverview", "shop.PaymentConfirmationPage"),
    *("shop.SearchResultsList", "shop.CheckoutDeliveryStep", "blog.NewsletterSignup"),
    *("blog.ArticleWithComments", "help.SupportContactForm", "account.LoginAndRegister"),
    *("account.SettingsAndPrivacy", "help." + "NameWithoutABreak" * 4),
]
HEADS = """[...document.querySelectorAll("#transitions .role-axis-label text")]
    .filter((each) => each.getAttribute("text-anchor") === "start")"""
"""Slanted as they are: what is said over the columns."""


@pytest.fixture(scope="module")
def origin(month: Month, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the month's dashboard is, as if its pageviews were of eleven views with long names."""
    folder: Path = tmp_path_factory.mktemp("named")
    shutil.copytree(month.folder / "live", folder / "live")
    with LiveWarehouse(folder / "live" / "warehouse.duckdb") as warehouse:
        with warehouse.transaction() as connection:
            connection.execute(
                "update warehouse.pageview set view_name = "
                "list_extract($1::varchar[], least(1 + (hash(pageview_id) % 14)::int, len($1)))",
                [NAMES],
            )
        copy_of(warehouse, folder)
    app = create_dashboard(Settings(data=folder, timezone=ZONE))
    with serving(app) as origin:
        yield origin
        app.state.streams.close()


@pytest.fixture
def narrow(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[int]:
    """The width of a phone's screen."""
    metrics = {"width": request.param, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("narrow", [390], indirect=True)
def test_heads_of_many_columns_can_be_read_and_numbers_stay_in_their_cells(
    browser: Chrome, origin: str, narrow: int
) -> None:
    board = Board(browser, origin).open(PERIOD)
    board.wait("document.querySelectorAll('#transitions .mark-text text').length > 20")
    apart = board.ask(f"""{HEADS}.map((each) => {{
        const {{ a, b, e, f }} = each.getScreenCTM();
        return [e, f, Math.hypot(a, b), a, b];
    }}).map(([x, y, scale, a, b], index, all) => index
        ? Math.abs((x - all[index - 1][0]) * b - (y - all[index - 1][1]) * a) / scale
        : null).slice(1)""")
    assert len(apart) >= 4
    assert min(apart) >= 12, "lines of 12 px lie over each other"
    widest, cell = board.ask("""((widths) => [
        Math.max(...widths("#transitions .mark-text.role-mark text")),
        Math.min(...widths("#transitions .mark-rect.role-mark path")),
    ])((selector) => [...document.querySelectorAll(selector)]
        .map((each) => each.getBoundingClientRect().width))""")
    assert widest <= cell
    ends = board.ask(f"""(({{ right }}) => {HEADS}
        .map((each) => right - each.getBoundingClientRect().right))(
            document.querySelector("#transitions").getBoundingClientRect())""")
    assert min(ends) >= 0, "a head reaches out of its card"


def test_labels_of_an_axis_stay_in_their_figure_when_they_are_other_ones(
    browser: Chrome, origin: str
) -> None:
    board = Board(browser, origin).open(f"{PERIOD}&measure=visitors")
    labels = "[...document.querySelectorAll('#totals .chart svg text')]"
    board.click(".tile[data-measure=total]")
    board.wait(f"{labels}.some(({{textContent}}) => / (min|h|s)$/.test(textContent))")
    least = board.ask(
        f"Math.min(...{labels}.map((each) => each.getBoundingClientRect().left)) - "
        "document.querySelector('#totals .figure').getBoundingClientRect().left"
    )
    assert least >= 0


def test_a_long_name_without_a_break_leaves_room_for_the_numbers(
    browser: Chrome, origin: str
) -> None:
    board = Board(browser, origin).open(PERIOD)
    board.find("#sessions")
    wide, has = board.ask(
        "(({scrollWidth, clientWidth}) => [scrollWidth, clientWidth])"
        "(document.querySelector('#sessions .figure'))"
    )
    assert wide <= has
    assert any("NameWithoutABreak" in each for each in board.texts("#sessions .walk"))


def test_names_and_times_behind_a_figure_are_not_broken_letter_by_letter(
    browser: Chrome, origin: str, month: Month
) -> None:
    board = Board(browser, origin).open(PERIOD)
    board.find("#transitions")
    board.browser.execute_script("document.querySelector('#transitions .behind').open = true")
    board.browser.execute_script("document.querySelector('#totals .behind').open = true")
    lines = """[...document.querySelectorAll("#%s .behind tbody :is(th, td)%s")].map((each) => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return [each.textContent, new Set([...range.getClientRects()].map(({ y }) => y)).size];
    })"""
    board.wait("document.querySelectorAll('#transitions .behind tbody td').length > 20")
    names = dict(board.ask(lines % ("transitions", ":not(.number)")))
    assert {name: many for name, many in names.items() if len(name) < 32 and many > 1} == {}
    assert 1 < names[NAMES[-1]] <= 4
    board.wait("document.querySelectorAll('#totals .behind tbody .time').length > 20")
    board.find("#totals .behind")
    assert {many for _, many in board.ask(lines % ("totals", ".time"))} == {1}


@pytest.mark.parametrize("narrow", [320], indirect=True)
def test_the_narrowest_phone_shows_names_and_every_number(
    browser: Chrome, origin: str, narrow: int
) -> None:
    board = Board(browser, origin).open(PERIOD)
    board.find("#views")
    whole = board.ask(
        "[...document.querySelectorAll('#views tbody a')]"
        ".filter(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)"
        ".map(({textContent}) => textContent)"
    )
    assert len(whole) >= len(NAMES) - 2
    board.find("#views [data-key=all]").click()
    assert board.ask("document.querySelectorAll('#views .ticks').length") == 1
    board.find("#sessions")
    ends = board.ask(
        "[...document.querySelectorAll(':is(#views, #sessions) td:last-child')]"
        ".map((each) => each.closest('.figure').getBoundingClientRect().right"
        " - each.getBoundingClientRect().right)"
    )
    assert min(ends) >= -0.5


def test_all_of_the_filter_can_be_reached_on_a_phone_that_lies_on_its_side(board: Board) -> None:
    metrics = {"width": 844, "height": 390, "deviceScaleFactor": 1, "mobile": True}
    board.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        board.find("#pages")
        board.browser.execute_script("document.querySelector('#more').open = true")
        panel = "document.querySelector('#more > div')"
        board.browser.execute_script(f"{panel}.scrollTop = 1e6")
        end = board.ask(f"{panel}.querySelector('.go').getBoundingClientRect().bottom")
        assert end <= board.ask("innerHeight")
    finally:
        board.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
