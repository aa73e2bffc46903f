"""Ids that are the same each time, so that what is sent twice counts once."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPACE = UUID("b1d5c1e0-4a6f-5c55-9d0e-2f6f1b6c7a10")
"""Of Dwell's own, so that a name gives another id here than elsewhere."""


def milliseconds(moment: datetime) -> int:
    """Since 1970 in UTC.

    Raises:
        ValueError: the moment does not say its time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: expected one, as datetime.UTC")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def uuid_of(*name: str) -> UUID:
    """The id that belongs to a name, as of a visitor by the id that another tool gave them."""
    return uuid5(_SPACE, "\x1f".join(name))


def uuid7_of(moment: datetime, *name: str) -> UUID:
    """The version 7 UUID of what began at a moment and has a name: what Dwell takes for a session and a
    pageview. The same moment and name give the same id."""
    digest = int.from_bytes(sha256("\x1f".join(name).encode()).digest()[:10], "big")
    value = (milliseconds(moment) & (1 << 48) - 1) << 80 | digest
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(0x3 << 62) | 2 << 62)
