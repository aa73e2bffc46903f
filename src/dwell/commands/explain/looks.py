"""When a page could be seen, as far as its facts tell."""

from dataclasses import dataclass, replace
from typing import Literal

from dwell.commands.explain.law import milliseconds_of
from dwell.commands.explain.warehouse import Row

State = Literal["visible", "hidden", "not told"]


@dataclass(frozen=True)
class Look:
    """A stretch of time in which the page was visible, or hidden, or of which the facts do not tell.

    Attributes:
        begin: milliseconds since 1970, by the collector's clock.
        end: the same; None: there is no further fact, and the last one says visible.
        counted_ms: by how much `engagement_ms` grew in it.
        first_seq: the fact at its begin; -1 is the begin of the pageview itself.
        last_seq: the fact at its end.
    """

    state: State
    begin: int
    end: int | None
    counted_ms: int
    first_seq: int
    last_seq: int

    @property
    def length_ms(self) -> int | None:
        """From begin to end."""
        return None if self.end is None else self.end - self.begin


def looks_of(started_at: int, changes: list[Row]) -> list[Look]:
    """The stretches from the pageview's begin to its last fact, and what follows if it says visible.

    Args:
        started_at: milliseconds since 1970; from then on the page was visible.
        changes: one row for each fact that is known, in the order of their seq.
    """
    found: list[Look] = []
    state: State = "visible"
    seq, moment, seconds = -1, started_at, 0.0
    for change in changes:
        until, grown = milliseconds_of(change["occurred_at"]), change["engagement_time"]
        told = state if change["seq"] == seq + 1 else "not told"
        look = Look(told, moment, until, round(1000 * (grown - seconds)), seq, change["seq"])
        _add(found, look)
        state, seq, moment = change["visibility"], change["seq"], until
        seconds = max(seconds, grown)
    if state == "visible" and changes:
        found.append(Look("not told", moment, None, 0, seq, seq))
    return found


def _add(looks: list[Look], look: Look) -> None:
    """Go on with the last one if nothing has changed: a checkpoint."""
    last = looks[-1] if looks else None
    if last is not None and last.state == look.state != "not told":
        looks[-1] = replace(
            last,
            end=look.end,
            counted_ms=last.counted_ms + look.counted_ms,
            last_seq=look.last_seq,
        )
    else:
        looks.append(look)
