"""Who comes and when: agents, habits, and the rhythm of days and weeks."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

HOUR = 3_600_000
DAY = 24 * HOUR
YEAR = 365 * DAY
"""Milliseconds."""

BETWEEN_VISITS = 3 * HOUR
"""One person's visits end at least this far apart, so that they never overlap."""

AGENTS = (
    (
        28,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    ),
    (
        20,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    ),
    (
        18,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
    ),
    (
        9,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    ),
    (
        7,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    ),
    (
        6,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    ),
    (4, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0"),
    (2, "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"),
    (
        2,
        "Mozilla/5.0 (iPad; CPU OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    ),
    (
        2,
        "Mozilla/5.0 (Linux; Android 16; SAMSUNG SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/150.0.0.0 Mobile Safari/537.36",
    ),
)
BOTS = (
    (
        3,
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        1,
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/156.0.0.0 Safari/537.36",
    ),
)
"""Weight and `User-Agent`."""

BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 11, 11, 11, 11, 10, 10, 10, 11, 12, 10, 7, 4)
BY_WEEKDAY = (1.0, 1.05, 1.05, 1.0, 0.9, 0.6, 0.65)
"""How many come in each hour of a day, and on each day from Monday, relative to each other."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who visits.

    Attributes:
        keeps_cookies: without them each session is a visitor of its own.
        skew: milliseconds by which the clock of their computer is wrong.
    """

    agent: str
    is_bot: bool
    keeps_cookies: bool
    skew: int


def person(rng: Random) -> Person:
    """Someone at random: a few are bots, a few keep no cookies, one in 200 has a wrong clock."""
    is_bot = rng.random() < 0.03
    agents = BOTS if is_bot else AGENTS
    (agent,) = rng.choices([agent for _, agent in agents], [weight for weight, _ in agents])
    keeps_cookies = not is_bot and rng.random() < 0.93
    skew = rng.randint(-3 * YEAR, 3 * YEAR) if rng.random() < 0.005 else 0
    return Person(agent, is_bot, keeps_cookies, skew)


class Rhythm:
    """When people come between two moments, given in milliseconds since 1970."""

    def __init__(self, since: int, until: int, timezone: str) -> None:
        self.since = since
        self.until = until
        self._zone = ZoneInfo(timezone)
        self._edges = [*range(since, until, HOUR), until]
        weights = (
            self.weight(left) * (right - left)
            for left, right in zip(self._edges, self._edges[1:], strict=False)
        )
        self._cumulated = [0.0, *accumulate(weights)]

    def weight(self, moment: int) -> float:
        """How busy this moment is; the busiest hour of a week has about 12.6."""
        local = datetime.fromtimestamp(moment / 1000, self._zone)
        return BY_HOUR[local.hour] * BY_WEEKDAY[local.weekday()]

    def moment(self, rng: Random) -> int:
        """A moment at random."""
        drawn = rng.random() * self._cumulated[-1]
        hour = min(bisect(self._cumulated, drawn), len(self._cumulated) - 1) - 1
        return rng.randrange(self._edges[hour], self._edges[hour + 1])

    def visits(self, rng: Random) -> Iterator[int]:
        """The moments at which one person's visits end, ascending: most come once, some often."""
        mean_gap = max((self.until - self.since) / 8, BETWEEN_VISITS)
        moment = self.moment(rng)
        while moment < self.until:
            yield moment
            if rng.random() > 0.45:
                return
            for _ in range(8):
                gap = BETWEEN_VISITS + int(rng.expovariate(1 / mean_gap))
                if rng.random() * 12.6 < self.weight(moment + gap):
                    break
            moment += gap
