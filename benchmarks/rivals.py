"""Trackers, each set up for the best measure of time that its documentation offers, and their protocols.

None of them is at fault where it differs from Dwell: each aims at something else, and says so.
"""

import gzip
import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]
Seconds = list[float | None]
"""For each pageview that a tracker told of, in their order; None where it told no time."""


@dataclass(frozen=True)
class Tracker:
    """A tracker.

    Attributes:
        package: on npm; none for Dwell.
        aim: what its seconds are meant to be, in a few words.
        source: the module that a page runs, which reports to `/collect`.
        read: what the bodies of its requests, in the order of their arrival, say; none: it measures
            no time.
    """

    name: str
    package: str
    aim: str
    source: str
    read: Callable[[Sequence[bytes]], Seconds] | None


def dwell(bodies: Sequence[bytes]) -> Seconds:
    """The greatest total that a fact of each pageview states."""
    seen: dict[str, float] = {}
    for fact in (fact for body in bodies for fact in json.loads(body)["facts"]):
        known = seen.get(fact["pageview_id"], 0)
        seen[fact["pageview_id"]] = max(known, fact["engagement_ms"] / 1000)
    return [seen[each] for each in sorted(seen)]


def plausible(bodies: Sequence[bytes]) -> Seconds:
    """Engagement is told in pieces, each for the latest pageview of its address."""
    seen: list[tuple[str, list[float]]] = []
    for event in map(json.loads, bodies):
        if event["n"] == "pageview":
            seen.append((event["u"], []))
        elif event["n"] == "engagement":
            mine = [pieces for url, pieces in seen if url == event["u"]]
            mine[-1].append(event["e"] / 1000)
    return [sum(pieces) if pieces else None for _, pieces in seen]


def posthog(bodies: Sequence[bytes]) -> Seconds:
    """The event after a pageview, `$pageleave` or the next one, says how long it lasted."""
    events = [event for body in bodies for event in _posthog_events(body)]
    seen: dict[str, float | None] = {}
    for event in events:
        told = event["properties"]
        if event["event"] == "$pageview":
            seen.setdefault(told["$pageview_id"], None)
        before = told.get("$prev_pageview_id")
        if before in seen:
            seen[before] = max(seen[before] or 0, told["$prev_pageview_duration"])
    return list(seen.values())


def _posthog_events(body: bytes) -> list[Json]:
    """What a request holds: JSON, compressed JSON, or a form with JSON in base 64."""
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    if body.startswith(b"data="):
        body = b64decode(parse_qs(body.decode())["data"][0])
    told = json.loads(body)
    if isinstance(told, dict):
        told = told.get("batch", [told])
    return [event for event in told if "event" in event]


HEARTBEAT = 5
"""Seconds between Snowplow's pings, and before the first one: half of its usual ten."""


def snowplow(bodies: Sequence[bytes]) -> Seconds:
    """As its own data model counts: each span of a heartbeat with a ping in it is engaged time, and
    the first one stands for the minimum visit. No ping is no time."""
    spans: dict[str, set[int]] = {}
    for event in (event for body in bodies for event in json.loads(body)["data"]):
        mine = spans.setdefault(_snowplow_pageview(event), set())
        if event["e"] == "pp":
            mine.add(int(event["dtm"]) // 1000 // HEARTBEAT)
    return [HEARTBEAT * (len(mine) - 1) + HEARTBEAT if mine else 0.0 for mine in spans.values()]


def _snowplow_pageview(event: Json) -> str:
    for context in json.loads(event["co"])["data"]:
        if "/web_page/" in context["schema"]:
            page: str = context["data"]["id"]
            return page
    raise ValueError(f"an event of Snowplow names no page view: {event}")


def timeme(bodies: Sequence[bytes]) -> Seconds:
    """One report for each page that was left."""
    return [float(body) for body in bodies]


MOVES = "navigation.addEventListener('currententrychange', ({navigationType}) => navigationType == 'push' || navigationType == 'traverse' ? moved() : 0);"
"""Calls `moved` when page C is switched: two of the trackers leave that to the application."""

DWELL = Tracker("Dwell", "", "seconds in view", "", dwell)
RIVALS = (
    Tracker(
        "Plausible",
        "@plausible-analytics/tracker",
        "seconds in view and in focus",
        """
        import { init } from "@plausible-analytics/tracker";
        init({ domain: "example.org", endpoint: "/collect", captureOnLocalhost: true });
        """,
        plausible,
    ),
    Tracker(
        "PostHog",
        "posthog-js",
        "from the pageview to its leaving",
        """
        import posthog from "posthog-js";
        posthog.init("phc_benchmark", {
          api_host: location.origin + "/collect", defaults: "2025-05-24",
          capture_pageleave: true, opt_out_useragent_filter: true,
          advanced_disable_flags: true, disable_session_recording: true, disable_surveys: true,
          disable_external_dependency_loading: true,
        });
        """,
        posthog,
    ),
    Tracker(
        "Snowplow",
        "@snowplow/browser-tracker",
        f"spans of {HEARTBEAT} s with activity",
        f"""
        import {{ newTracker, enableActivityTracking, trackPageView }} from "@snowplow/browser-tracker";
        newTracker("sp", location.origin, {{ appId: "benchmark", postPath: "/collect" }});
        enableActivityTracking({{ minimumVisitLength: {HEARTBEAT}, heartbeatDelay: {HEARTBEAT} }});
        const moved = () => setTimeout(trackPageView);
        trackPageView();
        {MOVES}
        """,
        snowplow,
    ),
    Tracker(
        "TimeMe",
        "timeme.js",
        "seconds in view, in focus, not idle",
        f"""
        import TimeMe from "timeme.js";
        TimeMe.initialize({{ currentPageName: location.pathname, idleTimeoutInSeconds: 30 }});
        const report = () => {{
          const page = TimeMe.currentPageName;
          navigator.sendBeacon("/collect", String(TimeMe.getTimeOnCurrentPageInSeconds() || 0));
          TimeMe.resetRecordedPageTime(page);
        }};
        const moved = () => {{
          TimeMe.stopTimer(); report();
          TimeMe.setCurrentPageName(location.pathname); TimeMe.startTimer();
        }};
        addEventListener("pagehide", report);
        {MOVES}
        """,
        timeme,
    ),
)
WEB_VITALS = Tracker(
    "web-vitals",
    "web-vitals",
    "loading and response, no time",
    """
    import { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
    const report = (metric) => navigator.sendBeacon("/collect", JSON.stringify(metric));
    [onCLS, onFCP, onINP, onLCP, onTTFB].map((on) => on(report));
    """,
    None,
)
