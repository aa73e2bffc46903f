"""Each panel on a truth that was counted by hand: see tests/support/truth.py."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from dwell.errors import QuestionInvalid
from dwell.warehouse.panels import Board, Selection, find, panels
from tests.support.facts import Projected
from tests.support.publishing import copy_of
from tests.support.truth import TAB_1, TAB_2, A, B, told

Row = dict[str, Any]
Asked = Callable[..., list[tuple[Any, ...]]]

PERIOD = {"since": "2025-11-24", "until": "2025-12-08"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def selection(timezone: str = "UTC", **given: str) -> Selection:
    return Selection.of(PERIOD | given, timezone=timezone, now=NOW)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """The truth, published."""
    folder = tmp_path_factory.mktemp("truth")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(told()).project()
        published = copy_of(projected.warehouse, folder)
    board = Board(published)
    yield board
    board.close()


@pytest.fixture
def asked(board: Board) -> Asked:
    """Asks a panel: its name, which columns, and what is selected."""

    def ask(panel: str, *columns: str, timezone: str = "UTC", **given: str) -> Any:
        extra = {"views": given.pop("views")} if "views" in given else {}
        rows = board.answer(panel, selection(timezone, **given), extra).rows()
        return [tuple(row[name] for name in columns or row) for row in rows]

    return ask


def test_totals(asked: Asked) -> None:
    assert asked("totals") == [
        (False, 4, 5, 14, 7.0, 176.0),
        (True, 0, 0, 0, None, 0.0),
    ]
    assert asked("totals", since="2025-12-02", until="2025-12-04") == [
        (False, 2, 2, 7, 6.0, 94.0),
        (True, 0, 0, 0, None, 0.0),
    ]
    assert asked("totals", since="2025-12-01") == [
        (False, 3, 3, 10, 5.5, 112.0),
        (True, 2, 2, 4, 15.0, 64.0),
    ]


def test_of_a_view_its_pageviews_count_and_the_sessions_that_have_one(asked: Asked) -> None:
    assert asked("totals", view="Tab1") == [(False, 2, 3, 3, 3.0, 35.0), (True, 0, 0, 0, None, 0.0)]
    assert asked("totals", view=A, since="2025-12-01") == [
        (False, 3, 3, 4, 3.5, 19.0),
        (True, 2, 2, 2, 7.0, 14.0),
    ]
    assert asked("totals", path="/pageb", since="2025-12-01")[1] == (True, 1, 1, 1, 20.0, 20.0)


def test_whose_pageviews_are_looked_at(asked: Asked) -> None:
    counted = {
        name: asked("totals", "visitors", "sessions", "pageviews", **given)[0]
        for name, given in (
            ("robots", {"bots": "only"}),
            ("all", {"bots": "include"}),
            ("phones", {"device": "Phone"}),
            ("Firefox", {"browser": "firefox"}),
            ("Linux", {"system": "linux", "view": B}),
            ("none", {"browser": "Googlebot"}),
            ("new", {"visitors": "new", "since": "2025-12-01"}),
            ("returning", {"visitors": "returning", "since": "2025-12-01"}),
        )
    }
    assert counted == {
        "robots": (1, 1, 1),
        "all": (5, 6, 15),
        "phones": (1, 1, 3),
        "Firefox": (3, 4, 11),
        "Linux": (2, 3, 3),
        "none": (0, 0, 0),
        "new": (2, 2, 6),
        "returning": (1, 1, 4),
    }


def test_series(asked: Asked) -> None:
    days = asked("series", "bucket", "local", "visitors", "sessions", "pageviews", "median")
    assert len(days) == 28
    assert [row for row in days if row[4]] == [
        (0, "2025-11-24T00:00", 2, 2, 4, 15.0),
        (8, "2025-12-02T00:00", 1, 1, 4, 10.0),
        (9, "2025-12-03T00:00", 1, 1, 3, 5.0),
        (10, "2025-12-04T00:00", 1, 1, 3, 3.0),
    ]
    assert days[1] == (1, "2025-11-25T00:00", 0, 0, 0, None)


def test_the_buckets_of_the_period_before_have_the_same_numbers(asked: Asked) -> None:
    days = asked("series", "earlier", "bucket", "begins_at", "total", since="2025-12-01")
    assert len(days) == 14
    assert [row for row in days if row[3]] == [
        (False, 1, "2025-12-02T00:00:00.000Z", 82.0),
        (False, 2, "2025-12-03T00:00:00.000Z", 12.0),
        (False, 3, "2025-12-04T00:00:00.000Z", 18.0),
        (True, 0, "2025-11-24T00:00:00.000Z", 64.0),
    ]


def test_a_day_is_one_of_the_time_zone(asked: Asked) -> None:
    days = asked("series", "begins_at", "local", "sessions", timezone="Europe/Berlin")
    assert days[:2] == [
        ("2025-11-23T23:00:00.000Z", "2025-11-24T00:00", 1),
        ("2025-11-24T23:00:00.000Z", "2025-11-25T00:00", 1),
    ]


def test_an_hour_that_comes_twice_is_two(asked: Asked) -> None:
    hours = asked(
        "series",
        "local",
        timezone="Europe/Berlin",
        since="2025-10-26T01:00",
        until="2025-10-26T04:00",
    )
    assert [each for (each,) in hours][:4] == [
        "2025-10-26T01:00",
        "2025-10-26T02:00",
        "2025-10-26T02:00",
        "2025-10-26T03:00",
    ]


@pytest.mark.parametrize("most_pageviews", [0, 1000])
def test_hours_are_whole_though_the_first_is_one_that_comes_twice(
    board: Board, most_pageviews: int
) -> None:
    begun = datetime.fromisoformat("2025-10-26T02:34+02:00").astimezone(UTC).replace(tzinfo=None)
    chosen = selection("Europe/Berlin", since="2025-10-26", until="2025-10-26T05:00")
    chosen = replace(chosen, since=begun)
    with closing(Board(board.path, most_pageviews=most_pageviews)) as other:
        hours = other.answer("series", chosen).rows()
    assert [each["local"] for each in hours if not each["earlier"]] == [
        "2025-10-26T02:34",
        "2025-10-26T02:00",
        "2025-10-26T03:00",
        "2025-10-26T04:00",
    ]


def test_weeks_begin_on_monday_and_the_first_one_with_the_period(asked: Asked) -> None:
    weeks = asked("series", "earlier", "local", "pageviews", since="2025-05-20")
    assert [row[1:] for row in weeks if not row[0]][:2] == [
        ("2025-05-20T00:00", 0),
        ("2025-05-26T00:00", 0),
    ]
    assert [row[1:] for row in weeks if row[2]] == [
        ("2025-11-24T00:00", 4),
        ("2025-12-01T00:00", 10),
    ]


def test_views(asked: Asked) -> None:
    assert asked("views") == [
        (A, 6, 4, 5.0, 5.5, 11.0, 33.0),
        (B, 4, 3, 17.5, 25.0, 48.0, 100.0),
        (TAB_1, 3, 2, 3.0, 11.667, 24.6, 35.0),
        (TAB_2, 1, 1, 8.0, 8.0, 8.0, 8.0),
    ]


def test_what_a_panel_does_not_take_is_refused(board: Board) -> None:
    for panel, given, line in (
        ("toatls", {}, "there is no panel 'toatls': expected totals"),
        ("totals", {"views": A}, "totals takes no views: expected some of since, until, bots"),
    ):
        with pytest.raises(QuestionInvalid) as caught:
            board.answer(panel, selection(), given)
        assert str(caught.value).startswith(line)
    with pytest.raises(QuestionInvalid, match="device is 'toaster': expected desktop, phone"):
        selection(device="toaster")
    with pytest.raises(QuestionInvalid, match=r"system is 'Linuks', .+: expected Linux$"):
        board.answer("devices", selection(system="Linuks"))
    names = "Firefox, Googlebot, Mobile Safari"
    with pytest.raises(QuestionInvalid, match=r"path is '/page', .+: expected /pageb or /pagea$"):
        board.sessions(selection(path="/page"))
    with pytest.raises(
        QuestionInvalid, match=r"path is 'X', .+: expected /pagea or /pageb or /tab1"
    ):
        board.answer("totals", selection(path="X"))
    with pytest.raises(QuestionInvalid, match=f"browser is 'X', .+: expected one of {names}$"):
        board.sessions(selection(browser="X"))
    with pytest.raises(QuestionInvalid, match=r"view is 'Tab', and no view is named so"):
        board.answer("totals", selection(view="Tab"))


@pytest.mark.parametrize("name", [panel.name for panel in panels()])
def test_the_comment_of_a_panel_names_its_columns_and_arrow_has_their_types(
    board: Board, name: str
) -> None:
    extra = {"views": f"{A},{B}"} if name == "funnel" else {}
    answer = board.answer(name, selection(), extra)
    table = pa.ipc.open_stream(answer.arrow()).read_all()
    assert table.column_names == [column.name for column in find(name).columns]
    assert table.num_rows == len(answer.rows()) > 0


def test_every_panel_asks_a_question_and_says_what_its_columns_mean() -> None:
    for panel in panels():
        assert panel.question.endswith("?"), panel.name
        for column in panel.columns:
            assert column.meaning.endswith("."), (panel.name, column.name)
            assert column.unit in ("", "s", "%", "time"), (panel.name, column.name)


def test_view_distribution(asked: Asked) -> None:
    classes = asked("view_distribution", "at_least", "below", "pageviews", "percent", view=A)
    assert classes[:6] == [
        (0, 1, 1, 16.67),
        (1, 2, 1, 16.67),
        (2, 5, 1, 16.67),
        (5, 10, 1, 16.67),
        (10, 20, 2, 33.33),
        (20, 30, 0, 0.0),
    ]
    assert classes[-1] == (1800, None, 0, 0.0)
    assert len(asked("view_distribution")) == 4 * 12


def test_pages(asked: Asked) -> None:
    pages = [
        ("/pagea", 6, 4, 5.0, 5.5, 33.0),
        ("/pageb", 4, 3, 17.5, 25.0, 100.0),
        ("/tab1", 3, 2, 3.0, 11.667, 35.0),
        ("/tab2", 1, 1, 8.0, 8.0, 8.0),
    ]
    assert asked("pages") == pages
    assert asked("pages", path="/pageb") == pages[1:2]


def test_transitions(asked: Asked) -> None:
    assert asked("transitions") == [
        (None, A, 3, 60.0),
        (None, B, 2, 40.0),
        (A, B, 2, 33.33),
        (A, A, 1, 16.67),
        (A, TAB_1, 1, 16.67),
        (A, TAB_2, 1, 16.67),
        (A, None, 1, 16.67),
        (B, A, 2, 50.0),
        (B, TAB_1, 1, 25.0),
        (B, None, 1, 25.0),
        (TAB_1, None, 3, 100.0),
        (TAB_2, TAB_1, 1, 100.0),
    ]
    assert asked("transitions", view=B) == [
        (None, B, 2, 100.0),
        (B, A, 2, 50.0),
        (B, TAB_1, 1, 25.0),
        (B, None, 1, 25.0),
    ]


def test_entries_and_exits(asked: Asked) -> None:
    assert asked("entries_and_exits") == [
        (A, 3, 1, 1, 60.0, 20.0, 33.33),
        (B, 2, 1, 0, 40.0, 20.0, 0.0),
        (TAB_1, 0, 3, 0, 0.0, 60.0, None),
    ]
    assert asked("entries_and_exits", "view_name", "entries", "exits", view="Tab2") == [
        (B, 1, 0),
        (TAB_1, 0, 1),
    ]


def test_the_pageviews_of_a_session_count_although_they_began_after_the_period(
    asked: Asked,
) -> None:
    given = {"since": "2025-12-02", "until": "2025-12-02T09:00:01"}
    assert asked("entries_and_exits", "view_name", "entries", "exits", **given) == [
        (B, 1, 0),
        (TAB_1, 0, 1),
    ]
    assert asked("totals", "pageviews", "total", **given)[0] == (1, 60.0)


def test_sessions_by_hour(asked: Asked) -> None:
    hours = asked("sessions_by_hour")
    assert [row[:2] for row in hours] == [(day, hour) for day in range(1, 8) for hour in range(24)]
    came = [(1, 10, 1), (1, 23, 1), (2, 9, 1), (3, 12, 1), (4, 8, 1)]
    assert [row for row in hours if row[2]] == came
    berlin = asked("sessions_by_hour", timezone="Europe/Berlin")
    assert [row for row in berlin if row[2]][:3] == [(1, 11, 1), (2, 0, 1), (2, 10, 1)]


def test_browsers_systems_and_devices(asked: Asked) -> None:
    assert asked("browsers") == [("Firefox", 3, 4, 11, 8.0), ("Mobile Safari", 1, 1, 3, 3.0)]
    assert asked("systems") == [("Linux", 3, 4, 11, 8.0), ("iOS", 1, 1, 3, 3.0)]
    assert asked("devices") == [("desktop", 3, 4, 11, 8.0), ("phone", 1, 1, 3, 3.0)]
    assert asked("devices", bots="include")[1:] == [("phone", 1, 1, 3, 3.0), ("bot", 1, 1, 1, 0.5)]


def test_referrers_without_any(asked: Asked) -> None:
    assert asked("referrers") == [("", 4, 5, 14)]


def test_retention(asked: Asked) -> None:
    weeks = [
        ("2025-11-24", 2, 0, 2, 100.0),
        ("2025-11-24", 2, 1, 1, 50.0),
        ("2025-12-01", 2, 0, 2, 100.0),
    ]
    assert asked("retention") == weeks
    assert asked("retention", since="2025-12-01", view=A) == weeks[2:]
    assert asked("retention", device="phone") == [("2025-12-01", 1, 0, 1, 100.0)]


def test_funnel(asked: Asked) -> None:
    assert asked("funnel", views=f"{A},PageB,{TAB_1}") == [
        (1, A, 5, 100.0, None, None),
        (2, B, 2, 40.0, 40.0, 10.0),
        (3, TAB_1, 1, 20.0, 50.0, 21.0),
    ]
    assert asked("funnel", views=f"{A},{A},{TAB_2},{B}")[1:] == [
        (2, A, 1, 20.0, 20.0, 7.0),
        (3, TAB_2, 0, 0.0, 0.0, None),
        (4, B, 0, 0.0, None, None),
    ]
    assert asked("funnel") == []


def test_tabs(asked: Asked) -> None:
    assert asked("tabs") == [
        ("", "/tab1", "1", TAB_1, 3, 3, 3.0, 35.0, 81.4),
        ("", "/tab2", "2", TAB_2, 1, 1, 8.0, 8.0, 18.6),
    ]


def test_completeness(asked: Asked) -> None:
    assert asked("completeness") == [
        ("facts", "made", 31, 100.0),
        ("facts", "arrived", 27, 87.1),
        ("facts", "lost", 4, 12.9),
        ("pageviews", "all", 14, 100.0),
        ("pageviews", "exact", 12, 85.71),
        ("pageviews", "end not seen", 1, 7.14),
        ("pageviews", "end lost", 1, 7.14),
    ]
    assert asked("completeness", "count", view=B)[:3] == [(9,), (8,), (1,)]


def test_sessions_come_from_the_last_one_on_in_portions(board: Board) -> None:
    first = board.sessions(selection(), limit=3)
    assert [(row["started_at"], row["entry"], row["seconds"]) for row in first.rows()] == [
        ("2025-12-04T08:00:00.000Z", B, 18.0),
        ("2025-12-03T12:00:00.000Z", A, 12.0),
        ("2025-12-02T09:00:00.000Z", B, 82.0),
    ]
    rest = board.sessions(selection(), before=first.rows()[-1]["cursor"], limit=3).rows()
    assert [(row["pageviews"], row["exit"], row["device"]) for row in rest] == [
        (1, A, "desktop"),
        (3, TAB_1, "desktop"),
    ]
    assert board.sessions(selection(), before=rest[-1]["cursor"]).rows() == []
    of_tab_2 = board.sessions(selection(view="Tab2")).rows()
    assert [row["session_id"] for row in of_tab_2] == [first.rows()[2]["session_id"]]
    with pytest.raises(QuestionInvalid, match="before is 'x': expected the cursor of a session"):
        board.sessions(selection(), before="x")


def test_what_can_be_selected_is_offered_whatever_is_selected(board: Board) -> None:
    choices = {
        "view": [A, B, TAB_1, TAB_2],
        "path": ["/pagea", "/pageb", "/tab1", "/tab2"],
        "browser": ["Firefox", "Mobile Safari"],
        "system": ["Linux", "iOS"],
        "device": ["desktop", "phone"],
    }
    assert board.choices(selection()) == choices
    assert board.choices(selection(view=B, device="phone", visitors="new")) == choices
    assert board.choices(selection(bots="only"))["browser"] == ["Googlebot"]
