"""The benchmark of the way from a browser to the tables."""

import pytest

from benchmarks.arrival import arrived


def test_a_pageview_has_arrived_with_the_first_that_goes_as_far() -> None:
    reached = [(10.0, 5), (11.0, 8), (12.0, 20)]
    assert arrived([9.5, 9.5, 10.5], [5, 6, 9], reached) == pytest.approx([0.5, 1.5, 1.5])
