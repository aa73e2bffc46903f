"""Tests of a group share a worker: they share a browser or a broker, and some measure time."""

import pytest


@pytest.mark.parametrize(
    "group",
    [
        pytest.param("a-group", marks=pytest.mark.xdist_group("a-group")),
        pytest.param("browser-house", marks=pytest.mark.browser),
        pytest.param("browser-of-ours", marks=pytest.mark.browser(group="browser-of-ours")),
    ],
)
def test_the_tests_of_a_group_stay_together(request: pytest.FixtureRequest, group: str) -> None:
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there is one worker alone")
    assert request.node.nodeid.endswith(f"@{group}"), "pytest-xdist could not say so in the name"
