"""What the dashboard says, against what SQL says."""

from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from selenium.webdriver import Chrome

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard, newest
from tests.browser.dashboard.looking import PERIOD, ZONE, Board, Month, asked
from tests.support.browsers import complaints
from tests.support.serving import serving

pytestmark = pytest.mark.browser

TOTALS = """
    select
        count(*) as pageviews,
        median(engagement_time) as median,
        sum(engagement_time) as total
    from seen
"""


def test_the_headline_figures_are_those_of_sql(board: Board, month: Month) -> None:
    ((pageviews, median, total),) = asked(month.published, TOTALS)
    ((sessions, visitors),) = asked(
        month.published,
        """
        select count(*), count(distinct visitor_id)
        from session_with_agent
        where not is_bot and started_at >= '2025-10-19 22:00' and started_at < '2025-11-16 23:00'
        """,
    )
    assert board.headline() == {
        "visitors": visitors,
        "sessions": sessions,
        "pageviews": pageviews,
        "median": pytest.approx(median, abs=0.001),
        "total": pytest.approx(total, abs=0.001),
    }
    assert f"{pageviews:,}" in board.texts(".tile[data-measure=pageviews] .value")


def test_a_period_before_in_which_measuring_began_is_not_compared_with(board: Board) -> None:
    assert board.texts("#span") == [
        "20 Oct – 16 Nov 2025 · measured since 6 Oct 2025, so not compared"
    ]
    assert board.texts(".change") == [""] * 5
    assert board.ask("document.querySelectorAll('.tile[data-before]').length") == 0
    compared = board.open("?since=2025-11-03&until=2025-11-17")
    assert compared.texts("#span") == ["3 – 16 Nov 2025"]
    now, before = compared.ask(
        "(({value, before}) => [Number(value), Number(before)])"
        "(document.querySelector('.tile[data-measure=pageviews]').dataset)"
    )
    rounded = abs(100 * (now - before) / before)
    told = f"{rounded:.0f}" if rounded >= 10 else f"{rounded:.1f}".removesuffix(".0")
    [change] = compared.texts(".tile[data-measure=pageviews] .change b")
    assert change == f"{'▲' if now > before else '▼'} {told} %"


def test_a_median_of_nothing_is_not_less_than_one_of_something(board: Board) -> None:
    empty = board.open("?since=2025-11-26&until=2025-12-06")
    assert empty.texts(".tile[data-measure=pageviews] .change b") == ["▼ 100 %"]
    assert empty.texts(".tile[data-measure=median] .value") == ["–"]
    assert empty.texts(".tile[data-measure=median] .change") == [""]


def test_a_period_that_reaches_beyond_now_ends_now_and_its_last_day_is_not_whole(
    browser: Chrome, haste: None, quick: None, month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = 22

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2025, 11, 12, hour, 30, tzinfo=tz)

    monkeypatch.setattr(newest, "datetime", Clock)
    app = create_dashboard(Settings(data=month.folder, timezone=ZONE))
    with serving(app) as origin:
        board = Board(browser, origin).open("?since=2025-11-03&until=2025-12-01")
        assert board.texts("#span") == ["3 – 12 Nov 2025"]
        key = board.texts("#totals .key span")
        assert key == ["3 – 12 Nov 2025", "the period before, 24 Oct – 2 Nov 2025", "not whole yet"]
        hour = 23  # the next day in Berlin
        board.wait("document.querySelector('#span').textContent === '3 – 13 Nov 2025'")
        browser.get("about:blank")
        app.state.streams.close()


def test_a_median_of_nothing_is_a_gap_over_time(board: Board) -> None:
    board.open("?since=2025-11-10&until=2025-11-11&measure=median")
    spark, line = board.ask(
        "[document.querySelector('.tile[data-measure=median] .spark path:last-child'),"
        " [...document.querySelectorAll('#totals .mark-line path')].at(-1)]"
        ".map((path) => path.getAttribute('d').match(/M/g).length)"
    )
    assert spark > 1
    assert line == spark


def test_an_hour_is_whole_if_all_of_it_is_in_the_period(board: Board, month: Month) -> None:
    ((began,),) = asked(
        month.published,
        "select date_trunc('hour', started_at) from seen order by started_at limit 1",
    )
    hour, later = (each.isoformat() for each in (began, began + timedelta(hours=1)))
    board.open(f"?since={hour}Z&until={later}Z")
    assert "not whole yet" not in board.texts("#totals .key span")
    earlier = (began - timedelta(minutes=20)).isoformat()
    board.open(f"?since={earlier}Z&until={(began + timedelta(minutes=58)).isoformat()}Z")
    assert "not whole yet" in board.texts("#totals .key span")
    assert board.ask("document.querySelectorAll('#totals path[stroke-dasharray=\"2,3\"]').length")


def test_the_week_that_is_not_over_is_dotted_where_they_come_back(board: Board) -> None:
    dotted = "document.querySelectorAll('#retention path[stroke-dasharray=\"2,3\"]').length"
    board.find("#retention")
    assert (board.ask(dotted), board.texts("#retention .key span")) == (0, [])
    board.open("?since=2025-10-20&until=2025-11-13")
    board.find("#retention")
    board.wait(f"{dotted} > 0")
    assert board.texts("#retention .key span") == ["not whole yet"]


def test_who_comes_back_shows_in_weeks_however_short_the_period_is(board: Board) -> None:
    board.open("?since=2025-11-10&until=2025-11-17")
    board.find("#retention summary").click()
    board.wait("document.querySelectorAll('#retention .behind tbody th').length > 0")
    weeks = board.ask(
        "[...document.querySelectorAll('#retention .behind tbody th')].map((each) => each.dataset.value)"
    )
    assert sorted(set(weeks))[0] == "2025-10-06"
    assert "since=8w" in board.ask("document.querySelector('#retention [data-form=csv]').href")
    board.open("?since=2025-09-01&until=2025-11-17")
    assert "since=2025-09-01" in board.ask(
        "document.querySelector('#retention [data-form=csv]').href"
    )


def test_views_are_ranked_and_each_has_its_distribution(board: Board, month: Month) -> None:
    rows = asked(
        month.published,
        """
        select
            view_name,
            median(engagement_time),
            quantile_cont(engagement_time, 0.9),
            sum(engagement_time),
            count(*) as pageviews
        from seen group by view_name order by pageviews desc, view_name
        """,
    )
    shown = board.rows("views")
    assert list(shown) == [name for name, *_ in rows]
    for name, *values in rows:
        assert shown[name] == pytest.approx(values, abs=0.001)
    bars = "[...document.querySelectorAll('#views tbody tr')].map((row) => "
    counted = board.ask(
        f"{bars}[...row.querySelectorAll('.bins title')].map(({{textContent}}) => "
        "Number(textContent.split(': ')[1].replace(',', ''))).reduce((sum, each) => sum + each, 0))"
    )
    assert counted == [pageviews for *_, pageviews in rows]


def test_a_ranking_says_what_sql_says(board: Board, month: Month) -> None:
    rows = asked(
        month.published,
        "select device, count(distinct visitor_id), median(engagement_time) from seen group by device",
    )
    shown = board.rows("devices")
    assert {name: values[1] for name, values in shown.items()} == {
        name: pytest.approx(median, abs=0.001) for name, _, median in rows
    }


def test_the_tabs_of_a_page_share_its_time(board: Board, month: Month) -> None:
    rows = asked(
        month.published,
        """
        select
            'Tab ' || (identity ->> '$.tab') as tab,
            100 * sum(engagement_time) / sum(sum(engagement_time)) over (),
            median(engagement_time),
            count(*)
        from seen where (identity ->> '$.tab') is not null group by tab
        """,
    )
    assert board.rows("tabs") == {tab: pytest.approx(values, abs=0.005) for tab, *values in rows}


def test_what_is_lost_is_not_rounded_away(board: Board) -> None:
    counted = {
        ("facts", "made"): 100_001,
        ("facts", "arrived"): 100_000,
        ("facts", "lost"): 1,
        ("pageviews", "all"): 50_000,
        ("pageviews", "exact"): 50_000,
    }
    rows = [
        {"part": part, "what": what, "count": count, "percent": 100}
        for (part, what), count in counted.items()
    ]
    told = board.drawn("completeness", {"completeness": {"rows": rows}}, "dl > div")
    assert told[:3] == [
        "of all facts arrived99.9 %",
        "fact is lost1",
        "of pageviews known to the end100 %",
    ]


def test_what_has_no_name_is_called_so(board: Board) -> None:
    page = {"path": "", "pageviews": 1, "median": 2}
    assert board.drawn("pages", {"pages": {"rows": [page]}}, ".named") == ["(no path)"]
    host = {"host": "", "visitors": 1, "sessions": 1}
    assert board.drawn("referrers", {"referrers": {"rows": [host]}}, ".named") == [
        "Direct, or not known"
    ]


def test_tabs_are_of_the_pages_that_are_looked_at_most_and_the_rest_on_demand(board: Board) -> None:
    rows = [
        {"page": f"/{number}", "tab": "1", "percent_of_time": 100, "median": 1, "pageviews": number}
        for number in range(1, 7)
    ]
    told = board.drawn("tabs", {"tabs": {"rows": rows}}, "thead th:first-child, [data-key=all]")
    assert told == ["/6", "/5", "/4", "/3", "2 more"]


def test_every_chart_is_drawn_and_has_its_numbers_behind_it(board: Board) -> None:
    for panel in ("totals", "transitions", "sessions_by_hour", "retention"):
        marks = f"document.querySelectorAll('#{panel} .chart svg .role-mark path').length"
        board.wait(f"{marks} > 0")
        board.find(f"#{panel} summary").click()
        board.wait(f"document.querySelectorAll('#{panel} .behind tbody tr').length > 0")
    hours = board.ask(
        "[...document.querySelectorAll('#sessions_by_hour .behind tbody tr td:last-child')]"
        ".reduce((sum, {dataset}) => sum + Number(dataset.value), 0)"
    )
    assert hours == board.headline()["sessions"]


def behind(board: Board, panel: str, at: int = 0) -> tuple[str, list[str], list[list[str]]]:
    """A table behind a figure: its caption, headings and rows, as it says them."""
    board.browser.execute_script(f"document.querySelector('#{panel} .behind').open = true")
    table = f"document.querySelectorAll('#{panel} .behind table')[{at}]"
    board.wait(f"{table} !== undefined")
    caption, heads, rows = board.ask(
        f"(({{caption, tHead, tBodies: [body]}}) => {{ const said = (row) => "
        "[...row.cells].map(({textContent}) => textContent); return [caption.textContent, "
        f"said(tHead.rows[0]), [...body.rows].map(said)]; }})({table})"
    )
    return caption, heads, rows


def test_behind_a_figure_are_exact_values_under_headings_for_people(
    board: Board, month: Month
) -> None:
    ((pageviews, median, total),) = asked(month.published, TOTALS)
    caption, heads, rows = behind(board, "totals")
    assert caption == "How many came, and how long did they look? · 20 Oct – 16 Nov 2025"
    assert heads[0] == "Period"
    assert heads[3:] == ["Pageviews", "Median engaged (s)", "Total engaged (s)"]
    [[period, _, _, *told]] = rows
    assert period == "this period"
    assert told[0] == f"{pageviews:,}"
    assert [float(each.replace(",", "")) for each in told[1:]] == [
        pytest.approx(median, abs=0.001),
        pytest.approx(total, abs=0.001),
    ]
    caption, heads, rows = behind(board, "totals", 1)
    assert caption.endswith("· times in Europe/Berlin")
    assert heads[0] == "Begins"
    assert (len(rows), rows[0][0]) == (28, "20 Oct 2025, 00:00")


def test_a_period_that_is_compared_stands_beside_the_one_before(board: Board) -> None:
    board.open("?since=2025-11-03&until=2025-11-17&device=phone")
    caption, _, rows = behind(board, "totals")
    assert caption.endswith("3 – 16 Nov 2025 · Device phone")
    assert [row[0] for row in rows] == ["this period", "the one before"]
    key = board.texts("#totals .key span")
    assert key == ["3 – 16 Nov 2025", "the period before, 20 Oct – 2 Nov 2025"]
    # Between these and those before them the clocks went back.
    board.open("?since=2025-10-28&until=2025-10-31T00:30")
    assert board.texts("#totals .key span")[1] == "the period before, 24 – 27 Oct 2025"
    assert behind(board, "transitions")[2][0][0] == "(start)"


def test_the_files_of_a_panel_are_asked_with_the_same(board: Board) -> None:
    link = board.ask("document.querySelector('#views [data-form=csv]').href")
    csv = board.ask(
        f"(() => {{ const ask = new XMLHttpRequest(); ask.open('GET', {link!r}, false);"
        " ask.send(); return ask.responseText; })()"
    )
    assert csv.count("\n") == len(board.rows("views")) + 1


def test_the_console_is_silent_under_the_policy(board: Board) -> None:
    complaints(board.browser)
    board.open("")
    assert complaints(board.browser) == []


@pytest.mark.parametrize(
    "screen", ["phone", pytest.param("desktop", marks=pytest.mark.long)], indirect=True
)
def test_nothing_jumps_when_the_figures_come(browser: Chrome, origin: str, screen: str) -> None:
    shifts = """
        window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach(({value}) => (shift += value)))
            .observe({type: "layout-shift", buffered: true});
    """
    command = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": shifts})
    try:
        # The second period is compared with none, which a phone has a line more for.
        for since in ("2025-11-03", "2025-10-20"):
            shift = Board(browser, origin).open(f"?since={since}&until=2025-11-17").ask("shift")
            assert shift < 0.02
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", command)


def test_every_figure_has_a_text_for_nothing(board: Board) -> None:
    board.open("?since=2001-01-01&until=2001-02-01")
    assert board.headline()["pageviews"] == 0
    panels = ("totals", "views", "transitions", "pages", "sessions", "sessions_by_hour")
    selector = ", ".join(f"#{panel} .none" for panel in panels)
    # What is beneath the screen is not laid out, and has no `innerText`.
    empty = board.ask(
        f"[...document.querySelectorAll({selector!r})].map(({{textContent}}) => textContent)"
    )
    assert len(empty) == len(panels)
    assert all(text.endswith("Choose a longer one.") for text in empty)


def test_what_is_told_under_the_pointer_is_of_the_nearest_point(board: Board) -> None:
    # The path of the line is "M0,20L10,30": where its points are from the first one on.
    points, bands = board.ask("""(() => {
        const line = [...document.querySelectorAll("#totals .mark-line path")].at(-1);
        const xs = line.getAttribute("d").match(/[^ML]+/g).map((each) => parseFloat(each));
        const { left } = line.getBoundingClientRect();
        const bands = [...document.querySelectorAll("#totals .mark-rect.role-mark path")];
        return [
            xs.map((each) => left + each - xs[0]),
            bands.map((each) => each.getBoundingClientRect()).map(({left, right}) => (left + right) / 2),
        ];
    })()""")
    assert len(points) == len(bands) == 28
    assert bands[1:-1] == pytest.approx(points[1:-1], abs=1)


def test_a_question_that_cannot_be_asked_is_answered_in_words(board: Board) -> None:
    board.open("?since=yesterday")
    assert "since is 'yesterday'" in board.find("main > .wrong").text
    board.open(f"{PERIOD}&view=PageX&steps=PageA")
    [said] = board.texts(".wrong:not([hidden])")
    assert said.startswith("view is 'PageX', and no view is named so")
    board.click("#chips [data-filter=view]")
    assert board.texts(".wrong:not([hidden])") == []
    board.open(f"{PERIOD}&steps=PageX")
    [said] = board.texts("#funnel .wrong")
    assert "view is 'PageX'" in said
    assert board.headline()["pageviews"] > 0


def test_an_end_before_the_beginning_is_told_where_it_is_entered(board: Board) -> None:
    board.find("#more summary").click()
    board.browser.execute_script("""
        const [from, to] = document.querySelectorAll("#filters [data-moment]");
        for (const [each, day] of [[from, "2025-11-12"], [to, "2025-11-10"]]) {
            each.value = day;
            each.dispatchEvent(new Event("input", { bubbles: true }));
        }
    """)
    board.find("#filters .go").click()
    assert board.search == PERIOD
    assert not board.ask("document.querySelectorAll('#filters [data-moment]')[1].checkValidity()")
    board.browser.execute_script(
        "document.querySelectorAll('#filters [data-moment]')[1].value = '2025-11-12'"
    )
    board.find("#filters .go").click()
    board.wait("document.getElementById('span').textContent.startsWith('12 Nov 2025')")


def test_a_day_that_does_not_exist_has_a_way_out(board: Board) -> None:
    board.open("?since=2026-13-01")
    board.find("#problem a").click()
    board.wait("document.querySelector('#problem').hidden && !location.search")
    board.wait("document.getElementById('span').textContent.length > 0")


def test_a_period_that_is_refused_leaves_no_other_one_beside_the_filters(board: Board) -> None:
    assert board.texts("#span") != [""]
    board.browser.execute_script(
        "history.pushState(null, '', '?since=2025-11-12&until=2025-11-11')"
    )
    board.browser.execute_script("dispatchEvent(new Event('asked'))")
    board.wait("document.querySelector('#problem:not([hidden])')")
    assert board.texts("#span") == [""]
