import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from dwell.schemas.documents import FOLDER
from dwell.schemas.facts import MAX_MS, MAX_RECEIVED_AT, MAX_SEQ, VisitorForgotten
from dwell.schemas.records import (
    PageViewedRecord,
    VisibilityChangedRecord,
    VisitorForgottenRecord,
    read_record,
    record_of_forgotten,
    record_of_glimpse,
    rfc3339,
)
from dwell.schemas.refusals import Reason, Refusal
from dwell.schemas.wire import read_facts
from tests.support.wire import FACT, LATER, PAGEVIEW, SESSION, body

VISITOR = "6f1d3f0a-93a5-4c2e-8b6e-7c110a9c0153"
RECEIVED_AT = 1_795_416_600_123
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


def record(fact: dict[str, Any] = FACT, **received: Any) -> bytes:
    """The record of a fact as posted."""
    context: dict[str, Any] = {
        "visitor_id": VISITOR,
        "browser_agent": AGENT,
        "received_at": RECEIVED_AT,
    }
    return record_of_glimpse(read_facts(body(fact)).facts[0], **(context | received))


def changed(**attributes: Any) -> bytes:
    """A good record with some attributes changed, or left out where they are `...`."""
    event = json.loads(record()) | attributes
    return json.dumps({name: event[name] for name in event if event[name] is not ...}).encode()


def with_data(**fields: Any) -> bytes:
    """A good record with some fields of its data changed, or left out where they are `...`."""
    data = json.loads(record())["data"] | fields
    return changed(data={name: data[name] for name in data if data[name] is not ...})


def schema(type_: str) -> Draft202012Validator:
    """The committed schema of a record."""
    committed = json.loads((FOLDER / "json" / f"{type_}.json").read_text())
    Draft202012Validator.check_schema(committed)
    return Draft202012Validator(committed)


def test_a_record_is_a_cloud_event() -> None:
    assert json.loads(record(FACT | {"delay_ms": 123})) == {
        "specversion": "1.0",
        "id": f"{PAGEVIEW}:0",
        "source": "/dwell",
        "type": "dwell.page.viewed.v1",
        "time": "2026-11-23T06:50:00.000Z",
        "subject": PAGEVIEW,
        "dataschema": "urn:dwell:page.viewed:1",
        "data": {
            "pageview_id": PAGEVIEW,
            "seq": 0,
            "session_id": SESSION,
            "view": "dwell.site.pages.page_a.PageA",
            "identity": {"path": "/page_a", "title": "Page A"},
            "previous_pageview_id": None,
            "previous_seq": None,
            "referrer": "",
            "visibility": "visible",
            "engagement_ms": 0,
            "age_ms": 0,
            "delay_ms": 123,
            "visitor_id": VISITOR,
            "browser_agent": AGENT,
            "received_at": RECEIVED_AT,
        },
    }


def test_a_record_is_about_800_bytes() -> None:
    assert 600 < len(record()) < 850


def test_a_record_reads_back_as_what_was_written() -> None:
    viewed = read_record(record())
    assert isinstance(viewed, PageViewedRecord)
    assert viewed.data.identity == FACT["identity"]
    assert viewed.data.occurred_at == RECEIVED_AT - 4
    later = read_record(record(LATER | {"age_ms": 3000, "engagement_ms": 3000}))
    assert isinstance(later, VisibilityChangedRecord)
    assert later.data.started_at == RECEIVED_AT - 3004
    erased = record_of_forgotten(
        VisitorForgotten(visitor_id=VISITOR, received_at=RECEIVED_AT), id_=PAGEVIEW
    )
    gone = read_record(erased)
    assert isinstance(gone, VisitorForgottenRecord)
    assert (gone.id, gone.subject, gone.time) == (PAGEVIEW, VISITOR, "2026-11-23T06:50:00.123Z")
    assert gone.data == VisitorForgotten(visitor_id=VISITOR, received_at=RECEIVED_AT)


def test_an_agent_is_cut() -> None:
    long = read_record(record(browser_agent="a" * 2000))
    assert isinstance(long, PageViewedRecord)
    assert long.data.browser_agent == "a" * 512


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
IDENTITIES = st.dictionaries(
    TEXT,
    TEXT | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    max_size=5,
)


@given(
    st.fixed_dictionaries(
        {
            "seq": st.integers(1, MAX_SEQ),
            "view": TEXT.filter(bool),
            "identity": IDENTITIES,
            "referrer": TEXT,
            "previous_pageview_id": st.none() | st.just(PAGEVIEW.upper()),
            "previous_seq": st.none() | st.integers(0, MAX_SEQ),
            "visibility": st.sampled_from(["visible", "hidden"]),
            "engagement_ms": st.integers(0, MAX_MS),
            "age_ms": st.just(MAX_MS),
            "delay_ms": st.integers(0, MAX_MS),
        }
    ),
    TEXT,
    st.integers(0, MAX_RECEIVED_AT),
)
def test_every_record_validates_under_its_committed_schema(
    fields: dict[str, Any], agent: str, received_at: int
) -> None:
    value = record(LATER | fields, browser_agent=agent, received_at=received_at)
    event = json.loads(value)
    LATER_SCHEMA.validate(event)
    back = read_record(value)
    assert isinstance(back, VisibilityChangedRecord)
    assert back.model_dump(exclude={"datacontenttype"}) == event


LATER_SCHEMA = schema("dwell.page.visibility_changed.v1")


def test_the_other_records_validate_too() -> None:
    schema("dwell.page.viewed.v1").validate(json.loads(record()))
    forgotten = VisitorForgotten(visitor_id=VISITOR, received_at=0)
    schema("dwell.visitor.forgotten.v1").validate(
        json.loads(record_of_forgotten(forgotten, id_=PAGEVIEW))
    )
    assert not schema("dwell.page.viewed.v1").is_valid(json.loads(with_data(seq=1)))


@given(st.datetimes(datetime(1960, 1, 1), datetime(9999, 12, 31)))
def test_times_are_written_by_rfc_3339(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution * 1000)
    text = rfc3339(milliseconds)
    assert len(text) == len("2026-11-23T06:50:00.123Z")
    assert datetime.fromisoformat(text) == moment


def test_the_last_moment_that_can_be_told_is_bounded() -> None:
    assert rfc3339(MAX_RECEIVED_AT) == "9999-12-31T23:59:59.999Z"
    with pytest.raises(ValidationError):
        VisitorForgotten(visitor_id=VISITOR, received_at=MAX_RECEIVED_AT + 1)


@pytest.mark.parametrize(
    ("value", "reason", "pointer", "detail"),
    [
        (b"\xff\xfe", Reason.NOT_UTF8, "", "the record is not UTF-8: invalid start byte"),
        (b"", Reason.NOT_JSON, "", "the record is not JSON: EOF"),
        (b'{"a": NaN}', Reason.NOT_JSON, "", "the record is not JSON: expected value"),
        (b"[1]", Reason.NOT_AN_EVENT, "", "the record is [1]: expected a CloudEvents 1.0 object"),
        (changed(specversion="0.3"), Reason.NOT_AN_EVENT, "", "the record is {"),
        (changed(type=...), Reason.NOT_AN_EVENT, "", "the record is {"),
        (changed(type=5), Reason.NOT_AN_EVENT, "", "the record is {"),
        (changed(id=...), Reason.NOT_AN_EVENT, "/id", "id is missing: expected a string that"),
        (
            changed(id=""),
            Reason.NOT_AN_EVENT,
            "/id",
            'id is "": expected a string that is not empty',
        ),
        (changed(time=5), Reason.NOT_AN_EVENT, "/time", "time is 5: expected a string, when"),
        (changed(data=...), Reason.NOT_AN_EVENT, "/data", "data is missing: expected an object"),
        (
            changed(dataschema="urn:dwell:page.viewed:2"),
            Reason.NOT_AN_EVENT,
            "/dataschema",
            'dataschema is "urn:dwell:page.viewed:2": expected the URN',
        ),
        (
            changed(type="dwell.page.closed.v1"),
            Reason.UNKNOWN_TYPE,
            "",
            'type is "dwell.page.closed.v1": expected one of dwell.page.viewed',
        ),
        (
            changed(type="dwell.page.viewed.v2"),
            Reason.UNKNOWN_VERSION,
            "",
            'type is "dwell.page.viewed.v2": expected version 1 of dwell.page.viewed',
        ),
        (
            changed(data=[]),
            Reason.INVALID_FIELD,
            "/data",
            "the fact is []: expected a JSON object",
        ),
        (
            with_data(seq=1),
            Reason.INVALID_FIELD,
            "/data/seq",
            "seq is 1: expected 0 for page.viewed",
        ),
        (
            with_data(visitor_id=...),
            Reason.INVALID_FIELD,
            "/data/visitor_id",
            "visitor_id is missing: expected a UUID",
        ),
        (
            with_data(received_at=MAX_RECEIVED_AT + 1),
            Reason.INVALID_FIELD,
            "/data/received_at",
            "received_at is 253402300800000: expected an integer",
        ),
        (
            with_data(engagement_ms=1001),
            Reason.INVALID_FIELD,
            "/data/engagement_ms",
            "engagement_ms is 1001: expected at most age_ms + 1000, here 1000",
        ),
        (
            with_data(identity={"a": 2**64}),
            Reason.INVALID_FIELD,
            "/data/identity",
            'identity is {"a": 18446744073709551616}: expected integers',
        ),
    ],
)
def test_a_record_that_no_one_can_read_says_why(
    value: bytes, reason: Reason, pointer: str, detail: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read_record(value)
    assert (caught.value.reason, caught.value.pointer) == (reason, pointer)
    assert caught.value.detail.startswith(detail)


def test_what_is_wrong_with_the_envelope_does_not_hide_behind_the_data() -> None:
    event = json.loads(with_data(seq=1))
    del event["subject"]
    with pytest.raises(Refusal) as caught:
        read_record(json.dumps(event).encode())
    assert caught.value.detail.startswith("subject is missing")


def test_what_others_add_to_an_event_is_left_alone() -> None:
    event = json.loads(changed(traceparent="00-1-2-01", datacontenttype="application/json"))
    event["data"] |= {"country": "NZ"}
    assert isinstance(read_record(json.dumps(event).encode()), PageViewedRecord)


@given(st.binary())
def test_any_record_is_read_or_refused(value: bytes) -> None:
    with pytest.raises(Refusal):
        read_record(value)


@given(st.sampled_from(sorted(json.loads(record()))), st.none() | st.integers() | st.text())
def test_any_change_is_read_or_refused(name: str, value: Any) -> None:
    try:
        event = read_record(changed(**{name: value}))
    except Refusal:
        return
    assert getattr(event, name) == value
