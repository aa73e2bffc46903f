"""What the clocks of a zone show in each quarter of an hour of a period and the one before, and in which
hour, day or week of a period it lies: what `clock.sql` and `bucket.sql` make as tables."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from dwell.warehouse.panels.columns.counting import Array
from dwell.warehouse.panels.selection import Selection

QUARTER_MS = 900_000
QUARTERS_A_DAY = 96
EPOCH = datetime(1970, 1, 1)

Bucket = tuple[bool, int, datetime, str]
"""Whether it is of the period before, its number, when it begins, and what the clocks show then."""


class Clock:
    """Columns have a place for each quarter of an hour from the one on in which the period before begins.

    Attributes:
        weekday: from 0, a Monday.
        bucket: the number of the hour, day or week of the period.
        bucket_before: that of the period before.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._zone = ZoneInfo(selection.timezone)
        self._first, self._now = _quarter(selection.before), _quarter(selection.since)
        quarter = np.arange(self._first, _quarter(selection.until) + 1)
        local = quarter * 900 + _offsets(quarter, self._zone)
        self.weekday, self.hour = (local // 86_400 + 3) % 7, local // 3600 % 24
        self.bucket = self._counted(quarter - self._now, local, int(local[self._now - self._first]))
        self.bucket_before = self._counted(quarter - self._first, local, int(local[0]))

    def at(self, shown: Array, started: Array) -> Array:
        """What one of the columns says of moments."""
        found: Array = shown[started // QUARTER_MS - self._first]
        return found

    @cached_property
    def buckets(self) -> list[Bucket]:
        """Those of both periods, in order, those in which nothing happened too."""
        now, before = self._selection, self._selection
        return [
            *self._buckets(False, self.bucket, now.since, now.until),
            *self._buckets(True, self.bucket_before, before.before, before.before_until),
        ]

    def _counted(self, quarter: Array, local: Array, first: int) -> Array:
        """Hours are counted, so that the one that comes twice in autumn is two; days and weeks are the
        calendar's."""
        if self._selection.bucket == "hour":
            counted: Array = (quarter + first // 900 % 4) // 4
            return counted
        days, day = local // 86_400, first // 86_400
        if self._selection.bucket == "day":
            return days - day
        return (days + 3) // 7 - (day + 3) // 7

    def _buckets(
        self, earlier: bool, bucket: Array, since: datetime, until: datetime
    ) -> list[Bucket]:
        ends = _quarter(until) + (until > EPOCH + _quarter(until) * timedelta(minutes=15))
        begin, end = _quarter(since) - self._first, ends - self._first
        numbers, firsts = np.unique(bucket[begin:end], return_index=True)
        found = []
        for number, first in zip(numbers.tolist(), firsts.tolist(), strict=True):
            quarter = self._first + begin + first
            begins_at = max(EPOCH + quarter * timedelta(minutes=15), since)
            found.append((earlier, number, begins_at, self._local(begins_at)))
        return found

    def _local(self, moment: datetime) -> str:
        return moment.replace(tzinfo=UTC).astimezone(self._zone).strftime("%Y-%m-%dT%H:%M")


def _quarter(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(minutes=15)


def _offsets(quarter: Array, zone: ZoneInfo) -> Array:
    """By how many seconds the clocks are ahead in each of successive quarters of an hour. It is looked up
    once a day, and quarter by quarter on days at whose ends it differs."""
    offsets = np.zeros(len(quarter), np.int64)
    for begin in range(0, len(quarter), QUARTERS_A_DAY):
        day = quarter[begin : begin + QUARTERS_A_DAY].tolist()
        first, last = _offset(day[0], zone), _offset(day[-1], zone)
        steady = first == last
        offsets[begin : begin + len(day)] = (
            first if steady else [_offset(each, zone) for each in day]
        )
    return offsets


def _offset(quarter: int, zone: ZoneInfo) -> int:
    moment = (EPOCH + quarter * timedelta(minutes=15)).replace(tzinfo=UTC).astimezone(zone)
    ahead = moment.utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())
