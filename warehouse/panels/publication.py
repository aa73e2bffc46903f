"""Which publication an answer is of, and how far in the log it reaches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from dwell.warehouse.published import Identity


@dataclass(frozen=True)
class Publication:
    """One state of the published warehouse.

    Attributes:
        identity: a short word that no other publication of this file has.
        published_at: with a zone. Of shards that are united, when the first of them was published.
        positions: by partition, the offset of the log up to which it has been read.
        log: the identity of that log; empty if the warehouse says none.
    """

    identity: str
    published_at: datetime
    positions: Mapping[int, int]
    log: str


def publication_of(identity: Identity, connection: duckdb.DuckDBPyConnection) -> Publication:
    """What an attached warehouse says of itself."""
    told = dict(connection.execute("select name, value from projection_info").fetchall())
    positions = connection.execute(
        "select partition, max(next_offset) from log_offset group by partition order by partition"
    ).fetchall()
    _, file, nanoseconds = identity
    said = told.get("published_at")
    return Publication(
        f"{file:x}-{nanoseconds:x}",
        datetime.fromisoformat(said) if said else datetime.fromtimestamp(nanoseconds / 1e9, UTC),
        dict(positions),
        told.get("log_identity", ""),
    )
