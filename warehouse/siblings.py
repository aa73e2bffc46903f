"""The other shards, as far as one of them has to know: whom they were told to forget, and what they keep
no more."""

import json
import logging
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from dwell.errors import WarehouseError
from dwell.shard import Shard
from dwell.warehouse.attaching import attach
from dwell.warehouse.horizon import HORIZON, MARKS
from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.published import Identity, identity_of
from dwell.warehouse.reading import Forgotten

logger = logging.getLogger(__name__)


class Sibling(NamedTuple):
    """What another shard keeps no more: `Horizon.since` and its marks."""

    horizon: datetime
    marks: dict[str, int]


class Siblings:
    """Looks into what the other shards have published; not for several threads.

    An erasure stands in one partition of the log, and goes to the shard that owns it. Facts of the
    same visitor stand in other partitions too, if the log had fewer of them once.
    """

    def __init__(self, warehouse: LiveWarehouse, published: Path, own: Shard) -> None:
        self._warehouse = warehouse
        self._files = [each.beside(published) for each in own.all() if each != own]
        self._seen: dict[Path, Identity] = {}
        self._dropped: list[Sibling] = []

    def forgotten(self) -> list[Forgotten]:
        """The erasures of the others that this shard has not heeded, of those published since the
        last time this was asked."""
        found = []
        for file in self._files:
            with suppress(WarehouseError):  # not published yet, or not readable: asked again
                identity = identity_of(file)
                if identity != self._seen.get(file):
                    found += self._told(file)
                    self._seen[file] = identity
        return found

    def dropped(self) -> list[Sibling]:
        """What was found of that, since the last time this was asked."""
        found, self._dropped = self._dropped, []
        return found

    def _told(self, file: Path) -> list[Forgotten]:
        connection = self._warehouse.connection
        try:
            connection.execute(attach(file, "sibling", "read_only"))
            rows = connection.execute(statements("erasures_of_sibling")).fetchall()
            kept = dict(connection.execute(statements("horizon/of_sibling")).fetchall())
        except duckdb.Error as error:
            first_line = str(error).partition("\n")[0]
            problem = f"{file} cannot be read: {first_line}"
            logger.warning("%s", problem)
            raise WarehouseError(problem) from None
        finally:
            connection.execute("detach database if exists sibling")
        if HORIZON in kept:
            horizon = datetime.fromisoformat(kept[HORIZON])
            self._dropped.append(Sibling(horizon, json.loads(kept.get(MARKS, "{}"))))
        return [Forgotten(visitor_id, received_at) for visitor_id, received_at in rows]
