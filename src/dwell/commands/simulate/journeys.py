"""Visits to the demo site, and the facts that a browser states about them.

All of it is pure: the same seed and the same span give the same visits, to the last id.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from math import log
from random import Random
from typing import Literal

from dwell.commands.simulate.pages import ENTRIES, REFERRERS, SITE, Page
from dwell.commands.simulate.people import HOUR, Person, Rhythm, person

Visibility = Literal["visible", "hidden"]
Stretch = tuple[bool, int]
"""Whether the page could be seen, and for how many milliseconds."""

PERSON_BITS = 28
"""How many people there can be; 36 bits are left for the milliseconds of 400 days."""
AWAY = 120_000, 1_680_000
"""Milliseconds, from so many to so many, that someone is away who comes back within the session."""
LONGEST_PATH = 12
LONGEST_TAB = 2 * HOUR
"""A tab that has been open this long opens no further page."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One moment of a pageview, as its browser states it.

    Attributes:
        occurred_at: milliseconds since 1970, by a right clock.
        engagement_ms: visible since the pageview began.
        age_ms: since the pageview began.
    """

    seq: int
    occurred_at: int
    visibility: Visibility
    engagement_ms: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Pageview:
    """One look at a page.

    Attributes:
        previous_seq: of the latest fact that the pageview before it in the tab made.
        started_at: milliseconds since 1970, by a right clock; the time in the id may be a wrong one.
        stretches: what was really seen: alternately visible and hidden, visible first.
        facts: those that leave the browser, by `seq`; a gap is a fact that the browser lost. The
            first and the last are never lost.
        in_place: it began by a switch of tabs, without a load.
    """

    pageview_id: str
    session_id: str
    page: Page
    previous_pageview_id: str | None
    previous_seq: int | None
    referrer: str
    started_at: int
    stretches: tuple[Stretch, ...]
    facts: tuple[Fact, ...]
    in_place: bool

    @property
    def engagement_ms(self) -> int:
        """What its row must come out as: the visible stretches, added up."""
        return sum(length for visible, length in self.stretches if visible)


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser session.

    Attributes:
        person: which of the simulated people.
        visitor_id: what the collector must come to call the visitor.
        returns: the person comes again and brings the visitor's cookie.
        tabs: the pageviews of each browser tab, in their order; tabs are open side by side.
    """

    person: int
    visitor_id: str
    session_id: str
    agent: str
    returns: bool
    tabs: tuple[tuple[Pageview, ...], ...]

    @property
    def pageviews(self) -> Iterator[Pageview]:
        """The pageviews of all tabs."""
        return chain.from_iterable(self.tabs)


class Visits:
    """The visits of so many people that end between two moments, in the order of their ends.

    Can be gone through again and again, each time the same. Costs some 10 bytes of memory a visit.
    """

    def __init__(
        self,
        *,
        seed: int,
        visitors: int,
        since: int,
        until: int,
        timezone: str = "UTC",
        origin: str = "http://127.0.0.1:8000",
    ) -> None:
        """
        Args:
            since, until: milliseconds since 1970, at most 400 days apart.
            timezone: whose days and weeks the people live by.
            origin: where the site stands, for referrers within it.
        """
        self._seed = seed
        self._since = since
        self._origin = origin
        self._times = array("H", bytes(2 * visitors))
        rhythm = Rhythm(since, until, timezone)
        rng = self._rng("rhythm")
        ends = array("Q")
        for index in range(visitors):
            for moment in rhythm.visits(rng):
                ends.append(moment - since << PERSON_BITS | index)
                self._times[index] += 1
        self._ends = array("Q", sorted(ends))

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Visit]:
        remaining = self._times[:]
        known: dict[int, str] = {}
        for packed in self._ends:
            after, index = packed >> PERSON_BITS, packed & (1 << PERSON_BITS) - 1
            who = person(self._rng(index, "person"))
            rng = self._rng(index, remaining[index])
            remaining[index] -= 1
            visit = _visit(
                rng,
                index,
                who,
                visitor_id=known.pop(index, None),
                returns=who.keeps_cookies and remaining[index] > 0,
                ends_at=self._since + after,
                origin=self._origin,
            )
            if visit.returns:
                known[index] = visit.visitor_id
            yield visit

    def _rng(self, *names: object) -> Random:
        return Random(f"{self._seed} {names}")  # noqa: S311


def _visit(
    rng: Random,
    index: int,
    who: Person,
    *,
    visitor_id: str | None,
    returns: bool,
    ends_at: int,
    origin: str,
) -> Visit:
    plans = [_tab(rng, who, 0)]
    if not who.is_bot and rng.random() < 0.12:
        plans.append(_tab(rng, who, rng.randrange(1_000, 60_000)))
    ended = _end(plans)
    if not who.is_bot and ended < HOUR and rng.random() < 0.06:
        plans.append(_tab(rng, who, ended + rng.randrange(*AWAY))[:1])
        ended = _end(plans)
    began_at = ends_at - ended
    session_id = uuid7(rng, began_at + who.skew)
    return Visit(
        person=index,
        visitor_id=visitor_id or session_id,
        session_id=session_id,
        agent=who.agent,
        returns=returns,
        tabs=tuple(
            tuple(_pageviews(rng, plan, session_id, began_at, who.skew, origin)) for plan in plans
        ),
    )


Plan = list[tuple[Page, int, tuple[Stretch, ...]]]
"""The pages of one tab: each with its offset from the visit's start, and what is seen of it."""


def _end(plans: Sequence[Plan]) -> int:
    """When the last page of a visit is left, from its start."""
    return max(offset + _length(stretches) for plan in plans for _, offset, stretches in plan)


def _tab(rng: Random, who: Person, offset: int) -> Plan:
    """One tab's way through the site."""
    plan: Plan = []
    page = SITE[rng.choice(ENTRIES)]
    while True:
        stretches = _stretches(rng, page, who)
        plan.append((page, offset, stretches))
        offset += _length(stretches)
        if len(plan) == LONGEST_PATH or offset > LONGEST_TAB or rng.random() > 0.72:
            return plan
        following = SITE[rng.choice(page.links)]
        if not following.group or following.group != page.group:
            offset += rng.randrange(80, 900)
        page = following


def _length(stretches: Sequence[Stretch]) -> int:
    return sum(length for _, length in stretches)


def _stretches(rng: Random, page: Page, who: Person) -> tuple[Stretch, ...]:
    """What is seen of a page: often one stretch, now and then with others in front for a while."""
    if who.is_bot:
        return ((True, rng.randrange(50, 2_000)),)
    visible = _about(rng, page.seconds, 900)
    times_hidden = rng.choices((0, 1, 2, 3), (70, 20, 7, 3))[0]
    stretches: list[Stretch] = []
    for _ in range(times_hidden):
        part = rng.randrange(visible) + 1
        stretches += [(True, part), (False, _about(rng, 20, 600))]
        visible = max(visible - part, 200)
    ends_hidden = times_hidden and rng.random() < 0.3
    return tuple(stretches if ends_hidden else [*stretches, (True, visible)])


def _about(rng: Random, median: float, most: float) -> int:
    """Milliseconds, log-normal around so many seconds, from 0.2 to `most` seconds."""
    return int(1000 * min(max(rng.lognormvariate(log(median), 1.0), 0.2), most))


def _pageviews(
    rng: Random, plan: Plan, session_id: str, began_at: int, skew: int, origin: str
) -> Iterator[Pageview]:
    previous: Pageview | None = None
    left: Page | None = None
    referrer = rng.choice(REFERRERS)
    for page, offset, stretches in plan:
        started_at = began_at + offset
        in_place = left is not None and bool(page.group) and left.group == page.group
        if left is not None and not in_place:
            referrer = origin + left.path
        pageview = Pageview(
            pageview_id=uuid7(rng, started_at + skew),
            session_id=session_id,
            page=page,
            previous_pageview_id=previous.pageview_id if previous else None,
            previous_seq=previous.facts[-1].seq if previous else None,
            referrer=referrer,
            started_at=started_at,
            stretches=stretches,
            facts=tuple(_without_lost(rng, list(facts_of(started_at, stretches)))),
            in_place=in_place,
        )
        yield pageview
        previous, left = pageview, page


def checkpoints() -> Iterator[int]:
    """Milliseconds of visible time at which a page says that it is still seen."""
    yield from (5_000, 10_000, 20_000)
    yield from count(40_000, 60_000)


def facts_of(started_at: int, stretches: Sequence[Stretch]) -> Iterator[Fact]:
    """What a browser states about a pageview that was seen like this."""
    seqs, marks = count(), checkpoints()
    mark = next(marks)
    age = engaged = 0

    def fact(visibility: Visibility, later: int = 0) -> Fact:
        at = age + later
        return Fact(next(seqs), started_at + at, visibility, engaged + later, at)

    for visible, length in stretches:
        if not visible:
            age += length
            continue
        yield fact("visible")
        while mark < engaged + length:
            yield fact("visible", mark - engaged)
            mark = next(marks)
        age += length
        engaged += length
        yield fact("hidden")


def _without_lost(rng: Random, facts: list[Fact]) -> Iterator[Fact]:
    """One in a hundred never arrives, but for the first and the last."""
    last = len(facts) - 1
    for fact in facts:
        if fact.seq in (0, last) or rng.random() >= 0.01:
            yield fact


def uuid7(rng: Random, milliseconds: int) -> str:
    """A UUIDv7 minted at a moment; `uuid_utils` has no seed."""
    bits = rng.getrandbits(74)
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{bits & 0xFFF:03x}"
        f"-{0x8000 | bits >> 12 & 0x3FFF:04x}-{bits >> 26:012x}"
    )
