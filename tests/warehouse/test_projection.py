"""Facts in, rows out, on a real DuckDB."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7


@pytest.fixture
def projected(tmp_path: Path) -> Iterator[Projected]:
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        yield projected


def at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)


def changed(stored: Stored, **fields: object) -> Stored:
    """The record with other values in its data, as only a foreign producer writes it."""
    envelope = json.loads(stored.value)
    envelope["data"] |= fields
    return Stored(json.dumps(envelope).encode(), stored.timestamp)


def test_a_visit_becomes_a_pageview_with_its_seconds_and_its_session(projected: Projected) -> None:
    projected.append(
        [
            glimpse(1, 0, visitor=7, received_at=NOW),
            glimpse(1, 1, visitor=7, engagement_ms=5000, age_ms=5010, received_at=NOW + 5010),
            glimpse(
                1,
                2,
                visitor=7,
                engagement_ms=6250,
                age_ms=6300,
                delay_ms=40,
                received_at=NOW + 6340,
                visibility="hidden",
            ),
        ]
    ).project()
    assert projected.rows(
        "select pageview_id, session_id, view_name, identity ->> 'path', engagement_time, started_at,"
        " last_seen_at, last_seq, visitor_id from warehouse.pageview"
    ) == [
        (
            UUID(uuid7(1)),
            UUID(uuid7(1)),
            "dwell.site.pages.page_a.PageA",
            "/page_a",
            6.25,
            at(NOW),
            at(NOW + 6300),
            2,
            UUID(uuid7(7)),
        )
    ]
    assert projected.rows(
        "select session_id, visitor_id, started_at, last_seen_at, pageviews, other_visitor_ids"
        " from warehouse.tracking_session"
    ) == [(UUID(uuid7(1)), UUID(uuid7(7)), at(NOW), at(NOW + 6300), 1, None)]
    assert projected.rows(
        "select seq, visibility, occurred_at, engagement_time from warehouse.visibility_change"
        " order by seq"
    ) == [
        (0, "visible", at(NOW), 0.0),
        (1, "visible", at(NOW + 5010), 5.0),
        (2, "hidden", at(NOW + 6300), 6.25),
    ]


def test_any_one_fact_of_a_pageview_gives_the_whole_row(projected: Projected) -> None:
    projected.append([glimpse(1, 3, engagement_ms=9000, previous=5, referrer="https://a.example/")])
    assert projected.project().rows(
        "select view_name, identity::varchar, engagement_time, started_at, previous_pageview_id,"
        " referrer, first_seq from warehouse.pageview"
    ) == [
        (
            "dwell.site.pages.page_a.PageA",
            '{"path":"/page_a"}',
            9.0,
            at(NOW - 9000),
            UUID(uuid7(5)),
            "https://a.example/",
            3,
        )
    ]


def test_the_first_fact_names_the_page_even_when_it_comes_last(projected: Projected) -> None:
    late = glimpse(1, 0, view="first.View", identity={"path": "/first"}, session=2)
    projected.append([glimpse(1, 1, view="second.View", session=1)]).project().append([late])
    assert projected.project().rows(
        "select view_name, identity::varchar, session_id from warehouse.pageview"
    ) == [("first.View", '{"path":"/first"}', UUID(uuid7(2)))]
    assert projected.rows(
        "select session_id, pageviews from warehouse.tracking_session order by session_id"
    ) == [(UUID(uuid7(1)), 0), (UUID(uuid7(2)), 1)]


def test_every_row_says_which_records_made_it(projected: Projected) -> None:
    projected.append([Stored(b"junk", NOW), glimpse(1, 0), glimpse(2, 0), glimpse(1, 1)])
    projected.project(batch=2)
    assert projected.rows(
        "select partition, first_offset, last_partition, last_offset from warehouse.pageview"
        " order by pageview_id"
    ) == [(0, 1, 0, 3), (0, 2, 0, 2)]
    assert projected.rows("from warehouse.log_offset") == [(0, 4)]


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b"\xff\xfe", "not_utf8", "the record is not UTF-8"),
        (b" ", "not_json", "the record is not JSON"),
        (b'{"a": 1} trailing', "not_json", "the record is not JSON"),
        (b"[]", "not_an_event", "expected a CloudEvents 1.0 object"),
        (
            glimpse().value.replace(b"viewed.v1", b"viewed.v9"),
            "unknown_version",
            'type is "dwell.page.viewed.v9"',
        ),
        (glimpse().value.replace(b"viewed.v1", b"bought.v1"), "unknown_type", "dwell.page.bought"),
        (
            glimpse().value.replace(b'"age_ms":0', b'"age_ms":-1'),
            "invalid_field",
            "age_ms is -1: expected an integer from 0 to 34560000000",
        ),
        (
            glimpse().value.replace(b'"age_ms":0', b'"age_ms":0.5'),
            "invalid_field",
            "age_ms is 0.5",
        ),
        (
            glimpse().value.replace(b'"path"', b'"\\u0000"'),
            "invalid_field",
            "no NUL character",
        ),
        (
            changed(glimpse(), identity={"price": float("nan")}).value,
            "not_json",
            "the record is not JSON",
        ),
        *(
            (glimpse().value.replace(b'"dwell.site.pages.page_a.PageA"', view), reason, detail)
            for view, reason, detail in (
                (b"NaN", "not_json", "the record is not JSON"),
                (b"Infinity", "not_json", "the record is not JSON"),
                (b'{"a":1}', "invalid_field", "view is {"),
            )
        ),
        (
            glimpse(previous=3).value.replace(
                b"-7000-8000-000000000003", b"-4000-8000-000000000003"
            ),
            "invalid_field",
            "previous_pageview_id is",
        ),
    ],
)
def test_what_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on(
    projected: Projected, value: bytes, reason: str, detail: str
) -> None:
    projected.append([glimpse(1), Stored(value, NOW + 5, b"key"), glimpse(2)]).project()
    [(partition, offset, why, said, payload, received_at, key, forwarded_at)] = projected.rows(
        "from warehouse.dead_letter"
    )
    assert (partition, offset, why, payload, received_at) == (0, 1, reason, value, at(NOW + 5))
    assert (key, forwarded_at) == (b"key", None)
    assert detail in said
    assert projected.rows("select count(*) from warehouse.pageview") == [(2,)]


def test_a_batch_of_nothing_but_junk_moves_on(projected: Projected) -> None:
    projected.append([Stored(b"junk", NOW)] * 3).project(batch=2)
    assert projected.rows("select count(*) from warehouse.dead_letter") == [(3,)]
    assert projected.rows("from warehouse.log_offset") == [(0, 3)]


def test_a_fact_with_escapes_in_its_identity_is_read_by_the_judge(projected: Projected) -> None:
    plain = glimpse(1, identity={"path": "/é"})
    escaped = Stored(plain.value.replace("é".encode(), b"\\u00e9"), NOW)
    projected.append([escaped]).project()
    assert projected.rows("select identity ->> 'path' from warehouse.pageview") == [("/é",)]
    assert projected.rows("from warehouse.dead_letter") == []


def test_an_agent_is_described_once(projected: Projected) -> None:
    robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    projected.append(
        [glimpse(1), glimpse(2, session=2, browser_agent=robot), glimpse(3, session=3)]
    )
    projected.project(batch=1)
    assert projected.rows(
        "select browser, system, device, is_bot from warehouse.browser_agent order by all"
    ) == [("Firefox", "Linux", "desktop", False), ("Googlebot", "Other", "bot", True)]


def test_sessions_count_their_pageviews(projected: Projected) -> None:
    facts = [glimpse(n, seq, session=1 + n // 3) for n in range(1, 6) for seq in (0, 1)]
    projected.append(facts + facts[:3]).project(batch=3)
    assert projected.rows(
        "select session_id, pageviews from warehouse.tracking_session order by all"
    ) == [(UUID(uuid7(1)), 2), (UUID(uuid7(2)), 3)]


def test_a_forgotten_visitor_leaves_no_row_and_others_stay(projected: Projected) -> None:
    projected.append(
        [
            glimpse(1, session=1, visitor=1),
            glimpse(2, session=2, visitor=2),
            forgotten(1, NOW + 10),
            glimpse(1, 1, session=1, visitor=1, received_at=NOW + 5),
        ]
    ).project(batch=1)
    assert projected.rows("select pageview_id from warehouse.pageview") == [(UUID(uuid7(2)),)]
    assert projected.rows("select session_id from warehouse.tracking_session") == [
        (UUID(uuid7(2)),)
    ]
    assert projected.rows("select distinct pageview_id from warehouse.visibility_change") == [
        (UUID(uuid7(2)),)
    ]
    assert projected.rows("from warehouse.erasure") == [(UUID(uuid7(1)), at(NOW + 10))]


def test_a_forgotten_visitor_who_comes_back_is_counted_anew(projected: Projected) -> None:
    projected.append(
        [
            glimpse(1, 0, visitor=1),
            forgotten(1, NOW + 10),
            glimpse(1, 1, visitor=1, engagement_ms=4000, received_at=NOW + 20),
        ]
    ).project(batch=1)
    assert projected.rows("select engagement_time, first_seq from warehouse.pageview") == [(4.0, 1)]


def test_what_two_visitors_share_is_rebuilt_from_the_facts_of_the_other(
    projected: Projected,
) -> None:
    projected.append(
        [
            glimpse(1, 0, session=1, visitor=1, received_at=NOW),
            glimpse(1, 1, session=1, visitor=2, engagement_ms=3000, received_at=NOW + 3000),
            glimpse(2, 0, session=1, visitor=2, received_at=NOW + 3500),
        ]
    ).project(batch=1)
    assert projected.rows("select other_visitor_ids from warehouse.pageview order by all") == [
        ([UUID(uuid7(2))],),
        (None,),
    ]
    projected.append([forgotten(1, NOW + 10_000)]).project(batch=1)
    assert projected.rows(
        "select visitor_id, first_seq, engagement_time, other_visitor_ids from warehouse.pageview"
        " order by pageview_id"
    ) == [(UUID(uuid7(2)), 1, 3.0, None), (UUID(uuid7(2)), 0, 0.0, None)]
    assert projected.rows("select visitor_id, pageviews from warehouse.tracking_session") == [
        (UUID(uuid7(2)), 2)
    ]


def test_a_wrong_clock_in_the_ids_changes_no_time(projected: Projected) -> None:
    ancient = uuid7(1, at=1_000_000_000_000)
    record = changed(glimpse(1), pageview_id=ancient)
    projected.append([record, glimpse(2)]).project()
    assert projected.rows("select distinct started_at from warehouse.pageview") == [(at(NOW),)]


def test_times_are_utc_whatever_the_zone_of_the_machine(
    projected: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    projected.append([glimpse(1, received_at=NOW)]).project()
    [(started,)] = projected.rows("select started_at from warehouse.pageview")
    assert started.replace(tzinfo=UTC).timestamp() * 1000 == NOW
