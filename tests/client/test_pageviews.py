"""What a pageview comes to on the wire, and which ids it has."""

import re
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from dwell.client import Pageview, Session, Stretch, stretch, uuid7_of, uuid_of
from dwell.schemas.facts import UUID7_PATTERN

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2025, 11, 23, 12, tzinfo=UTC)
SESSION = Session(id=uuid7_of(NOON, "a session"), visitor=uuid_of("a visitor"), agent="Firefox")


def pageview(*seen: Stretch, **more: object) -> Pageview:
    return Pageview(session=SESSION, view="shop.Home", seen=seen, **more)  # type: ignore[arg-type]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "begin",
    [
        datetime(2025, 10, 26, 2, 59, 50, tzinfo=BERLIN),
        datetime(2025, 10, 26, 2, 59, 50, tzinfo=BERLIN, fold=1),
        datetime(2025, 3, 30, 1, 59, 50, tzinfo=BERLIN),
    ],
)
def test_a_stretch_is_as_long_as_it_says_though_clocks_change_in_it(begin: datetime) -> None:
    said = [fact["engagement_ms"] for fact in pageview(stretch(begin, 20)).facts()]
    assert said == [0, 20_000]


def test_a_page_that_was_seen_twice_is_shown_and_hidden_twice() -> None:
    looked = pageview((NOON, after(10)), (after(30), after(32.5)), identity={"path": "/"})

    said = [
        (fact["seq"], fact["visibility"], fact["engagement_ms"], fact["age_ms"])
        for fact in looked.facts()
    ]

    assert said == [
        (0, "visible", 0, 0),
        (1, "hidden", 10_000, 10_000),
        (2, "visible", 10_000, 30_000),
        (3, "hidden", 12_500, 32_500),
    ]
    assert next(looked.facts())["occurred_at"] == NOON.timestamp() * 1000


def test_a_page_that_can_still_be_seen_says_the_same_later_and_more() -> None:
    now = list(pageview((NOON, None)).facts())
    later = list(pageview((NOON, after(4))).facts())

    assert len(now) == 1
    assert later[:1] == now


def test_the_same_pageview_has_the_same_id_and_another_one_another() -> None:
    one = pageview(stretch(NOON, 3), identity={"path": "/", "title": "Home"})
    same = pageview(stretch(NOON, 9), identity={"title": "Home", "path": "/"})
    others = [
        pageview(stretch(NOON, 3), identity={"path": "/basket"}),
        pageview(stretch(after(0.001), 3), identity={"path": "/", "title": "Home"}),
    ]

    assert one.uuid == same.uuid
    assert len({each.uuid for each in (one, *others)}) == 3
    assert (
        pageview(stretch(NOON, 3), identity=MappingProxyType(dict(one.identity))).uuid == one.uuid
    )
    given = UUID("0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01")
    assert pageview(stretch(NOON, 3), id=given).uuid == given


def test_ids_carry_their_moment_whatever_zone_it_is_told_in() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    made = uuid7_of(NOON, "a", "b")

    assert made == uuid7_of(berlin, "a", "b")
    assert made != uuid7_of(NOON, "ab")
    assert re.match(UUID7_PATTERN, str(made))
    assert int(str(made).replace("-", "")[:12], 16) == NOON.timestamp() * 1000
    assert uuid_of("a", "b") != uuid_of("ab")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([], "seen is empty"),
        ([(NOON, None), (after(1), after(2))], "has no end and is not the last one"),
        ([(after(1), NOON)], "expected moments one after the other"),
        ([(NOON, after(5)), (after(4), after(6))], "expected moments one after the other"),
        ([(datetime(2025, 11, 23), None)], "has no time zone"),
    ],
)
def test_what_cannot_have_been_is_refused_at_once(seen: list[Stretch], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pageview(*seen)
