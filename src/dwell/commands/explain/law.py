"""The rows that the facts of a pageview make, by the law of the projection, computed without SQL.

The merge functions of `warehouse/projection/macros.sql`, said once more: whoever changes one side
changes the other.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from dwell.commands.explain.warehouse import Row
from dwell.schemas.facts import MAX_IDENTITY_DEPTH
from dwell.schemas.records import ReceivedGlimpse

_EPOCH = datetime(1970, 1, 1)


class Difference(NamedTuple):
    """A column in which the warehouse and the facts say different things."""

    column: str
    warehouse: Any
    facts: Any


def pageview_of(facts: Sequence[ReceivedGlimpse]) -> Row:
    """The row of `pageview`, without provenance."""
    first = min(facts, key=_least)
    seq, is_hidden = max((fact.seq, fact.visibility == "hidden") for fact in facts)
    visitors = {fact.visitor_id for fact in facts} - {first.visitor_id}
    return {
        "session_id": UUID(first.session_id),
        "view_name": first.view,
        "identity": first.identity,
        "engagement_time": max(fact.engagement_ms for fact in facts) / 1000,
        "started_at": at(min(fact.started_at for fact in facts)),
        "last_seen_at": at(max(fact.occurred_at for fact in facts)),
        "last_seq": seq,
        "previous_pageview_id": first.previous_pageview_id and UUID(first.previous_pageview_id),
        "previous_seq": first.previous_seq,
        "referrer": first.referrer,
        "visitor_id": UUID(first.visitor_id),
        "other_visitor_ids": [UUID(each) for each in sorted(visitors)] or None,
        "first_seq": first.seq,
        "first_received_at": at(first.received_at),
        "last_received_at": at(max(fact.received_at for fact in facts)),
        "facts": len({fact.seq for fact in facts}),
        "end_seen": is_hidden,
    }


def changes_of(facts: Iterable[ReceivedGlimpse]) -> list[Row]:
    """The rows of `visibility_change`, without provenance, in the order of their seq."""
    ordered = sorted(facts, key=lambda fact: fact.seq)
    return [_change(seq, list(same)) for seq, same in groupby(ordered, lambda fact: fact.seq)]


def differences(row: Row, changes: list[Row], facts: Sequence[ReceivedGlimpse]) -> list[Difference]:
    """Where the warehouse's rows are not what these facts make."""
    told = row | {"identity": identity_of(row["identity"])}
    found = _compared("", told, pageview_of(facts))
    there = {change["seq"]: change for change in changes}
    made = {change["seq"]: change for change in changes_of(facts)}
    for seq in sorted(there.keys() | made.keys()):
        name = f"visibility_change {seq}"
        if seq in there and seq in made:
            found += _compared(f"{name}: ", there[seq], made[seq])
        else:
            missing = Difference(name, _has(seq in there), _has(seq in made))
            found.append(missing)
    return found


def identity_of(text: str) -> Any:
    """What a column of that name holds; the text itself, if it is nothing that a fact can have (a number that
    is none, or nested too deep)."""
    try:
        found = json.loads(text)
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return text if _is_deep(found) else found


def _is_deep(value: Any, levels: int = MAX_IDENTITY_DEPTH) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deep(each, levels - 1) for each in inside)


def at(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as the warehouse has them."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds_of(moment: datetime) -> int:
    """The same back again."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _has(there: bool) -> str | None:
    return "there" if there else None


def _change(seq: int, same: list[ReceivedGlimpse]) -> Row:
    return {
        "seq": seq,
        "visibility": min(fact.visibility for fact in same),
        "occurred_at": at(min(fact.occurred_at for fact in same)),
        "engagement_time": max(fact.engagement_ms for fact in same) / 1000,
        "first_received_at": at(min(fact.received_at for fact in same)),
        "last_received_at": at(max(fact.received_at for fact in same)),
    }


def _least(fact: ReceivedGlimpse) -> tuple[Any, ...]:
    """By what the first fact is found; what is null is greater than anything."""
    return (
        fact.seq,
        fact.received_at,
        fact.session_id,
        fact.view,
        json.dumps(fact.identity, ensure_ascii=False, separators=(",", ":")),
        (fact.previous_pageview_id is None, fact.previous_pageview_id or ""),
        (fact.previous_seq is None, fact.previous_seq or 0),
        fact.referrer,
        fact.visitor_id,
    )


def _compared(prefix: str, row: Row, made: Row) -> list[Difference]:
    return [
        Difference(f"{prefix}{column}", row[column], value)
        for column, value in made.items()
        if row[column] != value
    ]
