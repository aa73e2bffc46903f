"""The facts of simulated visits, as the collector would have stored them at once."""

from collections.abc import Iterable, Iterator

from dwell.commands.simulate.journeys import Fact, Pageview, Visit
from dwell.schemas.facts import PageViewed, VisibilityChanged
from dwell.schemas.records import record_of_glimpse
from tests.support.facts import Stored


def stored(visits: Iterable[Visit]) -> Iterator[Stored]:
    """Each fact received in the moment in which it occurred."""
    for visit in visits:
        for pageview in visit.pageviews:
            for fact in pageview.facts:
                yield _stored(visit, pageview, fact)


def _stored(visit: Visit, pageview: Pageview, fact: Fact) -> Stored:
    fields = {
        "pageview_id": pageview.pageview_id,
        "seq": fact.seq,
        "session_id": visit.session_id,
        "view": pageview.page.view,
        "identity": pageview.page.identity,
        "previous_pageview_id": pageview.previous_pageview_id,
        "previous_seq": pageview.previous_seq,
        "referrer": pageview.referrer,
        "visibility": fact.visibility,
        "engagement_ms": fact.engagement_ms,
        "age_ms": fact.age_ms,
        "delay_ms": 0,
    }
    stated: PageViewed | VisibilityChanged = (
        VisibilityChanged.model_validate(fields | {"type": "page.visibility_changed"})
        if fact.seq
        else PageViewed.model_validate(fields | {"type": "page.viewed"})
    )
    value = record_of_glimpse(
        stated,
        visitor_id=visit.visitor_id,
        browser_agent=visit.agent,
        received_at=fact.occurred_at,
    )
    return Stored(value, fact.occurred_at, visit.visitor_id.encode())
