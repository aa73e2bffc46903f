"""Hostile bodies and headers: never a 5xx, and good facts among bad ones are all kept."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwell.schemas.records import read_record
from tests.support.collecting import Site, collecting, distinct, fact, read_answer

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONG = settings(QUICK, max_examples=20_000)

FIELDS = list(fact())


def without(name: str) -> dict[str, Any]:
    """A fact that lacks a field."""
    return {field: value for field, value in fact().items() if field != name}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60, max_value=2**70)
    | st.floats()
    | st.text()
    | st.sampled_from(["\x00", "\ud800", "page.viewed", "visitor.forgotten", "visible", 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
broken_facts = st.builds(
    lambda name, value: fact() | {name: value}, st.sampled_from(FIELDS), values
) | st.builds(without, st.sampled_from(FIELDS))
PIECES = [
    *b'{ } [ ] "facts" {"facts": : , NaN 1e999 "\\ud800" \xff \x00'.split(),
    *(b"[" * 5000, b"9" * 5000, json.dumps(fact()).encode()),
]
fragments = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12).map(b"".join)
CONTROLS = bytes([*range(32), 127])
"""Bytes that no HTTP server lets into a header."""
headers = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "Cookie",
            "User-Agent",
            "Origin",
            "Sec-Fetch-Site",
            "X-Forwarded-For",
            "DNT",
        ]
    ),
    st.binary(max_size=60).map(lambda value: value.translate(None, CONTROLS).decode("latin-1")),
)


class Sender:
    """Posts on one connection that is kept alive."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._connection = HTTPConnection("127.0.0.1", site.port, timeout=20)

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> int:
        """The status of the answer; whatever was kept before is gone."""
        self.site.forget()
        head = {"Content-Type": "text/plain"} | (headers or {})
        self._connection.request("POST", "/dwell/facts", body, head)
        answer = read_answer(self._connection.getresponse())
        if answer.status not in (204, 400):
            assert answer.problem
        for record in self.site.kept:
            read_record(record.value)
        return answer.status

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    with collecting(trusted_proxies="127.0.0.1", rate_limit=0) as site:
        sender = Sender(site)
        yield sender
        sender.close()


def refuses_bytes(sender: Sender, body: bytes) -> None:
    assert sender.post(body) in (204, 400, 413)


def keeps_the_good_ones(sender: Sender, chosen: list[Any]) -> None:
    facts = [distinct(place) if one is None else one for place, one in enumerate(chosen)]
    good = {distinct(place)["pageview_id"] for place, one in enumerate(chosen) if one is None}

    status = sender.post(json.dumps({"facts": facts}).encode())

    kept = {event["data"]["pageview_id"] for event in sender.site.events}
    assert status in (204, 400)
    assert good <= kept
    assert len(sender.site.kept) == sender.site.dwell.collector.counts.accepted


def survives_headers(sender: Sender, headers: dict[str, str]) -> None:
    body = json.dumps({"facts": [fact()]}).encode()

    assert sender.post(body, headers) in (204, 403, 415)


def tried(holds: Any, inputs: Any, sender: Sender, how: settings) -> None:
    """Try whether it holds for many inputs."""

    @how
    @given(inputs)
    def attempt(value: Any) -> None:
        holds(sender, value)

    attempt()


PROPERTIES = [
    (refuses_bytes, fragments | st.binary(max_size=2000)),
    (refuses_bytes, values.map(lambda value: json.dumps(value).encode())),
    (refuses_bytes, values.map(lambda value: json.dumps({"facts": value}).encode())),
    (keeps_the_good_ones, st.lists(st.none() | broken_facts | values, min_size=1, max_size=12)),
    (survives_headers, headers),
]
NAMES = ["bytes", "json", "facts", "good_among_bad", "headers"]


@pytest.mark.parametrize(("holds", "inputs"), PROPERTIES, ids=NAMES)
def test_nothing_hostile_is_more_than_refused(sender: Sender, holds: Any, inputs: Any) -> None:
    tried(holds, inputs, sender, QUICK)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("holds", "inputs"), PROPERTIES, ids=NAMES)
def test_100_000_hostile_requests_are_no_more_than_refused(
    sender: Sender, holds: Any, inputs: Any
) -> None:
    tried(holds, inputs, sender, LONG)
