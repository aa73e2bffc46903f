"""The pageviews since a moment as columns of numbers, with what the numbers stand for."""

import threading
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Generic, Self, TypeVar

import numpy as np

from dwell.warehouse.panels.columns.counting import Array

T = TypeVar("T")

EARLIER = timedelta(days=8)
"""Sessions are known for so much longer than pageviews: retention asks of whole weeks."""


class Once(Generic[T]):
    """What is made when somebody first asks for it; others wait."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._made: list[T] = []
        self._lock = threading.Lock()

    def get(self) -> T:
        """What is made; what it is made of is let go."""
        with self._lock:
            if self._make is not None:
                self._made.append(self._make())
                self._make = None
            return self._made[0]

    @property
    def made(self) -> T | None:
        """The same if it was made already."""
        return self._made[0] if self._made else None


@dataclass(frozen=True, eq=False)
class Names:
    """Names that several things can share.

    Attributes:
        names: each once, in their order.
        of: the number of its name, for each thing.
    """

    names: list[str]
    of: Array

    @classmethod
    def given(cls, each: Sequence[str]) -> Self:
        """Of things that have these names."""
        names = sorted(set(each))
        numbers = {name: number for number, name in enumerate(names)}
        return cls(names, np.array([numbers[name] for name in each], np.int32))

    def __contains__(self, name: str) -> bool:
        place = bisect(self.names, name)
        return place > 0 and self.names[place - 1] == name

    def extended(self, more: Sequence[str]) -> tuple["Names", Array]:
        """The same with further things that have these names, behind those it has; and the number that
        each of its names has now."""
        fresh = sorted(set(more).difference(self.names))
        moved = np.arange(len(self.names), dtype=np.int32)
        places = [bisect(self.names, name) for name in fresh]
        moved += np.searchsorted(places, moved, "right").astype(np.int32)
        names = sorted([*self.names, *fresh])
        numbers = np.array([bisect(names, name) - 1 for name in more], np.int32)
        return Names(names, np.concatenate([moved[self.of], numbers])), moved


@dataclass(frozen=True, eq=False)
class Agents:
    """The browser agents."""

    browser: Names
    system: Names
    device: Names
    is_bot: Array


@dataclass(frozen=True, eq=False)
class Pages:
    """What the identities of pageviews say: paths, and of some a tab."""

    path: Names
    tabs: list[str | None]


@dataclass(frozen=True, eq=False)
class Sessions:
    """A row for each; moments are milliseconds since 1970.

    Attributes:
        id: a hash of its id.
        visitor: a number for each visitor.
        first_at: when the first session of all of each visitor began.
    """

    id: Array
    visitor: Array
    first_at: Array
    agent: Array
    started: Array
    seen: Array


@dataclass(frozen=True, eq=False)
class Pageviews:
    """A row for each, in the order in which they began, those of one moment by the names of their views."""

    session: Array
    view: Array
    page: Array
    ms: Array
    started: Array
    last_seq: Array
    facts: Array
    end_seen: Array


@dataclass(frozen=True, eq=False)
class Walks:
    """With which pageview each session began and with which it ended, rows of `Pageviews`; how many there
    are between them; and the referring page of the first."""

    first: Array
    last: Array
    pageviews: Array
    referrer: Array


@dataclass(frozen=True, eq=False)
class Links:
    """What pageviews say of the one before them, row by row.

    Attributes:
        id: a hash of their own id.
        previous: that of the one before, or 0.
        previous_seq: the latest fact of it that they know of.
        referrer: the number of the referring page.
    """

    id: Array
    previous: Array
    previous_seq: Array
    referrer: Array


@dataclass(frozen=True, eq=False)
class Following:
    """Pageviews that followed another one in the same tab: the row of that, their own view, and how many
    facts of it they tell of that never came.

    Attributes:
        before: for each pageview the row of that one, or -1.
    """

    before: Array
    row: Array
    view: Array
    lost: Array


@dataclass(frozen=True, eq=False)
class Texts:
    """What numbers stand for, as hashes of 64 bits: browser agents, identities, referring pages and
    visitors.

    Attributes:
        came_at: when the first session of each visitor began of those that are not among the known ones.
    """

    agents: Array
    pages: Array
    referrers: Array
    visitors: Array
    came_at: Array


@dataclass(frozen=True)
class State:
    """Which state of the log the rows are of.

    Attributes:
        positions: by partition, the offset up to which it was read.
        origin: what else the rows follow from; `None` if they are no tables of their own.
        oldest: when the first of all sessions began: later than before if the horizon took some.
    """

    positions: Mapping[int, int]
    origin: frozenset[tuple[str, str]] | None
    oldest: datetime = datetime.max

    def leads_to(self, later: Self) -> bool:
        """Whether all that can be different then is what facts behind these positions told."""
        return (
            self.origin is not None
            and bool(self.positions)
            and self.origin == later.origin
            and self.positions.keys() == later.positions.keys()
            and later.oldest <= self.oldest
            and all(later.positions[each] >= offset for each, offset in self.positions.items())
        )


@dataclass(frozen=True, eq=False)
class Known:
    """All that began since a moment.

    Attributes:
        since: that moment, in UTC without a zone.
        sessions: those that were seen since, and some days before.
        views: their names, in order.
        hosts: of referring pages.
        before: what `Following` had of an earlier state, and the row up to which it is right.
    """

    since: datetime
    agents: Agents
    views: list[str]
    pages: Pages
    hosts: Names
    sessions: Sessions
    pageviews: Pageviews
    walks: Walks
    following: Once[Following]
    links: Links
    texts: Texts
    state: State
    before: tuple[Array, int] | None = None

    @cached_property
    def visitors(self) -> int:
        """How many there are."""
        return len(self.sessions.first_at)
