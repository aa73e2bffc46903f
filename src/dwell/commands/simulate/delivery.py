"""How a visit's facts travel: in which requests, how often, in what order."""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random

from dwell.commands.simulate.journeys import Fact, Pageview, Visit
from dwell.commands.simulate.pages import SITE

MOST_FACTS = 100
"""What a request holds at most; a hundred facts of the demo site stay well under 64 KiB."""

Carried = tuple[Pageview, Fact]
Request = tuple[Carried, ...]
Lane = list[Request]
"""Requests that are sent one after the other; lanes of a visit go side by side."""


def in_pieces(visit: Visit) -> list[Lane]:
    """One to three facts a request, as a browser sends them, one lane for each of its tabs.

    Now and then a tab was offline and its facts come together, requests overtake each other, or one
    arrives twice.
    """
    rng = Random(visit.session_id)  # noqa: S311
    return [_disturbed(rng, list(_flushes(rng, tab))) for tab in visit.tabs]


def in_bulk(visit: Visit) -> list[Lane]:
    """As many facts a request as it can hold, all tabs in one lane."""
    rng = Random(visit.session_id)  # noqa: S311
    carried = sorted(_carried(visit.pageviews), key=lambda one: one[1].occurred_at)
    if rng.random() < 0.05:
        rng.shuffle(carried)
    lane = [tuple(carried[at : at + MOST_FACTS]) for at in range(0, len(carried), MOST_FACTS)]
    if rng.random() < 0.02:
        lane.append(rng.choice(lane))
    return [lane]


Delivery = Callable[[Visit], list[Lane]]


def body_of(request: Request, now: int) -> bytes:
    """The request's body when it is sent at `now`, milliseconds since 1970.

    A fact whose moment is still to come, because a clock was set back, has no delay.
    """
    facts = ",".join(
        f'{{"type":"{"page.visibility_changed" if fact.seq else "page.viewed"}","version":1,'
        f'"pageview_id":"{pageview.pageview_id}","seq":{fact.seq},{_context(pageview)},'
        f'"visibility":"{fact.visibility}","engagement_ms":{fact.engagement_ms},'
        f'"age_ms":{fact.age_ms},"delay_ms":{max(now - fact.occurred_at, 0)}}}'
        for pageview, fact in request
    )
    return f'{{"facts":[{facts}]}}'.encode()


def _context(pageview: Pageview) -> str:
    previous = pageview.previous_pageview_id
    quoted = f'"{previous}"' if previous else "null"
    previous_seq = "null" if pageview.previous_seq is None else pageview.previous_seq
    return (
        f'"session_id":"{pageview.session_id}","view":"{pageview.page.view}",'
        f'"identity":{_IDENTITIES[pageview.page.path]},"previous_pageview_id":{quoted},'
        f'"previous_seq":{previous_seq},'
        f'"referrer":"{pageview.referrer}"'
    )


_IDENTITIES = {page.path: json.dumps(page.identity) for page in SITE.values()}


def _carried(pageviews: Iterable[Pageview]) -> Iterator[Carried]:
    for pageview in pageviews:
        for fact in pageview.facts:
            yield pageview, fact


def _flushes(rng: Random, tab: Iterable[Pageview]) -> Iterator[Request]:
    """What one tab sends: a request a moment, or later, what had gathered while it was offline."""
    waiting: list[Carried] = []
    offline = 0
    for one in _carried(tab):
        at_once = waiting and one[1].occurred_at == waiting[-1][1].occurred_at
        if waiting and not at_once and (offline <= 0 or len(waiting) == MOST_FACTS):
            yield tuple(waiting)
            waiting = []
            offline = rng.randrange(2, 12) if rng.random() < 0.03 else 0
        offline -= 1
        waiting.append(one)
    yield tuple(waiting)


def _disturbed(rng: Random, lane: Lane) -> Lane:
    for at in range(1, len(lane)):
        if rng.random() < 0.02:
            lane[at - 1], lane[at] = lane[at], lane[at - 1]
    again = [request for request in lane if rng.random() < 0.02]
    for request in again:
        lane.insert(rng.randrange(lane.index(request) + 1, len(lane) + 1), request)
    return lane
