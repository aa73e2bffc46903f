"""The panel that tells how complete the figures are."""

import numpy as np

from dwell.warehouse.panels.columns.counting import percent
from dwell.warehouse.panels.columns.looked import Chosen, Rows


def completeness(chosen: Chosen) -> Rows:
    """See `completeness.sql`."""
    pageviews, rows = chosen.known.pageviews, chosen.now.rows
    following = chosen.known.following.get()
    is_tail = chosen.marks[following.row] & (following.lost > 0)
    tail, place = np.unique(following.row[is_tail], return_inverse=True)
    lost = np.zeros(len(tail), np.int64)
    np.maximum.at(lost, place, following.lost[is_tail])
    ended = int(np.count_nonzero(pageviews.end_seen[rows])) - int(
        np.count_nonzero(pageviews.end_seen[tail])
    )
    arrived = int(pageviews.facts[rows].sum())
    made = int(pageviews.last_seq[rows].sum()) + len(rows) + int(lost.sum())
    figures = [
        ("facts", "made", made, made),
        ("facts", "arrived", arrived, made),
        ("facts", "lost", made - arrived, made),
        ("pageviews", "all", len(rows), len(rows)),
        ("pageviews", "exact", ended, len(rows)),
        ("pageviews", "end not seen", len(rows) - ended - len(tail), len(rows)),
        ("pageviews", "end lost", len(tail), len(rows)),
    ]
    letters = sorted(chosen.period.dead_letters, key=lambda each: (-each[1], each[0]))
    return [
        *((part, what, many, percent(many, of)) for part, what, many, of in figures),
        *(("dead_letters", reason, many, None) for reason, many in letters),
    ]
