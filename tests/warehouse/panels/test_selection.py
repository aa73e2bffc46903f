"""What a selection is told, and what it makes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from dwell.errors import QuestionInvalid
from dwell.warehouse.panels import SELECTING, Selection, find

NOW = datetime(2026, 3, 30, 12, 0, 30, tzinfo=UTC)


def selection(**given: str) -> Selection:
    return Selection.of(given, timezone="UTC", now=NOW)


def at(now: datetime) -> Selection:
    return Selection.of({}, timezone="UTC", now=now)


def periods(timezone: str = "UTC", **given: str) -> list[str]:
    found = Selection.of(given, timezone=timezone, now=NOW)
    return [str(each) for each in (found.before, found.before_until, found.since, found.until)]


def test_by_default_it_is_four_weeks_with_today_in_them_and_people_alone() -> None:
    found = selection()
    assert str(found.since) == "2026-03-03 00:00:00"
    assert (found.bots, found.visitors, found.view) == ("exclude", "all", None)
    assert selection(since="", view="", bots="") == found


def test_a_period_that_ends_now_ends_with_the_minute() -> None:
    """So all panels of a page are of one selection."""
    assert str(selection().until) == "2026-03-30 12:01:00"
    assert at(NOW + timedelta(seconds=29)) == selection()
    assert at(NOW + timedelta(seconds=31)) != selection()
    assert str(at(NOW.replace(second=0)).until) == "2026-03-30 12:00:00"


def test_a_period_that_reaches_beyond_now_ends_with_the_minute_too() -> None:
    """What is still to come is neither shown as nothing nor compared with a whole period."""
    march = selection(since="2026-03-01", until="2026-04-01")
    assert march == selection(since="2026-03-01")
    today = {"since": "2026-03-30", "until": "2026-03-31"}
    assert periods(**today) == periods(since="1d")
    assert selection(since="7d", until="2026-05-01") == selection(since="7d")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "2026-02-03 00:00:00, 2026-03-02 12:01:00, 2026-03-03 00:00:00, 2026-03-30 12:01:00"),
        (
            {"since": "1d"},
            "2026-03-29 00:00:00, 2026-03-29 12:01:00, 2026-03-30 00:00:00, 2026-03-30 12:01:00",
        ),
        (
            {"since": "2026-03-01", "until": "2026-03-08"},
            "2026-02-22 00:00:00, 2026-03-01 00:00:00, 2026-03-01 00:00:00, 2026-03-08 00:00:00",
        ),
        (
            {"since": "6h"},
            "2026-03-30 00:01:00, 2026-03-30 06:01:00, 2026-03-30 06:01:00, 2026-03-30 12:01:00",
        ),
        (
            {"since": "36h"},
            "2026-03-27 00:01:00, 2026-03-28 12:01:00, 2026-03-29 00:01:00, 2026-03-30 12:01:00",
        ),
    ],
)
def test_the_period_before_has_the_same_hours_of_so_many_whole_days_earlier(
    given: dict[str, str], expected: str
) -> None:
    assert ", ".join(periods(**given)) == expected


def test_hours_are_those_of_the_zone_also_when_its_clocks_were_changed_in_between() -> None:
    assert periods("Europe/Berlin", since="1d") == [
        "2026-03-28 23:00:00",
        "2026-03-29 12:01:00",
        "2026-03-29 22:00:00",
        "2026-03-30 12:01:00",
    ]
    assert periods("Europe/Berlin", since="2d")[:2] == [
        "2026-03-26 23:00:00",
        "2026-03-28 13:01:00",
    ]


@pytest.mark.parametrize("day", [datetime(2026, 3, 29), datetime(2026, 10, 25)])
@pytest.mark.parametrize(("since", "days"), [("24h", 1), ("48h", 2), ("72h", 3)])
def test_hours_are_compared_with_as_many_though_clocks_are_changed_in_them(
    since: str, days: int, day: datetime
) -> None:
    now = day.replace(hour=10, tzinfo=UTC)
    found = Selection.of({"since": since}, timezone="Europe/Berlin", now=now)
    length = timedelta(days=days)
    assert found.before_until == found.since == found.until - length
    assert found.before == found.since - length


def test_it_is_told_from_others_that_it_ends_now() -> None:
    assert selection().ends_now
    assert selection(until="2026-05-01").ends_now
    assert not selection(until="2026-03-30").ends_now


@pytest.mark.parametrize(
    ("since", "bucket"),
    [("3h", "hour"), ("48h", "hour"), ("3d", "day"), ("28d", "day"), ("27w", "week")],
)
def test_what_is_shown_over_time_is_parted_by_how_long_it_is(since: str, bucket: str) -> None:
    assert selection(since=since).bucket == bucket


def test_its_texts_make_it_again() -> None:
    given = {"since": "7d", "view": "PageA", "path": "/a&b", "bots": "only", "visitors": "new"}
    assert selection(**given).query() == given
    assert selection().query() == {}
    assert Selection.of(selection(**given).query(), timezone="UTC", now=NOW) == selection(**given)


def test_the_same_selection_is_one_key_however_it_was_asked_for() -> None:
    assert {selection(since="28d"), selection(), selection(since="2026-03-03")} == {selection()}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"since": "soon"}, "since is 'soon': expected so long ago, as 12h, 28d or 8w"),
        ({"until": "2026-13-01"}, "until is '2026-13-01': expected so long ago"),
        ({"bots": "no"}, "bots is 'no': expected exclude, include or only"),
        ({"visitors": "some"}, "visitors is 'some': expected all, new or returning"),
        ({"colour": "red"}, "there is no colour: expected some of since, until, bots, view, path"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "the period begins at 2026-03-02"),
        (
            {"since": "2026-04-01", "until": "2026-05-01"},
            "the period begins at 2026-04-01 00:00:00, and now is 2026-03-30 12:01:00, both in UTC",
        ),
        ({"since": "0001-01-01"}, "the period is from 0001-01-01 00:00:00 until 2026-03-30"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(given: dict[str, str], line: str) -> None:
    with pytest.raises(QuestionInvalid) as caught:
        selection(**given)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_everything_it_is_made_of_says_what_it_is() -> None:
    assert all(each.meaning.endswith(".") for each in SELECTING.values())


def test_what_changes_nothing_in_an_answer_makes_no_other_question() -> None:
    given = {"view": "PageA", "path": "/a", "visitors": "new", "device": "phone"}
    asked = selection(**given)
    assert find("totals").heeded(asked) == asked
    assert find("live").heeded(asked) == selection(view="PageA", path="/a", device="phone")
    assert find("retention").heeded(asked) == selection(device="phone")
    assert find("totals").heeded(asked).filters() == given
    assert find("retention").heeded(asked).filters() == {"device": "phone"}
