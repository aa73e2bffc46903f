"""One record of the log, whole."""

import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
from pydantic_core import from_json

from dwell.commands.dead_letters.showing import written
from dwell.commands.facts.reading import reading
from dwell.commands.facts.told import ERASED, Told, key_of, moment, span, tell
from dwell.commands.sql.forms import safe
from dwell.consumers.lookup import Record, record_at
from dwell.consumers.origin import require_there
from dwell.errors import NoRecord
from dwell.events.opening import name_of
from dwell.settings import Settings

WIDEST = 40
"""Columns that a value may take before what it means is moved to the right."""
NARROWEST = 20
"""Columns that a meaning needs at least."""
GAP = "  "


class Line(NamedTuple):
    """A name, its value and, where that helps, what it means."""

    name: str
    value: str
    meaning: str = ""


def show_record(settings: Settings, place: tuple[int, int], form: str) -> int:
    """Write the record at partition and offset; returns 1 if there is none.

    Raises:
        LogUnavailable: the log does not answer, or there is none.
    """
    try:
        require_there(settings)
        record = asyncio.run(_find(settings, *place))
    except NoRecord as missing:
        click.echo(f"dwell: {missing}", err=True)
        return 1
    if form == "raw":
        sys.stdout.buffer.write(record.value)
        sys.stdout.buffer.flush()
    elif form == "json":
        click.echo(json.dumps(_object(tell(record)), allow_nan=False))
    else:
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in lines_of(tell(record), room):
            click.echo(line)
    return 0


async def _find(settings: Settings, partition: int, offset: int) -> Record:
    async with reading(settings) as reader:
        return await record_at(reader, name_of(settings), partition, offset)


def lines_of(told: Told, room: int | None = None) -> Iterator[str]:
    """What is said of a record. Nothing in it steers a terminal.

    Args:
        room: columns in which meanings are to have a place, if there is an end to them.
    """
    yield from _aligned([*_place(told.record), *_verdict(told)], room)
    if told.event is not None:
        yield ""
        yield from _aligned(list(_fields(told)), room)
    elif not told.erased:
        form, lines = written(told.record.value)
        yield ""
        yield f"The record, {form}:"
        yield from lines


def _place(record: Record) -> Iterator[Line]:
    yield Line("place", record.place)
    yield Line("received", f"{moment(record.timestamp)} UTC", "the record's timestamp")
    yield Line("key", key_of(record), "the visitor, by which the log chooses a partition")
    yield Line("bytes", str(len(record.value)))


def _verdict(told: Told) -> Iterator[Line]:
    if told.erased:
        yield Line("payload", ERASED)
    elif told.refusal is not None:
        yield Line("reason", told.refusal.reason.value, "why it cannot be read")
        yield Line("detail", safe(told.refusal.detail))


def _fields(told: Told) -> Iterator[Line]:
    """The attributes of the event, then what it says, then what follows from that."""
    assert told.event is not None
    envelope, model = type(told.event), type(told.event.data)
    raw = from_json(told.record.value)
    for name, value in raw.items():
        if name == "type":
            yield Line(name, str(value), f"{(envelope.__doc__ or '').strip()}")
        elif name != "data":
            yield Line(name, _value(value), _meaning(envelope, name))
    for name, value in raw["data"].items():
        yield Line(f"data.{name}", _said(name, value), _meaning(model, name))
    if told.glimpse is not None:
        occurred, started = told.glimpse.occurred_at, told.glimpse.started_at
        yield Line("occurred_at", f"{moment(occurred)} UTC", "received_at less delay_ms")
        yield Line("started_at", f"{moment(started)} UTC", "its pageview began: occurred_at less age_ms")  # fmt: skip


def _meaning(model: Any, name: str) -> str:
    """The first sentence of what the model says of a field."""
    if name not in model.model_fields:
        return "no field that this version of Dwell knows; it does no harm"
    if name == "specversion":
        return ""
    return (
        str(model.model_fields[name].description or "")
        .partition(". ")[0]
        .partition(";")[0]
        .rstrip(".")
    )


def _said(name: str, value: Any) -> str:
    """A value of `data`, with durations and times as people read them."""
    if name.endswith("_ms") and isinstance(value, int):
        return f"{value} ({span(value)})"
    if name == "received_at" and isinstance(value, int):
        return f"{value} ({moment(value)} UTC)"
    return _value(value)


def _value(value: Any) -> str:
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _aligned(lines: list[Line], room: int | None) -> Iterator[str]:
    """In columns; meanings are wrapped where they meet the end of a terminal, or left out if there is
    no room for them at all."""
    names = max(len(each.name) for each in lines)
    values = max((len(each.value) for each in lines if len(each.value) <= WIDEST), default=0)
    for each in lines:
        said = f"{safe(each.name).ljust(names)}  {each.value.ljust(values)}"
        width = None if room is None else room - len(said) - len(GAP)
        first, *more = _wrapped(each.meaning, width) or [""]
        yield f"{said}{GAP}{first}".rstrip()
        for rest in more:
            yield f"{' ' * len(said)}{GAP}{rest}"


def _wrapped(meaning: str, width: int | None) -> list[str]:
    if width is None:
        return [meaning]
    return [] if width < NARROWEST else textwrap.wrap(meaning, width)


def _object(told: Told) -> dict[str, Any]:
    """The record for programs."""
    record = told.record
    refusal = told.refusal
    return {
        "place": record.place,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": record.key.decode(errors="backslashreplace"),
        "bytes": len(record.value),
        "erased": told.erased,
        "reason": None if refusal is None else refusal.reason.value,
        "detail": None if refusal is None else refusal.detail,
        "event": _event(record.value),
    }


def _event(value: bytes) -> Any:
    """The record's JSON; None if it is none that every reader understands."""
    try:
        found = json.loads(value.decode())
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return found
