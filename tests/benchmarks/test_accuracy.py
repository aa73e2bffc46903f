"""The page on accuracy, from what scenarios measured."""

import json
from pathlib import Path

import pytest

from benchmarks.accuracy import page, read


def measured(scenario: str, engine: str, truths: list[list[float]], seconds: list[float]) -> str:
    line = {"scenario": scenario, "engine": engine, "version": f"{engine} 1", "truths": truths}
    return json.dumps(line | {"measured": seconds, "allowed": [0.25, 0.25]})


def came_to(scenario: str, engine: str, outcome: str, reason: str = "") -> str:
    return json.dumps(
        {"scenario": scenario, "engine": engine, "outcome": outcome, "reason": reason}
    )


@pytest.fixture
def made(tmp_path: Path) -> str:
    lines = [
        measured("read 6", "chromium", [[5.9, 6.1]], [6.0]),
        came_to("read 6", "chromium", "passed"),
        measured("read 6", "chromium", [[6.0, 6.2]], [6.3]),
        came_to("read 6", "chromium", "passed"),
        measured("read 6", "webkit", [[5.9, 6.1], [1.0, 1.0]], [7.0]),
        came_to("read 6", "webkit", "skipped", "it has no such thing"),
        came_to("freeze", "webkit", "skipped", "it cannot"),
    ]
    file = tmp_path / "measured.jsonl"
    file.write_text("".join(line + "\n" for line in lines))
    return page(*read(file))


def test_a_row_says_truth_measurement_error_and_spread(made: str) -> None:
    assert "| read 6 | 6.05 ± 0.10 | 6.15 | +0.20 | 0.20 |  | 2 of 2 |" in made
    assert "1 of 1 scenarios passed in every run." in made


def test_what_an_engine_does_not_pass_stands_below_with_its_reason(made: str) -> None:
    _, _, webkit = made.partition("## WebKit")
    assert "| read 6 | 6.00, 1.00 ± 0.10 | 1 pageviews |  |  |  | 0 of 1 |" in webkit
    assert "- read 6: it has no such thing." in webkit
    assert "Not to be tried in WebKit:\n\n- freeze: it cannot." in webkit


def test_the_page_names_the_browsers_and_no_engine_that_did_not_run(made: str) -> None:
    assert "- browsers: chromium 1, webkit 1\n" in made
    assert "## Firefox" not in made
