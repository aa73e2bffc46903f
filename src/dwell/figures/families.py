"""Plain numbers in the words of Prometheus: counters, gauges, histograms."""

from collections.abc import Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from dwell.figures.histogram import Histogram


def counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    """What only grows; `name` is without its `_total`."""
    return CounterMetricFamily(name, meaning, value=value)


def counters(
    name: str, meaning: str, label: str, values: Mapping[str, float]
) -> CounterMetricFamily:
    """One counter for each value of a label."""
    family = CounterMetricFamily(name, meaning, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    """What goes up and down."""
    return GaugeMetricFamily(name, meaning, value=value)


def gauges(name: str, meaning: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """One gauge for each value of a label."""
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def histogram(name: str, meaning: str, values: Histogram) -> HistogramMetricFamily:
    """A histogram, its buckets cumulative."""
    bounds = [*map(floatToGoString, values.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=values.sum)
