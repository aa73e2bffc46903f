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
        measured_since: when measuring began, in UTC without a zone: the first session but for one in
            a thousand, as a wrong clock can have placed these anywhere; `None` if there is none.
    """

    identity: str
    published_at: datetime
    positions: Mapping[int, int]
    log: str
    measured_since: datetime | None = None


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
        _measured_since(connection),
    )


def _measured_since(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    # Of the rows themselves: views that unite or split them would go through all of them.
    schemas = connection.execute("select schema_name from duckdb_schemas()").fetchall()
    rows = next((each for each in ("shards", "browser") if (each,) in schemas), "main")
    connection.execute(f"use warehouse.{rows}")
    [(count,)] = connection.execute("select count(*) from tracking_session").fetchall()
    found = connection.execute(
        "select started_at from tracking_session order by started_at limit 1 offset ?",
        [count // 1000],
    ).fetchall()
    return found[0][0] if found else None
