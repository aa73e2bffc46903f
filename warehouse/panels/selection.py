"""What of the warehouse somebody wants to see: a period, and whose pageviews of what."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, Self, cast, get_args
from zoneinfo import ZoneInfo

from dwell.errors import QuestionInvalid
from dwell.warehouse.queries.binding import period
from dwell.warehouse.queries.parameters import PARAMETERS, Parameter

Bots = Literal["exclude", "include", "only"]
Visitors = Literal["all", "new", "returning"]

LONGEST = timedelta(days=3660)
"""A period may be ten years long."""

SELECTING = {
    each.name: each
    for each in (
        PARAMETERS["since"],
        PARAMETERS["until"],
        PARAMETERS["bots"],
        PARAMETERS["view"],
        Parameter("path", "Pages of one path alone.", "a path, as /page_a"),
        Parameter("browser", "One browser alone.", "its name, as Firefox"),
        Parameter("system", "One operating system alone.", "its name, as Linux"),
        Parameter(
            "device",
            "One kind of device alone.",
            "desktop, phone, tablet, bot or other",
            choices=("desktop", "phone", "tablet", "bot", "other"),
        ),
        Parameter(
            "visitors",
            "All visitors, or those alone whose first session began in the period, or before it.",
            "all, new or returning",
            "all",
            get_args(Visitors),
        ),
    )
}
"""What a selection is made of, by the names that addresses have it under."""


@dataclass(frozen=True)
class Selection:
    """A period and the one it is compared with, and what of them is looked at.

    Attributes:
        since: when the period begins, in UTC without a zone, as the warehouse has it.
        until: when it ends; this moment is no longer in it.
        before: when the period before begins: as many whole days earlier as the period has, by the
            clocks of the zone, so that its hours are the same, and its weekdays if they are whole
            weeks; a period of some hours follows the one before at once.
        before_until: when the period before ends: when the period begins, at the latest.
        timezone: whose hours, days and weeks they are.
        view: dotted name of a view, or the end of it; `None`, here and in the following, is any.
        visitors: all, or those alone whose first session of all began in the same period, or before.
        asked: what it was made of.
        ends_now: whether it ends later when it is asked for later.
    """

    since: datetime
    until: datetime
    before: datetime
    before_until: datetime
    timezone: str
    bots: Bots = "exclude"
    view: str | None = None
    path: str | None = None
    browser: str | None = None
    system: str | None = None
    device: str | None = None
    visitors: Visitors = "all"
    asked: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    ends_now: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, given: Mapping[str, str], *, timezone: str, now: datetime) -> Self:
        """The selection that is told by texts, as an address has them; an empty one is as none.

        A period that ends now, or is said to end later, ends with the running minute, so that
        whoever asks again within it asks for the same.

        Args:
            now: with a zone.

        Raises:
            QuestionInvalid: a name is none of `SELECTING`, or a value cannot be used.
        """
        said = {name: text for name, text in given.items() if text}
        if "device" in said:
            said["device"] = said["device"].lower()
        _check(said)
        end = end_of_minute(now)
        since, until = period(said.get("since"), said.get("until"), timezone=timezone, now=end)
        before, before_until = _before(since, until, ZoneInfo(timezone))
        return cls(
            since,
            until,
            before,
            before_until,
            timezone,
            bots=cast(Bots, said.get("bots", "exclude")),
            view=said.get("view"),
            path=said.get("path"),
            browser=said.get("browser"),
            system=said.get("system"),
            device=said.get("device"),
            visitors=cast(Visitors, said.get("visitors", "all")),
            asked=tuple((name, said[name]) for name in SELECTING if name in said),
            ends_now=until == end.astimezone(UTC).replace(tzinfo=None),
        )

    def query(self) -> dict[str, str]:
        """The texts that make it again, with what was relative to now as relative as before."""
        return dict(self.asked)

    def filters(self) -> dict[str, str]:
        """Those that say what is selected beside the period."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.compare and each.default not in (MISSING, getattr(self, each.name))
        }

    def everybody(self) -> Self:
        """All pageviews of the same period."""
        return replace(
            self,
            bots="include",
            view=None,
            path=None,
            browser=None,
            system=None,
            device=None,
            visitors="all",
            asked=(),
        )

    @property
    def bucket(self) -> Literal["hour", "day", "week"]:
        """What its period is parted into where something is shown over time."""
        length = self.until - self.since
        if length <= timedelta(days=2):
            return "hour"
        return "day" if length <= timedelta(weeks=26) else "week"

    def has_before(self, measured_since: datetime | None) -> bool:
        """Whether the period before was measured, but for its first twentieth at most."""
        slack = (self.before_until - self.before) / 20
        return measured_since is not None and measured_since <= self.before + slack

    def values(self) -> dict[str, Any]:
        """What SQL is told of it, by the names of its parameters."""
        own = {name: getattr(self, name) for name in SELECTING}
        return own | {
            "before": self.before,
            "before_until": self.before_until,
            "timezone": self.timezone,
            "bucket": self.bucket,
        }


def end_of_minute(now: datetime) -> datetime:
    """When a period ends that ends now."""
    begun = now.replace(second=0, microsecond=0)
    return begun if begun == now else begun + timedelta(minutes=1)


def _check(said: Mapping[str, str]) -> None:
    for name, text in said.items():
        if name not in SELECTING:
            raise QuestionInvalid(f"there is no {name}: expected some of {', '.join(SELECTING)}")
        choices = SELECTING[name].choices
        if choices and text not in choices:
            raise QuestionInvalid(f"{name} is {text!r}: expected {SELECTING[name].expected}")


def _before(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The period before."""
    length = until - since
    try:
        if length > LONGEST:
            raise OverflowError
        begin, end = (_local(moment, zone) for moment in (since, until))
        told_in_hours = begin.time() != time() and (
            length < timedelta(days=1) or not length % timedelta(days=1)
        )
        if told_in_hours:  # 24 of them are 23 or 25 by clocks that are changed in them
            return since - length, since
        days = timedelta(days=min(_days(end - begin), _days(length)))
        return _utc(begin - days, zone), min(_utc(end - days, zone), since)
    except OverflowError:
        raise QuestionInvalid(
            f"the period is from {since} until {until}, in UTC: expected ten years at most"
        ) from None


def _days(length: timedelta) -> int:
    """So many have room for it."""
    return -(-length // timedelta(days=1))


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def _utc(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
