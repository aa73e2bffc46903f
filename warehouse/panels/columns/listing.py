"""The list of sessions, those that began last first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from dwell.warehouse.panels.columns.counting import rounded
from dwell.warehouse.panels.columns.looked import Chosen, Rows
from dwell.warehouse.panels.columns.period import milliseconds
from dwell.warehouse.panels.columns.reading import statement


def sessions(chosen: Chosen, told: Mapping[str, Any]) -> Rows:
    """See `asking/sessions.sql`; `told` has its `before_at`, `before_id` and `most`."""
    numbers = _latest(chosen, told["before_at"], told["most"])
    if not numbers:
        return []
    known = chosen.known.sessions
    ids = {int(known.id[number]): number for number in numbers}
    started = known.started[numbers]
    asked = {"first": int(started.min()), "last": int(started.max()), "ids": list(ids)}
    found = [
        (started_at, session_id, last_seen_at, ids[each])
        for each, session_id, started_at, last_seen_at in chosen.period.ask(
            statement("sessions"), asked
        )
        if told["before_at"] is None
        or (started_at, session_id) < (told["before_at"], told["before_id"])
    ]
    found.sort(key=lambda row: row[:2], reverse=True)
    walked = chosen.known.walks.pageviews
    return [_row(chosen, *each) for each in found[: told["most"]] if walked[each[3]]]


def _latest(chosen: Chosen, before_at: datetime | None, most: int) -> list[int]:
    """So many sessions at least, those that began last until then, and all that began in the same
    milliseconds as the first and the last of them."""
    numbers = chosen.now.sessions
    started = chosen.known.sessions.started[numbers]
    if before_at is not None:
        before = milliseconds(before_at)
        is_it = started <= before
        numbers, started = numbers[is_it], started[is_it]
        most += int(np.count_nonzero(started == before))
    if len(numbers) > most:
        is_it = started >= np.partition(started, len(started) - most)[-most]
        numbers = numbers[is_it]
    latest: list[int] = numbers.tolist()
    return latest


def _row(
    chosen: Chosen, started_at: datetime, session_id: str, last_seen_at: datetime, number: int
) -> tuple[Any, ...]:
    known = chosen.known
    first, last = int(known.walks.first[number]), int(known.walks.last[number])
    rows = slice(first, last + 1)
    ms = known.pageviews.ms[rows][known.pageviews.session[rows] == number].sum()
    agent, agents = known.sessions.agent[number], known.agents
    return (
        *(session_id, started_at, last_seen_at, int(known.walks.pageviews[number])),
        rounded(int(ms) / 1000, 3),
        *(known.views[known.pageviews.view[each]] for each in (first, last)),
        *(each.names[each.of[agent]] for each in (agents.browser, agents.system, agents.device)),
        f"{started_at:%Y-%m-%dT%H:%M:%S.%f}_{session_id}",
    )
