"""What a process exposes for operators, read as Prometheus reads it."""

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scraped(port: int) -> tuple[str, Samples]:
    """The text on a port, and its samples by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        text: str = answer.read().decode()
    return text, samples_in(text)


def samples_in(text: str) -> Samples:
    """By name and labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(samples: Samples, name: str, labels: Mapping[str, str] | None = None) -> float:
    """One sample."""
    return samples[name][tuple(sorted((labels or {}).items()))]
