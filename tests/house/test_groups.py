"""Tests of a group share a worker: they share a browser or a broker, and some measure time."""

import pytest


@pytest.mark.xdist_group("a-group")
def test_the_tests_of_a_group_stay_together(request: pytest.FixtureRequest) -> None:
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there is one worker alone")
    assert request.node.nodeid.endswith("@a-group"), "pytest-xdist could not say so in the name"
