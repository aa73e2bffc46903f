"""Splitting: the sessions in which a gap is longer than the session time-out of the rules."""

from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.places import BUCKET_MS, Range, covering

EVERYWHERE: Range = (0, 2**48)
"""All moments that a fact can be received at."""


class Splitting:
    """Keeps `session_split` in step with the pageviews, within the transaction that is open.

    A session is split anew, from all of its pageviews, when a batch brought or changed one and that
    can matter. Without a time-out in the rules there is nothing to do, and nothing is done.
    """

    def __init__(self, warehouse: LiveWarehouse) -> None:
        """To be made after the projection's `Merging`, whose macros it needs."""
        self._connection = warehouse.connection
        self._splits = _prepare(warehouse)

    def merged(self, moved: bool) -> None:
        """Facts were merged; `moved` says whether pageviews went to other sessions."""
        if self._splits:
            self._run("touched")
            if moved:
                self._run("moved")

    def erased(self) -> None:
        """Visitors were forgotten."""
        if self._splits:
            self._run("erased")

    def settle(self) -> None:
        """Split the sessions anew that all this has to do with."""
        if not self._splits or not (places := self._places()):
            return
        self._run("empty")
        for place in places:
            self._connection.execute(statements("splits/gather"), place)
        self._run("settle")

    def all(self) -> None:
        """Split all sessions at once, after the tables were filled."""
        if self._splits:
            self._run("all")

    def _places(self) -> list[Range]:
        """When the first facts of these sessions' pageviews were received."""
        found = self._connection.execute(statements("splits/places")).fetchall()
        if any(since < 0 for since, _ in found):
            return [EVERYWHERE]
        return [(since * BUCKET_MS, until * BUCKET_MS) for since, until in covering(found)]

    def _run(self, name: str) -> None:
        self._connection.execute(statements(f"splits/{name}"))


def _prepare(warehouse: LiveWarehouse) -> bool:
    """Whether the rules split sessions; then the macros for that are there."""
    timeout = warehouse.rules and warehouse.rules.session_timeout
    if timeout:
        warehouse.connection.execute(
            f"create or replace temp macro session_timeout() as to_seconds({timeout})"
        )
        warehouse.connection.execute(statements("splits/macros"))
    return bool(timeout)
