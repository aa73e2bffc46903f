"""Endless traffic for the benchmarks: facts as the collector writes them, any stretch at once.

Every fact follows from its offset by arithmetic, so nothing is kept in memory, any stretch of the
log can be made alone, and `traffic.sql` can say in SQL what the projection must make of it. Each
pageview has five facts over up to 81 seconds, in between those of thousands of others; each session
three pageviews, some 45 seconds apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import md5
from itertools import islice, takewhile

from dwell.events.log import Batch
from dwell.schemas.facts import PageViewed, VisibilityChanged
from dwell.schemas.records import record_of_glimpse

BEGAN = 1_764_000_000_000
"""When the first fact was received, in milliseconds since 1970."""
FACTS = 5
"""Facts a pageview: a first view, three checkpoints and the end."""
AGES = ((0, 0), (4, 1), (9, 1), (19, 1), (21, 30))
"""For each fact of a pageview, the least age in seconds, and half of how much it may be more."""
MULTIPLIER = 7919
"""A prime: facts of a stretch come in the order of its multiples."""
PAGEVIEWS_APART = 45
"""Seconds between the pageviews of a session."""
SKEWED = 200
"""One in so many browsers has a wrong clock, off by up to five years."""
FIVE_YEARS = 157_680_000_000

VIEWS = ("home.Home", "news.Article", "news.Index", "shop.Product", "shop.Basket", "about.Us")
AGENTS = tuple(
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{100 + number}.0.0.0 Safari/537.36"
    for number in range(97)
)


@dataclass(frozen=True)
class Traffic:
    """The facts of a site.

    Attributes:
        pageviews_per_second: how many begin in each second of the site's own time. It decides how
            many pageviews are in flight, so how far apart in the tables the rows lie that a batch
            changes.
        skewed: whether one in SKEWED browsers has a wrong clock.
    """

    pageviews_per_second: int
    skewed: bool = True

    def batches(self, first: int, facts: int, size: int = 20_000) -> Iterator[Batch]:
        """So many facts in batches of `size`, from the offset `first` on; made as they are asked for."""
        offsets = self._offsets(first)
        for begin in range(0, facts, size):
            yield self.batch(list(islice(offsets, min(size, facts - begin))))

    def until(self, end: int, size: int) -> Iterator[Batch]:
        """All facts before the offset `end`, in batches of `size`."""
        offsets = takewhile(lambda offset: offset < end, self._offsets(0))
        while several := list(islice(offsets, size)):
            yield self.batch(several)

    def batch(self, offsets: list[int]) -> Batch:
        """The records at these offsets of partition 0."""
        made = [self._record(offset) for offset in offsets]
        return Batch(
            partition=0,
            offsets=offsets,
            timestamps=[received_at for received_at, _, _ in made],
            keys=[key for _, key, _ in made],
            values=[value for _, _, value in made],
        )

    def offset_after(self, pageviews: int) -> int:
        """The offset at which the log ends when so many pageviews have begun."""
        return pageviews * FACTS

    @cached_property
    def windows(self) -> tuple[tuple[int, int, int, int], ...]:
        """For each fact of a pageview: least delay, window, multiplier and its inverse, in pageviews."""
        found = []
        for least, half in AGES:
            window = max(1, half * self.pageviews_per_second)
            found.append(
                (
                    least * self.pageviews_per_second,
                    window,
                    MULTIPLIER % window,
                    pow(MULTIPLIER, -1, window) if window > 1 else 0,
                )
            )
        return tuple(found)

    @property
    def apart(self) -> int:
        """How many pageviews begin in each third of the site between two of one session."""
        return PAGEVIEWS_APART * self.pageviews_per_second // 3

    def received_at(self, tick: int) -> int:
        """When the facts of a tick are received, in milliseconds since 1970."""
        return BEGAN + tick * 1000 // self.pageviews_per_second

    def tick(self, pageview: int, seq: int) -> int:
        """When a fact comes: one tick a pageview that begins."""
        least, window, multiplier, _ = self.windows[seq]
        stretch, place = divmod(pageview, window)
        wait = window if seq else 0
        return least + wait + stretch * window + place * multiplier % window

    def pageview(self, tick: int, seq: int) -> int:
        """Which pageview's fact comes then; negative: none."""
        least, window, _, inverse = self.windows[seq]
        wait = window if seq else 0
        stretch, place = divmod(tick - least - wait, window)
        return stretch * window + place * inverse % window

    def session(self, pageview: int) -> int:
        """The session that a pageview belongs to."""
        place, third = divmod(pageview, 3)
        visit, rest = divmod(place + third * self.apart, 3 * self.apart)
        return (visit * self.apart + rest % self.apart) * 3 + third

    def _first_pageview(self, session: int) -> int:
        """The first pageview of a session; negative for some of those that began before the first fact."""
        place, third = divmod(session, 3)
        visit, rest = divmod(place, self.apart)
        return ((3 * visit - third) * self.apart + rest) * 3 + third

    def previous(self, pageview: int) -> int | None:
        """The pageview before it in the same session."""
        place, third = divmod(pageview, 3)
        return (
            pageview - 3 * self.apart
            if place >= self.apart and (place + third * self.apart) % (3 * self.apart) >= self.apart
            else None
        )

    def _offsets(self, offset: int) -> Iterator[int]:
        while True:
            if self.pageview(*divmod(offset, FACTS)) >= 0:
                yield offset
            offset += 1

    def _record(self, offset: int) -> tuple[int, bytes, bytes]:
        tick, seq = divmod(offset, FACTS)
        number = self.pageview(tick, seq)
        received_at, delay = self.received_at(tick), _delay(seq)
        began = self.received_at(number) - _delay(0)
        session_id, visitor_id, agent, clock = self._session(self.session(number))
        page = int(_hash("page", number)[18:24], 16)
        age = received_at - delay - began
        previous = self.previous(number)
        fact = (VisibilityChanged if seq else PageViewed).model_construct(
            type="page.visibility_changed" if seq else "page.viewed",
            version=1,
            pageview_id=self._pageview_id(number, clock),
            seq=seq,
            session_id=session_id,
            view=f"dwell.site.pages.{VIEWS[page % len(VIEWS)]}",
            identity={
                "path": f"/{page % 5000}/read-all-about-it",
                "title": f"All about {page % 5000}",
            },
            previous_pageview_id=None if previous is None else self._pageview_id(previous, clock),
            previous_seq=None if previous is None else FACTS - 1,
            referrer=f"https://search.example/{page % 100}" if previous is None else "",
            visibility="hidden" if seq == FACTS - 1 else "visible",
            engagement_ms=age - age // 10,
            age_ms=age,
            delay_ms=delay,
        )
        value = record_of_glimpse(
            fact, visitor_id=visitor_id, browser_agent=agent, received_at=received_at
        )
        return received_at, visitor_id.encode(), value

    def _pageview_id(self, number: int, clock: int) -> str:
        return _uuid7(self.received_at(number) + clock, _hash("pageview", number))

    def _session(self, number: int) -> tuple[str, str, str, int]:
        """The session's id, its visitor, their agent, and how far their clock is off."""
        text = _hash("session", number)
        chance = int(text[18:26], 16)
        clock = (
            int(text[24:32], 16) * 1000 % (2 * FIVE_YEARS) - FIVE_YEARS
            if self.skewed and chance % SKEWED == 0
            else 0
        )
        began = self.received_at(max(0, self._first_pageview(number)))
        visitor = _hash("visitor", number)
        return (
            _uuid7(began + clock, text),
            _uuid7(began + clock - int(visitor[24:32], 16), visitor),
            AGENTS[chance % len(AGENTS)],
            clock,
        )


@lru_cache(1 << 14)
def _hash(kind: str, number: int) -> str:
    return md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest()


def _uuid7(milliseconds: int, text: str) -> str:
    stamp = f"{milliseconds:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{text[:3]}-8{text[3:6]}-{text[6:18]}"


def _delay(seq: int) -> int:
    return 4 + 3 * seq
