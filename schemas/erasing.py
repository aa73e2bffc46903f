"""Erasing: which records of the log an erasure covers."""

import re
import secrets
from collections.abc import Mapping
from uuid import UUID

from dwell.schemas.facts import VisitorForgotten
from dwell.schemas.records import VisitorForgottenRecord, read_record, record_of_forgotten
from dwell.schemas.refusals import Refusal

_ID = re.compile(rb"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
"""Also without hyphens, as the projector takes it."""


def order(visitor: str, received_at: int) -> bytes:
    """The value of a record that has a visitor forgotten: what was received up to this moment, in
    milliseconds since 1970."""
    fact = VisitorForgotten(visitor_id=visitor, received_at=received_at)
    return record_of_forgotten(fact, id_=_uuid7(received_at))


def _uuid7(milliseconds: int) -> str:
    random = secrets.randbits(74)
    return str(
        UUID(
            int=milliseconds << 80 | 7 << 76 | random >> 62 << 64 | 2 << 62 | random & (1 << 62) - 1
        )
    )


def is_erased(key: bytes, value: bytes, timestamp: int, erasures: Mapping[str, int]) -> bool:
    """Whether nothing of this record may stay.

    That is so of a fact of a forgotten visitor, received up to the erasure, and of a record that
    cannot be read and names the visitor anywhere, if its time is not later. The order to forget is
    kept: it has to be heeded by whoever reads the log anew.

    Args:
        timestamp: the record's, in milliseconds since 1970.
        erasures: by visitor, up to when what was received is erased, in milliseconds since 1970.
    """
    try:
        record = read_record(value)
    except Refusal:
        named = {str(UUID(found.decode())) for found in _ID.findall((key + b" " + value).lower())}
        return any(timestamp <= erasures[each] for each in named & erasures.keys())
    if isinstance(record, VisitorForgottenRecord):
        return False
    return record.data.received_at <= erasures.get(record.data.visitor_id, -1)
