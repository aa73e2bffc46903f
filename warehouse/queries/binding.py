"""From what a person says to the values that a named query is run with."""

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from dwell.errors import QuestionInvalid
from dwell.warehouse.queries.parameters import PARAMETERS, PERIOD, Parameter
from dwell.warehouse.queries.query import Query

_AGO = re.compile(r"([0-9]{1,6})([hdw])")


def bound(
    query: Query,
    given: Mapping[str, str | None],
    *,
    timezone: str,
    now: datetime,
) -> dict[str, Any]:
    """The values of all of a query's parameters, with defaults for those that are not given.

    Args:
        given: by name, as people write them; `None` and an empty text count as not given.
        timezone: whose days and hours they are, as `Europe/Berlin`.
        now: with a zone.

    Raises:
        QuestionInvalid: one is not the query's, or its value cannot be used.
    """
    said = {name: text for name, text in given.items() if text}
    taken = {each.name: each for each in query.parameters}
    for name in said:
        if name not in taken:
            offered = ", ".join(taken)
            raise QuestionInvalid(f"{query.name} takes no {name}: expected some of {offered}")
    if query.needed and query.needed not in said:
        expected = taken[query.needed].expected
        raise QuestionInvalid(f"{query.name} needs {query.needed}: expected {expected}")
    texts = {name: said.get(name) or query.default_of(each) for name, each in taken.items()}
    values: dict[str, Any] = {name: _value(taken[name], text) for name, text in texts.items()}
    values["timezone"] = timezone
    values["since"], values["until"] = period(
        texts["since"], texts["until"], timezone=timezone, now=now
    )
    return {name: values[name] for name in taken}


def period(
    since: str | None, until: str | None, *, timezone: str, now: datetime
) -> tuple[datetime, datetime]:
    """When a period begins and ends, in UTC without a zone, as the warehouse writes it.

    Args:
        since: as people write it; what is `None` is as it is by default.
        until: by default now, and now at the latest: of what is still to come nothing is measured.

    Raises:
        QuestionInvalid: one of them cannot be used, or the period ends before it begins, or is all
            still to come.
    """
    said, latest = _until(until, timezone, now), utc(now)
    end = min(said, latest)
    begin = _moment("since", since or PERIOD, timezone, end)
    if latest <= begin < said:
        raise QuestionInvalid(
            f"the period begins at {begin}, and now is {latest}, both in UTC: "
            "expected a beginning before now"
        )
    if begin >= end:
        raise QuestionInvalid(
            f"the period begins at {begin} and ends at {end}, both in UTC: "
            "expected an end after the beginning"
        )
    return begin, end


def with_whole_views(values: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The values with whole names of views in place of ends of them.

    Args:
        known: the views there are, as `VIEWS` tells.

    Raises:
        QuestionInvalid: there is no such view, or several.
    """
    whole = dict(values)
    if whole.get("view"):
        whole["view"] = view_named(whole["view"], known)
    if whole.get("views"):
        whole["views"] = [view_named(each, known) for each in whole["views"]]
    return whole


def names_of_views(text: str) -> list[str]:
    """The names in a text with commas between them; one with a comma in it stands in quotation marks.

    Raises:
        QuestionInvalid: one is longer than any view's.
    """
    line = text.replace("\r", " ").replace("\n", " ")
    try:
        [names] = csv.reader([line], skipinitialspace=True)
    except csv.Error:
        raise _unfit("views", f"{text[:40]}…") from None
    return [name for each in names if (name := each.strip())]


def view_named(name: str, known: Sequence[str]) -> str:
    """The view that is meant: the one of that name, else the one whose name ends with `.name`, else
    the one that does in other letters, small or capital.

    Raises:
        QuestionInvalid: there is none, and the message says which come near; or several.
    """
    if name in known:
        return name
    meant = [each for each in known if each.endswith(f".{name}")]
    if not meant:
        end = f".{name.lower()}"
        meant = [each for each in known if f".{each.lower()}".endswith(end)]
    if len(meant) == 1:
        return meant[0]
    by_end = {end: each for each in known for end in (each, each.rpartition(".")[2])}
    near = list(dict.fromkeys(by_end[end] for end in get_close_matches(name, by_end, n=3)))
    expected = " or ".join(sorted(meant) or near or list(known[:8])) or "one, and there is none yet"
    how_many = "several views end" if meant else "no view is named so or ends"
    raise QuestionInvalid(f"view is {name!r}, and {how_many} with it: expected {expected}")


def _value(parameter: Parameter, text: str | None) -> Any:
    if parameter.choices and text not in parameter.choices:
        raise _unfit(parameter.name, text)
    if parameter.name == "views" and text:
        return names_of_views(text)
    return text


def _until(text: str | None, timezone: str, now: datetime) -> datetime:
    return utc(now) if text is None else _moment("until", text, timezone, utc(now))


def _moment(name: str, text: str, timezone: str, before: datetime) -> datetime:
    """In UTC without a zone, as the warehouse writes it.

    Hours are counted back from `before` to the second; days and weeks are whole ones of the zone,
    and the one that `before` lies in is the last of them.
    """
    zone = ZoneInfo(timezone)
    try:
        if found := _AGO.fullmatch(text):
            count, unit = int(found[1]), found[2]
            if unit == "h":
                return before - timedelta(hours=count)
            days = count * (7 if unit == "w" else 1)
            last = before.replace(tzinfo=UTC) - timedelta(microseconds=1)
            first = last.astimezone(zone).date() - timedelta(days=days - 1)
            return utc(datetime(first.year, first.month, first.day, tzinfo=zone))
        moment = datetime.fromisoformat(text)
        return utc(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise _unfit(name, text) from None


def utc(moment: datetime) -> datetime:
    """A moment with a zone as the warehouse has it: in UTC without one."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _unfit(name: str, text: str | None) -> QuestionInvalid:
    return QuestionInvalid(f"{name} is {text!r}: expected {PARAMETERS[name].expected}")
