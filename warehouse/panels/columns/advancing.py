"""What is known, brought up to a later publication of the same warehouse: the rows that facts have come
of since are read alone, and the result is believed if it has the same sums as all rows together."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb
import numpy as np

from dwell.warehouse.panels.columns.counting import Array
from dwell.warehouse.panels.columns.known import (
    EARLIER,
    Following,
    Known,
    Links,
    Names,
    Once,
    Pages,
    Pageviews,
    State,
)
from dwell.warehouse.panels.columns.period import milliseconds
from dwell.warehouse.panels.columns.reading import (
    EVER,
    NEVER,
    agents_of,
    all_following,
    following_of,
    hosts_of,
    pages_of,
    schema_of_its_own,
    sessions_of,
    state_of,
    statement,
    told,
    walks_of,
)
from dwell.warehouse.panels.tables import sql_of

MOST = 200_000
"""Rows that are read alone; of more, all are read anew."""
MARKS = 1 << 20

Told = Mapping[str, Array]
"""Columns of an answer."""


class _Unlike(Exception):
    """It is no later state of what is known, or of so much that is new that all may be read as well."""


def advanced(cursor: duckdb.DuckDBPyConnection, known: Known) -> Known | None:
    """What is known of the publication that a connection uses; nothing if it does not follow from what
    was known of an earlier one, so that all has to be read."""
    state = state_of(cursor)
    if not known.state.leads_to(state):
        return None
    try:
        with schema_of_its_own(cursor):
            later = _later(cursor, known, state)
    except _Unlike:
        return None
    return later if sums_of(later) == _sums(cursor, known) else None


def _later(cursor: duckdb.DuckDBPyConnection, known: Known, state: State) -> Known:
    values = _values(known)
    told(cursor, statement("changed"), values)
    sessions = told(cursor, statement("changed_session"), values).fetchnumpy()
    [(pageviews,)] = cursor.execute("select count(*) from pageview").fetchall()
    if max(pageviews, len(sessions["id"])) > MOST:
        raise _Unlike
    for table in ("known_agent", "known_page", "known_referrer"):
        told(cursor, sql_of(table, frozenset()), values)
    known = _with_agents(cursor, known)
    known = _with_sessions(cursor, known, sessions)
    known = _with_pages(cursor, known)
    changed = told(cursor, statement("changed_pageview"), values).fetchnumpy()
    return replace(_with_pageviews(known, changed), state=state)


def _values(known: Known) -> dict[str, Any]:
    partitions, offsets = zip(*sorted(known.state.positions.items()), strict=True)
    return {
        "partitions": list(partitions),
        "offsets": list(offsets),
        "least": min(offsets),
        "most": MOST + 1,
        "since": known.since,
        "earlier": known.since - EARLIER,
        "before": EVER.min,
        "ended": EVER,
    }


def _with_agents(cursor: duckdb.DuckDBPyConnection, known: Known) -> Known:
    agents, texts = agents_of(cursor)
    number = _known_places(texts, known.texts.agents)
    sessions = replace(known.sessions, agent=number[known.sessions.agent])
    return replace(
        known, agents=agents, sessions=sessions, texts=replace(known.texts, agents=texts)
    )


def _with_sessions(cursor: duckdb.DuckDBPyConnection, known: Known, changed: Told) -> Known:
    """New ones and new visitors come behind the others, so that these keep their numbers."""
    visitors, came_at = _with_visitors(cursor, known, changed)
    visitor = places(visitors, changed["visitor"])
    is_late = changed["is_late"]
    np.minimum.at(came_at, visitor[~is_late], changed["started"][~is_late])
    columns = {
        "id": changed["id"],
        "visitor": visitor,
        "agent": _known_places(known.texts.agents, changed["agent"]),
        "started": changed["started"],
        "seen": changed["seen"],
    }
    place = places(known.sessions.id, changed["id"])
    is_new, is_old = (place < 0) & is_late, place >= 0
    merged = {}
    for name, column in columns.items():
        former = getattr(known.sessions, name)
        merged[name] = np.concatenate([former, column[is_new].astype(former.dtype)])
        merged[name][place[is_old]] = column[is_old]
    sessions = sessions_of(
        *(merged["id"], merged["visitor"], came_at),
        *(merged[name] for name in ("agent", "started", "seen")),
    )
    texts = replace(known.texts, visitors=visitors, came_at=came_at)
    return replace(known, sessions=sessions, texts=texts)


def _with_visitors(
    cursor: duckdb.DuckDBPyConnection, known: Known, changed: Told
) -> tuple[Array, Array]:
    """All of them, and when each came first, but for the sessions that are known."""
    seen, first = np.unique(changed["visitor"], return_index=True)
    is_new = places(known.texts.visitors, seen) < 0
    ids = changed["visitor_id"][first[is_new]].tolist()
    came = told(cursor, statement("came"), {"since": known.since, "visitors": ids}).fetchnumpy()
    visitors = np.concatenate([known.texts.visitors, seen[is_new]])
    came_at = np.concatenate([known.texts.came_at, np.full(len(ids), NEVER)])
    came_at[places(visitors, came["visitor"])] = came["first_at"]
    return visitors, came_at


def _with_pages(cursor: duckdb.DuckDBPyConnection, known: Known) -> Known:
    """Pages and referring pages that were not known come behind the others."""
    pages, page_texts = pages_of(cursor)
    hosts, host_texts = hosts_of(cursor)
    texts = known.texts
    new_pages = np.flatnonzero(places(texts.pages, page_texts) < 0).tolist()
    new_hosts = np.flatnonzero(places(texts.referrers, host_texts) < 0).tolist()
    paths = [pages.path.names[pages.path.of[each]] for each in new_pages]
    path, _ = known.pages.path.extended(paths)
    tabs = [*known.pages.tabs, *(pages.tabs[each] for each in new_pages)]
    return replace(
        known,
        pages=Pages(path, tabs),
        hosts=known.hosts.extended([hosts[each] for each in new_hosts])[0],
        texts=replace(
            texts,
            pages=np.concatenate([texts.pages, page_texts[new_pages]]),
            referrers=np.concatenate([texts.referrers, host_texts[new_hosts]]),
        ),
    )


def _with_pageviews(known: Known, changed: Told) -> Known:
    """Rows before the first that changes stay where they are."""
    row = places(known.links.id, changed["id"])
    row = row[row >= 0]
    late = {name: column[changed["is_late"]] for name, column in changed.items()}
    known, late["view"] = _with_views(known, late["view_name"].tolist())
    late["session"] = _known_places(known.sessions.id, late["session"])
    late["page"] = _known_places(known.texts.pages, late["page"])
    late["referrer"] = _known_places(known.texts.referrers, late["referrer"])
    columns = vars(known.pageviews) | vars(known.links)
    rows = len(columns["id"])
    first = np.searchsorted(columns["started"], late["started"].min(initial=NEVER))
    begin = min(int(first), int(row.min(initial=rows)))
    stays = np.ones(rows - begin, bool)
    stays[row - begin] = False
    tail = {
        name: np.concatenate([column[begin:][stays], late[name].astype(column.dtype)])
        for name, column in columns.items()
    }
    order = np.lexsort((tail["view"], tail["started"]))
    merged = {
        name: np.concatenate([column[:begin], tail[name][order]])
        for name, column in columns.items()
    }
    links = Links(*(merged.pop(name) for name in Links.__annotations__))
    pageviews = Pageviews(**merged)
    before = _before(known, begin)
    return replace(
        known,
        pageviews=pageviews,
        links=links,
        walks=walks_of(pageviews, links, len(known.sessions.started)),
        following=Once(partial(_following, before, pageviews, links)),
        before=before,
    )


def _with_views(known: Known, names: list[str]) -> tuple[Known, Array]:
    """With those of these names that were not known, and the number of each."""
    former = Names(known.views, np.zeros(0, np.int32))
    views, moved = former.extended(names)
    if len(views.names) > len(known.views):
        pageviews = replace(known.pageviews, view=moved[known.pageviews.view])
        known = replace(known, views=views.names, pageviews=pageviews)
    return known, views.of


def _before(known: Known, begin: int) -> tuple[Array, int] | None:
    """What was followed by the rows up to one, as it was made last."""
    made = known.following.made
    if made is not None:
        return made.before, begin
    return known.before and (known.before[0], min(known.before[1], begin))


def _following(former: tuple[Array, int] | None, pageviews: Pageviews, links: Links) -> Following:
    """What the rows up to one followed is as it was, unless it is behind that or was not known."""
    if former is None:
        return all_following(pageviews, links)
    told, begin = former
    before = np.full(len(links.id), -1, np.int32)
    before[:begin] = np.where(told[:begin] < begin, told[:begin], -1)
    wanted = np.flatnonzero((before < 0) & (links.previous != 0))
    before[wanted] = places(links.id, links.previous[wanted])
    return following_of(before, pageviews, links)


def sums_of(known: Known) -> tuple[int, ...]:
    """What `sums.sql` says of what is known."""
    since, pageviews, sessions = milliseconds(known.since), known.pageviews, known.sessions
    return (
        len(pageviews.started),
        int(np.bitwise_xor.reduce(known.links.id)),
        int((pageviews.started - since).sum()),
        int(pageviews.ms.sum()),
        int(pageviews.last_seq.sum(dtype=np.int64)),
        int(pageviews.facts.sum(dtype=np.int64)),
        int(np.count_nonzero(pageviews.end_seen)),
        len(sessions.started),
        int(np.bitwise_xor.reduce(sessions.id)),
        int(np.bitwise_xor.reduce(known.texts.visitors[sessions.visitor])),
        int((sessions.started - since).sum()),
        int((sessions.seen - since).sum()),
    )


def _sums(cursor: duckdb.DuckDBPyConnection, known: Known) -> tuple[int, ...]:
    [row] = told(cursor, statement("sums"), _values(known)).fetchall()
    return tuple(int(each or 0) for each in row)


def _known_places(hashes: Array, wanted: Array) -> Array:
    found = places(hashes, wanted)
    if found.min(initial=0) < 0:
        raise _Unlike
    return found


def places(hashes: Array, wanted: Array) -> Array:
    """Where each of these hashes is among many different ones, or -1."""
    different, which = np.unique(wanted, return_inverse=True)
    found = np.full(len(different), -1, np.int32)
    if len(different):
        marks = np.zeros(MARKS, bool)
        marks[different & (MARKS - 1)] = True
        near = np.flatnonzero(marks[hashes & (MARKS - 1)])
        place = np.minimum(np.searchsorted(different, hashes[near]), len(different) - 1)
        is_it = different[place] == hashes[near]
        found[place[is_it]] = near[is_it]
    numbers: Array = found[which]
    return numbers
