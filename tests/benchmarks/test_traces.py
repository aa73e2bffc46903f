"""What is read out of a trace."""

from typing import Any

from benchmarks.traces import Work, work_of

PAGE, OTHER = (7, 7), (8, 8)


def event(
    name: str, at: int, took: int, url: str, thread: tuple[int, int] = PAGE
) -> dict[str, Any]:
    """A stretch of a thread, half of which it had the processor; microseconds."""
    process, number = thread
    times = {"ts": at, "dur": took, "tdur": took // 2}
    return {
        "name": name,
        "ph": "X",
        "pid": process,
        "tid": number,
        "args": {"data": {"url": url}},
    } | times


def test_a_stretch_holds_those_within_it_and_counts_once() -> None:
    trace = [
        event("v8.compile", 1100, 300, "http://a/own.js"),
        event("EvaluateScript", 1000, 4000, "http://a/own.js"),
        event("FunctionCall", 6000, 2000, "http://a/own.js"),
        event("FunctionCall", 6100, 1000, "http://a/own.js"),
    ]
    assert work_of("/own", trace) == [Work(True, 0.001, 2.0), Work(False, 0.006, 1.0)]


def test_other_scripts_and_what_is_no_script_do_not_count() -> None:
    trace = [
        event("FunctionCall", 1000, 500, "http://a/other.js"),
        event("ParseHTML", 2000, 500, "http://a/own.js"),
        event("FunctionCall", 3000, 500, "http://a/own.js") | {"ph": "I"},
        {"name": "FunctionCall", "ph": "X", "args": {}},
    ]
    assert work_of("/own", trace) == []


def test_pages_side_by_side_count_each() -> None:
    trace = [
        event("FunctionCall", 1000, 500, "http://a/own.js", PAGE),
        event("FunctionCall", 1200, 500, "http://a/own.js", OTHER),
    ]
    assert [work.milliseconds for work in work_of("/own", trace)] == [0.25, 0.25]
