"""Places: where in the tables the rows of a batch can be, so that nothing else is read for them.

The tables lie in the order of the log. Their ids do not: one browser whose clock is years off widens
the range of ids that a whole block of rows seems to have. So rows are looked for by when their first
fact was received. An id says when it was minted, and its row's first fact was received within two
minutes of that; or else the row is a stray, and strays are few and listed.
"""

from collections.abc import Iterable
from typing import Any

from dwell.warehouse.live import LiveWarehouse, statements

BUCKET_MS = 120_000
"""Milliseconds: the two minutes, and the length of a bucket in `places/buckets.sql`."""
MOST_RANGES = 8
"""Ranges of a table that are looked through for the rows of one batch, at most."""

Range = tuple[int, int]
"""From one moment until before another, in milliseconds since 1970."""


class Places:
    """Finds the places of a batch's rows, within the transaction that is open."""

    def __init__(self, warehouse: LiveWarehouse) -> None:
        self._connection = warehouse.connection
        for name in ("places/macros", "places/strays"):
            self._connection.execute(statements(name))
        self._spans = {
            "pageview": self._span("pageview", "first_received_at"),
            "session": self._span("tracking_session", "first_received_at"),
        }

    def find(self) -> dict[str, list[Range]]:
        """For `pageview` and `session`, when the first facts of known rows can have been received."""
        places = self._all(statements("places/buckets"))
        found = {}
        for kind, span in self._spans.items():
            buckets = {
                near
                for of, bucket, around in places
                if of == kind
                for near in range(bucket - around, bucket + around + 1)
            }
            found[kind] = ranges(buckets, span)
        self._widen(self._span("fact", "received_at"))
        return found

    def add(self) -> None:
        """List what is a stray among the new rows."""
        self._connection.execute(statements("places/new_strays"))

    def _widen(self, batch: Range) -> None:
        """Have the next batch look where the rows of this one are put."""
        for kind, (since, until) in self._spans.items():
            self._spans[kind] = min(since, batch[0]), max(until, batch[1])

    def _span(self, table: str, column: str) -> Range:
        """The first and the last moment; an empty table has none, and no row lies in its span."""
        sql = f"select epoch_ms(min({column})), epoch_ms(max({column})) from {table}"  # noqa: S608
        [(first, last)] = self._all(sql)
        return (2**62, -1) if first is None else (first, last)

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()


def ranges(buckets: Iterable[int], span: Range, most: int = MOST_RANGES) -> list[Range]:
    """The time that the buckets cover within the span, in `most` pieces at most."""
    first, last = (moment // BUCKET_MS for moment in span)
    within = ((each, each + 1) for each in buckets if first <= each <= last)
    return [(since * BUCKET_MS, until * BUCKET_MS) for since, until in covering(within, most)]


def covering(pieces: Iterable[Range], most: int = MOST_RANGES) -> list[Range]:
    """Ranges that cover the pieces, `most` of them at most: the least gaps are covered too."""
    found: list[Range] = []
    for since, until in sorted(pieces):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(until, found[-1][1])
        else:
            found.append((since, until))
    while len(found) > most:
        gaps = [found[n + 1][0] - found[n][1] for n in range(len(found) - 1)]
        n = gaps.index(min(gaps))
        found[n : n + 2] = [(found[n][0], found[n + 1][1])]
    return found
