"""What each tracker's requests say, on requests as they send them."""

import gzip
import json
from base64 import b64encode
from urllib.parse import quote

from benchmarks.rivals import dwell, plausible, posthog, snowplow, timeme


def of(*told: object) -> list[bytes]:
    """Each as a request's body."""
    return [json.dumps(each).encode() for each in told]


def test_dwell_states_totals_that_may_come_twice_and_in_any_order() -> None:
    def fact(pageview: str, milliseconds: int) -> dict[str, object]:
        return {"pageview_id": pageview, "engagement_ms": milliseconds}

    late = {"facts": [fact("1", 0), fact("2", 2000)]}
    assert dwell(of({"facts": [fact("1", 5000)]}, late, late)) == [5, 2]
    assert dwell([]) == []


def test_plausible_tells_pieces_of_the_latest_pageview_of_an_address() -> None:
    def engagement(url: str, milliseconds: int) -> dict[str, object]:
        return {"n": "engagement", "u": url, "e": milliseconds}

    a, b = {"n": "pageview", "u": "/a"}, {"n": "pageview", "u": "/b"}
    told = of(a, engagement("/a", 3000), engagement("/a", 2000), b, a, engagement("/a", 1000))
    assert plausible(told) == [5, None, 1]


def test_posthog_tells_of_a_pageview_with_the_event_after_it() -> None:
    def event(name: str, **properties: object) -> dict[str, object]:
        return {
            "event": name,
            "properties": {f"${key}": value for key, value in properties.items()},
        }

    first = event("$pageview", pageview_id="1")
    second = event("$pageview", pageview_id="2", prev_pageview_id="1", prev_pageview_duration=3.5)
    leave = event("$pageleave", pageview_id="2", prev_pageview_id="2", prev_pageview_duration=4)
    [plain] = of([first])
    packed = gzip.compress(json.dumps({"batch": [second]}).encode())
    form = f"data={quote(b64encode(json.dumps(leave).encode()).decode())}".encode()
    assert posthog([plain, packed, form]) == [3.5, 4]
    assert posthog([plain]) == [None]


def test_snowplow_counts_spans_with_a_ping() -> None:
    def event(kind: str, seconds: float) -> dict[str, object]:
        page = {"schema": "iglu:com.snowplowanalytics.snowplow/web_page/x", "data": {"id": "1"}}
        return {"e": kind, "dtm": str(int(1000 * seconds)), "co": json.dumps({"data": [page]})}

    assert snowplow(of({"data": [event("pv", 0)]})) == [0]
    pings = [event("pp", 5), event("pp", 10), event("pp", 10.1), event("pp", 35)]
    assert snowplow(of({"data": [event("pv", 0)]}, {"data": pings})) == [15]


def test_timeme_is_asked_once_a_page() -> None:
    assert timeme([b"4.25", b"1"]) == [4.25, 1]
