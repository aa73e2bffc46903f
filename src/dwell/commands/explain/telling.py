"""An explanation, for people and for programs."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from dwell.commands.explain.evidence import Fact
from dwell.commands.explain.explanation import Explanation
from dwell.commands.explain.law import at, identity_of, milliseconds_of
from dwell.commands.explain.looks import Look
from dwell.commands.explain.warehouse import Row
from dwell.commands.facts.told import moment, seconds
from dwell.commands.sql.forms import safe

ASLEEP_MS = 1_000
"""What a visible stretch is longer than what counted of it before anything is said of it."""


def lines_of(explanation: Explanation) -> Iterator[str]:
    """For people. Nothing in it steers a terminal."""
    yield f"Pageview {explanation.pageview}"
    yield ""
    yield from _named(list(_summary(explanation)))
    yield ""
    yield "Its facts in the log, by seq (times are UTC)"
    yield ""
    yield from _table(list(_facts(explanation)))
    yield ""
    yield "When it could be seen, as they tell"
    yield ""
    yield from _table([_look(each) for each in explanation.looks])
    yield ""
    yield "How engagement_time came about"
    yield ""
    yield from (f"  {line}" for line in _reckoning(explanation))
    yield ""
    yield from _verdict(explanation)


def _summary(explanation: Explanation) -> Iterator[tuple[str, str]]:
    account = explanation.account
    row = account.shown or account.told or explanation.row
    if row is None:
        return
    identity = row["identity"]
    yield "view", row["view_name"]
    yield "identity", identity if isinstance(identity, str) else json.dumps(identity)
    yield "engagement_time", _seconds(row["engagement_time"])
    yield "started_at", _utc(row["started_at"])
    yield "last_seen_at", _utc(row["last_seen_at"])
    yield "session", _session(row, account.session, account.place)
    yield "visitor", _visitor(row)
    if account.session is not None:
        yield "browser_agent", account.session["browser_agent"]
    if account.agent is not None:
        yield "", "{browser} on {system}, {device}".format(**account.agent)
    yield "referrer", row["referrer"] or "none"
    yield "before it", _previous(row, account.previous)
    for number, following in enumerate(account.following):
        yield "" if number else "after it", _other(following)


def _session(row: Row, session: Row | None, place: int | None) -> str:
    said = str(row["session_id"])
    if session is None:
        return said
    return (
        f"{said}, pageview {place} of {session['pageviews']}, begun {_utc(session['started_at'])}"
    )


def _visitor(row: Row) -> str:
    others = row["other_visitor_ids"]
    said = str(row["visitor_id"])
    return f"{said}; also {', '.join(map(str, others))}" if others else said


def _previous(row: Row, previous: Row | None) -> str:
    named = row["previous_pageview_id"]
    if named is None:
        return "no pageview in the same tab"
    return f"{named}, of which nothing has arrived" if previous is None else _other(previous)


def _other(row: Row) -> str:
    return f"{row['pageview_id']}, {row['view_name']}, {_seconds(row['engagement_time'])}"


def _facts(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    yield "seq", "place", "received", "occurred", "state", "engagement", ""
    greatest = _greatest(explanation)
    lines = [(each.said.seq, each) for each in explanation.evidence.facts]
    seen: dict[int, Fact] = {}
    missing = list(_ranges(explanation.missing))
    for seq, fact in lines:
        while missing and missing[0][0] < seq:
            yield _missing(*missing.pop(0))
        remarks = [*_remarks(explanation, fact, seen.get(seq)), "the greatest" * (fact is greatest)]
        seen.setdefault(seq, fact)
        yield (
            str(seq),
            fact.record.place,
            moment(fact.said.received_at),
            moment(fact.said.occurred_at),
            fact.said.visibility,
            seconds(fact.said.engagement_ms),
            ", ".join(filter(None, remarks)),
        )
    for each in missing:
        yield _missing(*each)
    for row in explanation.account.changes:
        if row["seq"] in explanation.evidence.gone:
            yield _gone(row)


def _remarks(explanation: Explanation, fact: Fact, before: Fact | None) -> Iterator[str]:
    if fact.record.place in explanation.forgotten:
        yield "left out: this visitor was forgotten"
    elif fact.record.place not in explanation.counted_places:
        yield "not in the published warehouse yet"
    if before is not None:
        same = _essence(fact) == _essence(before)
        yield "again" if same else "again, and not the same"


def _essence(fact: Fact) -> Any:
    """What a fact says however often it is sent."""
    return fact.said.model_dump(exclude={"delay_ms", "received_at"})


def _missing(first: int, last: int) -> tuple[str, ...]:
    seqs = str(first) if first == last else f"{first} to {last}"
    return seqs, "missing", "", "", "", "", "lost, or still under way"


def _gone(row: Row) -> tuple[str, ...]:
    return (
        str(row["seq"]),
        "gone",
        moment(milliseconds_of(row["first_received_at"])),
        moment(milliseconds_of(row["occurred_at"])),
        row["visibility"],
        _seconds(row["engagement_time"]),
        "no longer in the log; by the warehouse",
    )


def _ranges(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of numbers, as first and last."""
    for _, run in groupby(enumerate(numbers), lambda each: each[1] - each[0]):
        values = [value for _, value in run]
        yield values[0], values[-1]


def _greatest(explanation: Explanation) -> Fact | None:
    """The fact that engagement_time comes from."""
    return max(explanation.counted, key=lambda each: each.said.engagement_ms, default=None)


def _look(look: Look) -> tuple[str, ...]:
    if look.end is None or look.length_ms is None:
        return look.state, moment(look.begin), "", "", "the last fact says visible: what came then has not been told"  # fmt: skip
    return (
        look.state,
        moment(look.begin),
        moment(look.end),
        seconds(look.length_ms),
        _remark(look, look.length_ms),
    )


def _remark(look: Look, length_ms: int) -> str:
    match look.state:
        case "not told":
            return f"facts between are missing; {seconds(look.counted_ms)} counted"
        case "visible" if length_ms - look.counted_ms > ASLEEP_MS:
            return f"{seconds(look.counted_ms)} of it counted: the machine slept, or the browser"
        case "hidden" if look.counted_ms:
            return f"yet {seconds(look.counted_ms)} counted"
    return ""


def _reckoning(explanation: Explanation) -> Iterator[str]:
    account, fact = explanation.account, _greatest(explanation)
    told = account.told or explanation.row
    assert told is not None
    if fact is None or fact.said.engagement_ms / 1000 != told["engagement_time"]:
        yield f"{_seconds(told['engagement_time'])}: so says the row of the warehouse."
    if fact is not None:
        yield (
            f"{seconds(fact.said.engagement_ms)}: the greatest engagement_ms among its facts, of seq "
            f"{fact.said.seq} at {fact.record.place}."
        )
    yield from _rules(explanation)
    if account.ledger is not None:
        yield _at_most(account.ledger)
        yield _arrived(account.ledger)
    if explanation.has_unread:
        yield "Facts that the published warehouse has not read yet are not counted here."


def _at_most(ledger: Row) -> str:
    if ledger["tail_lost"]:
        return "No bound: a later pageview of the same tab says that facts behind the last one are lost."
    most = _seconds(ledger["engagement_time_at_most"])
    if ledger["end_seen"]:
        return f"At most {most}: the last fact says hidden, so the end was seen."
    return f"At most {most}: the end was not seen, and the next checkpoint would have arrived."


def _arrived(ledger: Row) -> str:
    made, lost = ledger["facts_made"], ledger["facts_lost"]
    said = f"{made} {'fact was' if made == 1 else 'facts were'} made, as far as is known"
    return f"{said}; {f'{lost} of them did not arrive, or have not yet' if lost else 'all of them arrived'}."


def _rules(explanation: Explanation) -> Iterator[str]:
    """What the rules of the warehouse make of it, if it has any."""
    rules = explanation.info.get("rules")
    shown, told = explanation.account.shown, explanation.account.told
    if rules is None or shown is None or told is None:
        return
    yield f"The warehouse has rules: {safe(rules)}"
    if shown["engagement_time"] != told["engagement_time"]:
        yield f"By these, {_seconds(shown['engagement_time'])} of it count."
    if shown["session_id"] != told["session_id"]:
        yield f"By these, it belongs to another session than the browser's, {told['session_id']}."


def _verdict(explanation: Explanation) -> Iterator[str]:
    evidence = explanation.evidence
    if explanation.agrees:
        yield "The warehouse says what the facts say."
    elif explanation.account.told is None:
        yield "The published warehouse has no row of it yet."
    elif explanation.agrees is None:
        yield "Whether the warehouse says what the facts said cannot be told:"
        yield f"  {_blind(explanation)}."
    else:
        yield "The warehouse does not say what the facts say:"
        yield ""
        yield from _table([("", "warehouse", "facts"), *_differences(explanation)])
    if evidence.unsearched:
        yield f"{evidence.unsearched:,} newer records of the log were not looked at."
    for letter in explanation.letters:
        place = f"{letter['partition']}:{letter['offset']}"
        yield f"The dead letter {place} ({letter['reason']}) names this pageview."


def _blind(explanation: Explanation) -> str:
    gone = len(explanation.evidence.gone)
    if gone:
        return f"{gone} of its facts {'is' if gone == 1 else 'are'} no longer in the log"
    return "not every place where its facts were delivered could be looked at"


def _differences(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    for each in explanation.differences:
        yield each.column, _text(each.warehouse), _text(each.facts)


def _named(lines: list[tuple[str, str]]) -> Iterator[str]:
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        yield f"{name.ljust(width)}  {safe(value)}".rstrip()


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they must be; durations to the right."""
    shown = [[safe(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)] if shown else []
    for row in shown:
        cells = (
            cell.rjust(width) if cell.endswith(" s") or cell == "engagement" else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        yield f"  {'  '.join(cells)}".rstrip()


def _seconds(value: float) -> str:
    return seconds(round(1000 * value))


def _utc(value: datetime) -> str:
    return f"{moment(milliseconds_of(value))} UTC"


def _text(value: Any) -> str:
    return "nothing" if value is None else str(_plain(value))


def object_of(explanation: Explanation) -> dict[str, Any]:
    """For programs."""
    account, evidence = explanation.account, explanation.evidence
    greatest = _greatest(explanation)
    found = {
        "pageview_id": explanation.pageview,
        "agrees": explanation.agrees,
        "differences": [each._asdict() for each in explanation.differences],
        "row": account.shown
        and account.shown | {"identity": identity_of(account.shown["identity"])},
        "row_of_facts": explanation.row,
        "session": account.session,
        "place_in_session": account.place,
        "browser_agent": account.agent,
        "previous": account.previous,
        "following": account.following,
        "ledger": account.ledger,
        "rules": explanation.info.get("rules"),
        "engagement_from": greatest and greatest.record.place,
        "facts": [_fact(explanation, each) for each in evidence.facts],
        "missing": list(_ranges(explanation.missing)),
        "gone": evidence.gone,
        "looks": [_look_object(each) for each in explanation.looks],
        "dead_letters": explanation.letters,
        "records_not_looked_at": evidence.unsearched,
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def _fact(explanation: Explanation, fact: Fact) -> dict[str, Any]:
    said = fact.said
    return {
        "place": fact.record.place,
        "counted": fact.record.place in explanation.counted_places,
        "forgotten": fact.record.place in explanation.forgotten,
        "seq": said.seq,
        "visibility": said.visibility,
        "engagement_ms": said.engagement_ms,
        "age_ms": said.age_ms,
        "delay_ms": said.delay_ms,
        "occurred_at": at(said.occurred_at),
        "received_at": at(said.received_at),
        "visitor_id": said.visitor_id,
        "session_id": said.session_id,
        "view": said.view,
        "identity": said.identity,
    }


def _look_object(look: Look) -> dict[str, Any]:
    return {
        "state": look.state,
        "begin": at(look.begin),
        "end": None if look.end is None else at(look.end),
        "counted_ms": look.counted_ms,
        "first_seq": look.first_seq,
        "last_seq": look.last_seq,
    }


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case datetime():
            return value.isoformat("T", "milliseconds")
        case UUID():
            return str(value)
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
