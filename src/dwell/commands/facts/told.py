"""What a record of the log tells: a fact, nothing any more, or something that cannot be read."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from dwell.commands.sql.forms import safe
from dwell.consumers.lookup import Record
from dwell.schemas import records
from dwell.schemas.records import ReceivedGlimpse, VisitorForgottenRecord, read_record
from dwell.schemas.refusals import Refusal

ERASED = "erased: its payload was taken out of the log on the visitor's wish"

_EPOCH = datetime(1970, 1, 1)
_LAST = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Told:
    """A record with what it tells.

    Attributes:
        event: the fact, if it can be read.
        refusal: why it cannot, if it cannot.
    """

    record: Record
    event: records.Record | None
    refusal: Refusal | None

    @property
    def erased(self) -> bool:
        """Whether its payload was erased."""
        return not self.record.value

    @property
    def glimpse(self) -> ReceivedGlimpse | None:
        """What a browser said, if it was one."""
        if self.event is None or isinstance(self.event, VisitorForgottenRecord):
            return None
        return self.event.data


def tell(record: Record) -> Told:
    """What the record tells to this version of Dwell."""
    if not record.value:
        return Told(record, None, None)
    try:
        return Told(record, read_record(record.value), None)
    except Refusal as refusal:
        return Told(record, None, refusal)


def moment(milliseconds: int) -> str:
    """Milliseconds since 1970 as a person reads them, in UTC. A foreign record may bear any number."""
    if not -_LAST // 8 <= milliseconds <= _LAST:
        return f"{milliseconds} ms"
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(" ", "milliseconds")


def seconds(milliseconds: int) -> str:
    """A duration as people read it, to the millisecond."""
    return f"{milliseconds / 1000:,.3f} s"


def span(milliseconds: int) -> str:
    """A duration that may be long, as people say it."""
    if milliseconds < 60_000:
        return seconds(milliseconds)
    minutes = milliseconds // 60_000
    hours, days = minutes // 60, minutes // 1_440
    if not hours:
        return f"{minutes} min {milliseconds // 1000 % 60} s"
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"


def event_line(record: Record) -> str | None:
    """The record's own object on one line, with `place`, where it stands; None if it is no object.

    As it was written, numbers and repeated names included. All in ASCII: nothing in it steers a
    terminal.
    """
    try:
        text = record.value.decode().strip()
        if not isinstance(json.loads(text), dict):
            return None
    except (ValueError, RecursionError):
        return None
    # A line's end can only stand between two tokens, and what is not ASCII only within a string.
    within = text[1:].replace("\n", " ").replace("\r", " ").lstrip()
    separator = "" if within.startswith("}") else ","
    return f'{{"place":"{record.place}"{separator}{_ascii(within)}'


def _ascii(text: str) -> str:
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        each if " " <= each < "\x7f" or each == "\t" else _escaped(each) for each in text
    )


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def key_of(record: Record) -> str:
    """The record's key for people."""
    return safe(record.key.decode(errors="backslashreplace")) or "none"
