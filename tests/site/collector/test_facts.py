"""Posting facts: what is kept, what is refused, and what the answer says."""

import json
from typing import Any

import pytest

from dwell.schemas.records import PageViewedRecord, read_record
from dwell.schemas.refusals import Reason
from dwell.site.collector.refusals import STATUS, TITLES, Cause
from tests.site.collector.ending import end_visitor
from tests.support.collecting import NOW, PAGEVIEW, SESSION, Site, fact


def test_good_facts_are_kept_in_their_order_and_answered_204(site: Site) -> None:
    answer = site.post(fact(), fact(1), fact(2))

    assert answer.status == 204
    assert answer.body == b""
    assert [event["data"]["seq"] for event in site.events] == [0, 1, 2]
    assert site.dwell.collector.counts.accepted == 3


def test_a_record_says_who_saw_it_with_what_and_when(site: Site) -> None:
    site.post(fact(delay_ms=1234), user_agent="Lynx/2.8")

    [record] = site.kept
    read = read_record(record.value)
    assert isinstance(read, PageViewedRecord)
    assert read.data.visitor_id == SESSION
    assert record.key == SESSION.encode()
    assert read.data.browser_agent == "Lynx/2.8"
    assert (read.data.received_at, record.timestamp) == (NOW, NOW)
    assert read.data.occurred_at == NOW - 1234
    assert read.id == f"{PAGEVIEW}:0"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"x" * 600, "x" * 512),
        ("Bröwser ☃".encode(), "Bröwser ☃".encode().decode("latin-1")),
        (b"\xff\xfe\x80", "\xff\xfe\x80"),
        (None, ""),
    ],
)
def test_any_user_agent_becomes_text_of_bounded_length(
    site: Site, sent: bytes | None, kept: str
) -> None:
    body = json.dumps({"facts": [fact()]}).encode()
    agent = b"" if sent is None else b"User-Agent: " + sent + b"\r\n"

    answer = site.send_raw(head(body, agent), body)

    assert answer.startswith(b"HTTP/1.1 204")
    assert site.events[0]["data"]["browser_agent"] == kept
    read_record(site.kept[0].value)


@pytest.mark.parametrize(
    "sent", ["application/json", "text/plain;charset=UTF-8", "Text/Plain; a=b"]
)
def test_json_and_plain_text_are_read(site: Site, sent: str) -> None:
    assert site.post(fact(), content_type=sent).status == 204


@pytest.mark.parametrize(
    "sent", ["application/x-www-form-urlencoded", "text/html", "text/plainer", ""]
)
def test_other_content_types_are_answered_415(site: Site, sent: str) -> None:
    answer = site.post(fact(), content_type=sent)

    assert answer.status == 415
    assert "application/json or text/plain" in answer.problem["detail"]
    assert site.kept == []


def test_a_missing_content_type_is_answered_415(site: Site) -> None:
    body = json.dumps({"facts": [fact()]}).encode()

    assert site.ask("POST", "/dwell/facts", body).status == 415


@pytest.mark.parametrize("sent", ["gzip", "br", "identity", ""])
def test_any_content_encoding_is_answered_415(site: Site, sent: str) -> None:
    answer = site.post(fact(), content_encoding=sent)

    assert answer.status == 415
    assert answer.problem["type"] == "urn:dwell:problem:content_encoding"
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b"null", ""),
        (b"[]", ""),
        (b"{}", "/facts"),
        (b'{"facts": []}', "/facts"),
        (b'{"facts": {}}', "/facts"),
    ],
)
def test_a_body_without_facts_is_answered_400(site: Site, body: bytes, pointer: str) -> None:
    answer = site.post(body=body)

    assert answer.status == 400
    assert answer.pointers == [pointer]
    assert "set-cookie" not in answer.headers
    assert site.kept == []


@pytest.mark.parametrize(
    ("wrong", "pointer", "said"),
    [
        (fact(engagement_ms="5"), "engagement_ms", '"5": expected an integer from 0'),
        (fact(engagement_ms=1.0), "engagement_ms", "1.0"),
        (fact(age_ms=True), "age_ms", "true"),
        (fact(delay_ms=-1), "delay_ms", "-1"),
        (fact(age_ms=34_560_000_001), "age_ms", "34560000001"),
        (fact(engagement_ms=2000), "engagement_ms", "at most age_ms + 1000"),
        (fact(seq=1_000_001, age_ms=10, engagement_ms=10), "seq", "1000001"),
        (fact(pageview_id=SESSION.replace("-", "")), "pageview_id", "a version 7 UUID"),
        (fact(session_id="0193a5c2-7b6a-4d20-9a41-5b8a3e6d7f02"), "session_id", "a version 7 UUID"),
        (fact(type="visitor.forgotten"), "type", '"visitor.forgotten": expected page.viewed or'),
        (fact(type="page.left"), "type", '"page.left"'),
        (fact(version=2), "version", "2: expected 1"),
        (fact(view=""), "view", "1 to 200 characters"),
        (fact(view=...), "view", "view is missing"),
        (fact(visibility="prerender"), "visibility", "visible or hidden"),
        (fact(identity=[]), "identity", "a JSON object"),
        (fact(identity={"title": "x" * 2048}), "identity", "2048 bytes"),
        (fact(referrer="x" * 2049), "referrer", "2048 characters"),
        (17, "", "17: expected a JSON object"),
    ],
)
def test_a_wrong_fact_is_answered_400_and_takes_no_other_with_it(
    site: Site, wrong: Any, pointer: str, said: str
) -> None:
    answer = site.post(fact(), fact(1), fact(2), wrong, fact(4))

    assert answer.status == 400
    assert answer.pointers == ["/facts/3" + (pointer and f"/{pointer}")]
    assert said in answer.problem["errors"][0]["detail"]
    assert answer.problem["accepted"] == 4
    assert [event["data"]["seq"] for event in site.events] == [0, 1, 2, 4]
    assert answer.headers["set-cookie"].startswith(f"dwell_visitor={SESSION};")


def test_a_400_that_kept_nothing_sets_no_cookie(site: Site) -> None:
    answer = site.post(fact(view=""), fact(seq=-1))

    assert answer.status == 400
    assert answer.problem["accepted"] == 0
    assert "set-cookie" not in answer.headers


def test_100_facts_are_taken_and_101_are_answered_413(site: Site) -> None:
    small = [
        fact(seq, identity={}, view="v", previous_pageview_id=..., referrer=...)
        for seq in range(101)
    ]

    assert site.post(*small[:100]).status == 204
    answer = site.post(*small)

    assert answer.status == 413
    assert answer.pointers == ["/facts"]
    assert len(site.kept) == 100


@pytest.mark.parametrize("signal", [{"Sec-GPC": "1"}, {"DNT": "1"}])
def test_who_opted_out_is_answered_204_and_leaves_no_trace(
    site: Site, signal: dict[str, str]
) -> None:
    answer = site.post(fact(), headers=signal)

    assert (answer.status, answer.body) == (204, b"")
    assert "set-cookie" not in answer.headers
    assert site.kept == []
    assert site.dwell.collector.counts.refused == {Cause.OPTED_OUT: 1}


@pytest.mark.parametrize("signal", [{"Sec-GPC": "0"}, {"DNT": "0"}, {"DNT": "unspecified"}])
def test_who_did_not_opt_out_is_kept(site: Site, signal: dict[str, str]) -> None:
    site.post(fact(), headers=signal)

    assert len(site.kept) == 1


def test_refusals_are_counted_by_their_reason(site: Site) -> None:
    site.post(fact(), fact(view="", age_ms=-1), fact(type="x"), fact(version=2))
    site.post(body=b"{")
    site.post(fact(), content_type="image/png")
    site.ask("GET", "/dwell/facts")
    site.ask("GET", "/dwell/nothing")

    counts = site.dwell.collector.counts
    assert counts.accepted == 1
    assert counts.refused == {
        Reason.INVALID_FIELD: 1,
        Reason.UNKNOWN_TYPE: 1,
        Reason.UNKNOWN_VERSION: 1,
        Reason.NOT_JSON: 1,
        Cause.CONTENT_TYPE: 1,
        Cause.METHOD: 1,
        Cause.NOT_FOUND: 1,
    }


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/dwell/facts", "POST, OPTIONS"),
        ("HEAD", "/dwell/facts", "POST, OPTIONS"),
        ("DELETE", "/dwell/facts", "POST, OPTIONS"),
        ("PUT", "/dwell/visitor", "DELETE, POST, OPTIONS"),
        ("POST", "/dwell/beacon.js", "GET, HEAD"),
        ("DELETE", "/dwell/beacon.0123456789ab.js", "GET, HEAD"),
    ],
)
def test_another_method_is_answered_405(site: Site, method: str, path: str, allow: str) -> None:
    answer = site.ask(method, path)

    assert answer.status == 405
    assert answer.headers["allow"] == allow
    if method != "HEAD":
        assert method in answer.problem["detail"]


@pytest.mark.parametrize(
    "path", ["/dwell/", "/dwell/facts/", "/dwell/FACTS", "/dwell/%22%3Cscript%3E%00", "/dwell/a.js"]
)
def test_nothing_else_is_served(site: Site, path: str) -> None:
    answer = site.ask("GET", path)

    assert answer.status == 404
    assert answer.problem["title"] == TITLES[Cause.NOT_FOUND]
    assert answer.problem["detail"].startswith('the path is "/dwell/')


def test_the_script_is_served_under_its_stable_name_and_its_own(site: Site) -> None:
    stable = site.ask("GET", "/dwell/beacon.js")
    hashed = site.ask("GET", site.dwell.script_url)

    assert (stable.status, hashed.status) == (200, 200)
    assert stable.body == hashed.body != b""
    assert "immutable" in hashed.headers["cache-control"]


def test_no_answer_may_be_cached_or_taken_for_something_else(site: Site) -> None:
    for answer in (site.post(fact()), site.post(body=b"{"), end_visitor(site)[0]):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_echoed_is_encoded(site: Site) -> None:
    answer = site.post(fact(view=["</script>\x00\ud800"]))

    assert answer.status == 400
    assert answer.body.isascii()


def test_each_refusal_has_a_status_and_a_title() -> None:
    from_requests = set(Cause) - {Cause.DISCONNECTED}
    from_facts = set(Reason) - {Reason.NOT_UTF8, Reason.NOT_AN_EVENT}

    assert set(STATUS) == from_requests | from_facts
    assert set(TITLES) == set(STATUS) - {Cause.OPTED_OUT}


def head(body: bytes, *lines: bytes) -> bytes:
    """The head of a request that asks to close the connection."""
    return (
        b"POST /dwell/facts HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        b"Content-Type: text/plain\r\nContent-Length: %d\r\n" % len(body)
    ) + b"".join((*lines, b"\r\n"))
