"""Histograms, and what Prometheus reads of them."""

from prometheus_client import CollectorRegistry, generate_latest

from dwell.figures.exposition import Figures
from dwell.figures.families import histogram
from dwell.figures.histogram import Histogram
from tests.support.figures import samples_in


class _One(Figures):
    def __init__(self, values: Histogram) -> None:
        self._values = values

    def collect(self):  # type: ignore[no-untyped-def]
        yield histogram("dwell_test_seconds", "Of this test.", self._values)


def test_a_value_counts_for_the_first_bound_that_it_does_not_exceed() -> None:
    values = Histogram((0.1, 1.0))
    for each in (0.0, 0.1, 0.11, 1.0, 5.0):
        values.observe(each)
    assert values.counts == [2, 2, 1]
    assert round(values.sum, 2) == 6.21


def test_prometheus_reads_buckets_that_hold_what_is_below_them() -> None:
    values = Histogram((0.1, 1.0))
    for each in (0.05, 0.5, 0.6, 5.0):
        values.observe(each)
    registry = CollectorRegistry()
    registry.register(_One(values))
    samples = samples_in(generate_latest(registry).decode())
    buckets = samples["dwell_test_seconds_bucket"]
    assert {dict(labels)["le"]: many for labels, many in buckets.items()} == {
        "0.1": 1,
        "1.0": 3,
        "+Inf": 4,
    }
    assert samples["dwell_test_seconds_count"][()] == 4
    assert samples["dwell_test_seconds_sum"][()] == 6.15
