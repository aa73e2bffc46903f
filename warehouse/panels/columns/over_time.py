"""The panels of a period as a whole, and of its days and hours."""

from typing import Any

import numpy as np

from dwell.warehouse.panels.columns.counting import (
    Array,
    counted,
    different,
    quantiles,
    seconds,
    summed,
)
from dwell.warehouse.panels.columns.looked import Chosen, Looked, Rows


def totals(chosen: Chosen) -> Rows:
    """See `totals.sql`."""
    return [
        (earlier, *_came(chosen, looked), *_looked(looked))
        for earlier, looked in ((False, chosen.now), (True, chosen.before))
    ]


def _came(chosen: Chosen, looked: Looked) -> tuple[int, int]:
    one = np.zeros(len(looked.came), np.int8)
    return int(different(one, 1, looked.came, chosen.known.visitors)[0]), len(looked.came)


def _looked(looked: Looked) -> tuple[int, float | None, float]:
    one = np.zeros(len(looked.ms), np.int8)
    [[median]] = quantiles(one, 1, looked.ms, 0.5)
    return len(looked.ms), seconds(median), int(looked.ms.sum()) / 1000


def series(chosen: Chosen) -> Rows:
    """See `series.sql`."""
    clock = chosen.period.clock
    many = 1 + max(bucket for _, bucket, *_ in clock.buckets)
    columns = {
        False: _by_bucket(chosen, chosen.now, clock.bucket, many),
        True: _by_bucket(chosen, chosen.before, clock.bucket_before, many),
    }
    return [
        (earlier, bucket, begins_at, local, *(each[bucket] for each in columns[earlier]))
        for earlier, bucket, begins_at, local in clock.buckets
    ]


def _by_bucket(chosen: Chosen, looked: Looked, bucket: Array, many: int) -> list[list[Any]]:
    clock, known = chosen.period.clock, chosen.known
    came = clock.at(bucket, known.sessions.started[looked.sessions])
    looked_at = clock.at(bucket, looked.started)
    [medians] = quantiles(looked_at, many, looked.ms, 0.5)
    return [
        different(came, many, looked.came, known.visitors).tolist(),
        counted(came, many).tolist(),
        counted(looked_at, many).tolist(),
        [seconds(median) for median in medians],
        [total / 1000 for total in summed(looked_at, many, looked.ms).tolist()],
    ]


def sessions_by_hour(chosen: Chosen) -> Rows:
    """See `sessions_by_hour.sql`."""
    clock, started = chosen.period.clock, chosen.known.sessions.started[chosen.now.sessions]
    place = clock.at(clock.weekday, started) * 24 + clock.at(clock.hour, started)
    found = counted(place, 7 * 24).tolist()
    return [(1 + place // 24, place % 24, sessions) for place, sessions in enumerate(found)]
