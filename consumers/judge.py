"""What a record is that the projection's SQL does not read at first sight."""

from dwell.schemas.records import VisitorForgottenRecord, read_record
from dwell.schemas.refusals import Refusal
from dwell.warehouse.reading import Forgotten, Readable, Unreadable, Verdict


def judge(value: bytes) -> Verdict:
    """Read the record's value to the last field: a fact, an erasure, or a dead letter."""
    try:
        record = read_record(value)
    except Refusal as refusal:
        return Unreadable(refusal.reason.value, refusal.detail)
    if isinstance(record, VisitorForgottenRecord):
        return Forgotten(record.data.visitor_id, record.data.received_at)
    return Readable(record.model_dump_json().encode())
