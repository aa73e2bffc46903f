"""Merging: the facts of a batch become rows, or change the rows that are there."""

from typing import Any, NamedTuple

from dwell.warehouse.live import LiveWarehouse, statements
from dwell.warehouse.places import Places


class Merged(NamedTuple):
    """What the tables still want.

    Attributes:
        agents: browser agents that are not described yet.
        renamed: a session has another agent now; there may be some that no session has any more.
        moved: pageviews may have gone from one session to another.
    """

    agents: list[str]
    renamed: bool
    moved: bool


class Census(NamedTuple):
    """What `census.sql` says there is to do; null where the batch met no row."""

    mixed_pageview: bool
    repeated: bool
    mixed_session: bool
    plain_pageview: bool | None
    other_pageview: bool | None
    suspect: bool | None
    first_suspect: int | None
    last_suspect: int | None
    in_one_partition: bool | None
    plain_session: bool | None
    other_session: bool | None


class Merging:
    """Merges the facts in the temporary view `fact` into the tables, within the open transaction.

    Nearly every row is new, or merging it comes to a few least and greatest values. What does not is
    `contested` and goes through the merge functions. Each step that has nothing to do is left out:
    planning a statement costs more than running it on the few rows of a quiet hour.

    Args:
        at_once: whether new pageviews go straight into their table, which is for millions of them.
    """

    def __init__(self, warehouse: LiveWarehouse, *, at_once: bool = False) -> None:
        self._connection = warehouse.connection
        self._places = Places(warehouse)
        self._new_pageviews = "pageviews/at_once" if at_once else "pageviews/new"
        self._run("pageviews/macros")

    def merge(self) -> Merged:
        """Merge the facts, of which there is one at least."""
        self._run("grouped")
        self._meet()
        census = Census(*self._all("census")[0])
        self._merge_changes(census)
        moved = self._merge_pageviews(census)
        renamed = self._merge_sessions(census)
        if moved:
            self._run("sessions/moves")
        self._places.add()
        agents = self._all("agents") + (self._all("sessions/renamed_agents") if renamed else [])
        return Merged(list({agent for (agent,) in agents}), renamed, moved)

    def _meet(self) -> None:
        """Fill `met_pageview` and `met_session` with the rows that are there already."""
        for kind, places in self._places.find().items():
            rows = f"met_{kind}s('batch_{kind}', ?, ?)"
            first, *further = places or [(0, 0)]
            self._connection.execute(
                f"create or replace temp table met_{kind} as from {rows}", first
            )
            for place in further:
                self._connection.execute(f"insert into met_{kind} from {rows}", place)

    def _merge_pageviews(self, census: Census) -> bool:
        """Returns whether some may have gone to another session."""
        renamed = False
        if census.plain_pageview:
            self._run("pageviews/update")
        self._run(self._new_pageviews)
        if census.mixed_pageview or census.other_pageview:
            self._run("pageviews/contested")
            if renamed := self._any("renamed_pageview"):
                self._run("pageviews/rename")
        self._run("pageviews/insert")
        return renamed

    def _merge_sessions(self, census: Census) -> bool:
        """Returns whether one may have another agent."""
        renamed = False
        if census.plain_session:
            self._run("sessions/update")
        self._run("sessions/new")
        if census.mixed_session or census.other_session:
            self._run("sessions/contested")
            if renamed := self._any("renamed_session"):
                self._run("sessions/rename")
        self._run("sessions/insert")
        return renamed

    def _merge_changes(self, census: Census) -> None:
        """Before the pageviews, which count these rows."""
        if not (census.repeated or census.suspect):
            self._run("changes/plain")
            return
        self._run("changes/suspect")
        known = (census.first_suspect, census.last_suspect)
        if not census.suspect:
            known = (0, -1)
        elif not census.in_one_partition:
            known = (0, 2**48)
        self._connection.execute(statements("changes/known"), known)
        self._run("changes/merge")
        self._run("changes/recount")

    def _run(self, name: str) -> None:
        self._connection.execute(statements(name))

    def _all(self, name: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statements(name)).fetchall()

    def _any(self, table: str) -> bool:
        return bool(self._connection.execute(f"select 1 from {table} limit 1").fetchall())  # noqa: S608
