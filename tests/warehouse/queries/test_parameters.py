"""What a named query is told, and what it makes of it."""

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from dwell.errors import QuestionInvalid
from dwell.warehouse.queries import (
    PARAMETERS,
    bound,
    find,
    queries,
    view_named,
    with_whole_views,
)

NOW = datetime(2026, 3, 30, 12, 0, tzinfo=UTC)
VIEWS = ["shop.Basket", "shop.Product", "site.old.PageA", "site.new.PageA"]


def values(name: str = "sessions", timezone: str = "UTC", **given: str | None) -> dict[str, Any]:
    return bound(find(name), given, timezone=timezone, now=NOW)


def period(timezone: str = "UTC", **given: str | None) -> tuple[str, str]:
    found = bound(find("sessions"), given, timezone=timezone, now=NOW)
    return str(found["since"]), str(found["until"])


def test_every_file_of_the_folder_is_a_query_and_asks_a_question() -> None:
    names = {
        file.name.removesuffix(".sql")
        for file in files("dwell.warehouse.queries").iterdir()
        if file.name.endswith(".sql")
    }
    assert {query.name for query in queries()} == names
    for query in queries():
        assert query.question.endswith("?"), query.name
        assert all(meaning.endswith(".") for meaning in query.columns.values()), query.name
        taken = {parameter.name for parameter in query.parameters}
        assert {"since", "until", "bots"} <= taken, query.name
        assert query.defaults.keys() <= taken, query.name


def test_by_default_a_period_is_four_weeks_up_to_now_with_today_in_it() -> None:
    assert period() == ("2026-03-03 00:00:00", "2026-03-30 12:00:00")
    assert values()["bots"] == "exclude"
    assert values()["by"] == "day"
    assert str(values("retention_by_week")["since"]) == "2026-01-06 00:00:00"


def test_days_are_those_of_the_time_zone_also_when_clocks_were_changed() -> None:
    assert period("Europe/Berlin", since="2d") == ("2026-03-28 23:00:00", "2026-03-30 12:00:00")
    assert period("Europe/Berlin", since="1d")[0] == "2026-03-29 22:00:00"
    assert period("Asia/Tokyo", since="1d")[0] == "2026-03-29 15:00:00"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"since": "12h"}, ("2026-03-30 00:00:00", "2026-03-30 12:00:00")),
        ({"since": "1w"}, ("2026-03-24 00:00:00", "2026-03-30 12:00:00")),
        ({"until": "2026-03-29"}, ("2026-03-01 00:00:00", "2026-03-29 00:00:00")),
        ({"since": "2d", "until": "1d"}, ("2026-03-28 00:00:00", "2026-03-30 00:00:00")),
        (
            {"since": "2026-03-01", "until": "2026-03-02T12:30"},
            ("2026-03-01 00:00:00", "2026-03-02 12:30:00"),
        ),
        (
            {"since": "2026-03-01T00:00+02:00", "until": "2026-03-01T00:00Z"},
            ("2026-02-28 22:00:00", "2026-03-01 00:00:00"),
        ),
        (
            {"since": "2026-03-01", "until": "2026-04-01"},
            ("2026-03-01 00:00:00", "2026-03-30 12:00:00"),
        ),
        ({"since": "", "until": None}, ("2026-03-03 00:00:00", "2026-03-30 12:00:00")),
    ],
)
def test_a_moment_is_a_time_or_so_long_ago(
    given: dict[str, str | None], expected: tuple[str, str]
) -> None:
    found = bound(find("sessions"), given, timezone="UTC", now=NOW)
    assert (str(found["since"]), str(found["until"])) == expected


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        ("sessions", {"since": "soon"}, "since is 'soon': expected so long ago, as 12h, 28d"),
        ("sessions", {"since": "999999w"}, "since is '999999w': expected so long ago"),
        ("sessions", {"until": "2026-13-01"}, "until is '2026-13-01': expected so long ago"),
        ("sessions", {"by": "year"}, "by is 'year': expected hour, day, week or month"),
        ("sessions", {"bots": "no"}, "bots is 'no': expected exclude, include or only"),
        ("sessions", {"view": "a"}, "sessions takes no view: expected some of since, until, by"),
        ("funnel", {}, "funnel needs views: expected names of views with commas between them"),
        ("funnel", {"views": "x" * 200_000}, f"views is '{'x' * 40}…': expected names of views"),
        (
            "sessions",
            {"since": "2026-03-02", "until": "2026-03-01"},
            "the period begins at 2026-03-02 00:00:00 and ends at 2026-03-01 00:00:00, both in UTC",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    name: str, given: dict[str, str], line: str
) -> None:
    with pytest.raises(QuestionInvalid) as caught:
        values(name, **given)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sesions", "sessions"),
        ("retention", "retention_by_week"),
        ("engagement", "engagement_by_view or engagement_distribution"),
        ("transition", "transitions"),
    ],
)
def test_of_an_unknown_query_the_near_ones_are_named(name: str, near: str) -> None:
    with pytest.raises(QuestionInvalid) as caught:
        find(name)
    assert str(caught.value) == f"there is no query {name!r}: expected {near}"
    with pytest.raises(QuestionInvalid, match="expected one of engagement_by_view, engagement_dis"):
        find("zzz")


def test_a_name_may_have_hyphens() -> None:
    assert find("engagement-by-view") is find("engagement_by_view")


def test_a_view_is_named_whole_or_by_its_end() -> None:
    assert view_named("shop.Basket", VIEWS) == "shop.Basket"
    assert view_named("Product", VIEWS) == "shop.Product"
    assert view_named("new.PageA", VIEWS) == "site.new.PageA"
    assert view_named("basket", VIEWS) == view_named("SHOP.Basket", VIEWS) == "shop.Basket"
    assert view_named("shop.basket", [*VIEWS, "shop.basket"]) == "shop.basket"
    assert view_named("basket", [*VIEWS, "shop.basket"]) == "shop.basket"
    with pytest.raises(QuestionInvalid, match=r"'pagea', and several views end with it: expected "):
        view_named("pagea", VIEWS)
    with pytest.raises(QuestionInvalid, match=r"'PageA', and several views end with it: expected "):
        view_named("PageA", VIEWS)
    with pytest.raises(QuestionInvalid, match=r"'Baskets', and no .*: expected shop\.Basket$"):
        view_named("Baskets", VIEWS)
    with pytest.raises(QuestionInvalid, match="expected one, and there is none yet"):
        view_named("Basket", [])


def test_several_views_are_parted_by_commas() -> None:
    found = values("funnel", views="Product, Basket")
    assert found["views"] == ["Product", "Basket"]
    assert with_whole_views(found, VIEWS)["views"] == ["shop.Product", "shop.Basket"]
    assert values("funnel", views='"Basket, full",Shop Basket,')["views"] == [
        "Basket, full",
        "Shop Basket",
    ]
    assert values("tabs_compared")["views"] is None
    assert with_whole_views(values("tabs_compared"), VIEWS) == values("tabs_compared")


def test_a_script_says_the_values_as_sql() -> None:
    given = values("funnel", views="Product,it's", until="2026-03-01T12:00")
    assert (
        find("funnel")
        .script(given)
        .endswith(
            "\nexecute funnel(since := timestamp '2026-02-02 00:00:00', "
            "until := timestamp '2026-03-01 12:00:00', views := ['Product', 'it''s'], "
            "bots := 'exclude');\n"
        )
    )
    assert "view := null" in find("transitions").script(values("transitions"))


def test_every_parameter_says_what_it_is_and_what_is_right() -> None:
    for parameter in PARAMETERS.values():
        assert parameter.meaning.endswith("."), parameter.name
        assert parameter.expected, parameter.name
