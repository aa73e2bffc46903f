"""The dead letters of a live warehouse, and which of them were sent to a topic of their own."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from dwell.warehouse.live import LiveWarehouse, statements

MOST = 1000
"""Letters that are taken at once, at most."""
MOST_BYTES = 4 * 2**20
"""Bytes of their payloads, about."""


class Letter(NamedTuple):
    """A dead letter as it stands in the table; `received_at` is in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    payload: bytes
    received_at: int
    reason: str
    detail: str


class Unforwarded:
    """The letters that the dead-letter topic has not got. For the warehouse's own thread."""

    def __init__(self, warehouse: LiveWarehouse, largest: int) -> None:
        """`largest` is what a payload may have in bytes; larger ones are left where they are."""
        self._warehouse = warehouse
        self._largest = largest

    def first(self, refused: Collection[tuple[int, int]]) -> list[Letter]:
        """The first of them, as many as are well sent together; those at these places, partition and
        offset, are left where they are too."""
        places = sorted(refused)
        found = self._warehouse.connection.execute(
            statements("dead_letters/unforwarded"),
            {
                "largest": self._largest,
                "most": MOST,
                "bytes": MOST_BYTES,
                "partitions": [partition for partition, _ in places],
                "offsets": [offset for _, offset in places],
            },
        )
        return [Letter(*row) for row in found.fetchall()]

    def strike(self, letters: Sequence[Letter], at: datetime) -> None:
        """They were forwarded at this moment, in UTC without a zone; a transaction of its own.

        A letter that is gone by now, because it was read after all, is none the worse.
        """
        with self._warehouse.transaction() as connection:
            connection.execute(
                statements("dead_letters/forwarded"),
                {
                    "partitions": [letter.partition for letter in letters],
                    "offsets": [letter.offset for letter in letters],
                    "at": at,
                },
            )
