"""What a record is that the projection's SQL does not read at first sight."""

from collections.abc import Callable

from dwell.schemas.records import Record, VisitorForgottenRecord, read_record
from dwell.schemas.refusals import Refusal
from dwell.warehouse.reading import Forgotten, Readable, Unreadable, Verdict


def judge(value: bytes, read: Callable[[bytes], Record] = read_record) -> Verdict:
    """Read the record's value to the last field: a fact, an erasure, or a dead letter.

    A fact of an older version comes back in the current one, which is all that the SQL knows.
    """
    try:
        record = read(value)
    except Refusal as refusal:
        return Unreadable(refusal.reason.value, refusal.detail)
    if isinstance(record, VisitorForgottenRecord):
        return Forgotten(record.data.visitor_id, record.data.received_at)
    return Readable(record.model_dump_json().encode())
