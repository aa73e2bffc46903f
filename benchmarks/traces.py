"""What a trace says of one script: how long the main thread worked for it, and when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.devtools import Event

EVALUATING = ("EvaluateScript", "v8.compile", "v8.compileModule", "v8.evaluateModule")
SCRIPTED = (*EVALUATING, "FunctionCall", "v8.produceCache")


@dataclass(frozen=True)
class Work:
    """One stretch of the main thread in which a script ran, with all that it called.

    Attributes:
        evaluating: compiling and running the script's own text, not a function of it later.
        at: seconds on the trace's clock.
        milliseconds: of processor time of the main thread, so that others who want the processor
            do not count.
    """

    evaluating: bool
    at: float
    milliseconds: float


def work_of(script: str, trace: Iterable[Event]) -> list[Work]:
    """The outermost stretches in which a script ran whose URL holds `script`, in their order."""
    ran = [event for event in trace if event["name"] in SCRIPTED and event["ph"] == "X"]
    named = sorted((event for event in ran if script in _url(event)), key=lambda each: each["ts"])
    return list(_outermost(named))


def _outermost(events: Iterable[Event]) -> Iterator[Work]:
    ends: dict[tuple[int, int], int] = {}
    for event in events:
        thread = event["pid"], event["tid"]
        if event["ts"] < ends.get(thread, 0):
            continue
        ends[thread] = event["ts"] + event["dur"]
        yield Work(event["name"] in EVALUATING, event["ts"] / 1e6, event["tdur"] / 1e3)


def _url(event: Event) -> str:
    given = event.get("args", {})
    url: str = (given.get("data") or {}).get("url") or given.get("fileName") or ""
    return url
