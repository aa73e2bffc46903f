"""What the collector did since it began, in figures."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import Metric

from dwell.events.space import free_beside
from dwell.figures.exposition import Figures
from dwell.figures.families import counter, counters, gauge, histogram
from dwell.schemas.refusals import Reason
from dwell.site.collector.refusals import Cause

if TYPE_CHECKING:
    from dwell.site.dwell import Dwell

OF_FACTS = (Reason.UNKNOWN_TYPE, Reason.UNKNOWN_VERSION, Reason.INVALID_FIELD)
"""Why a fact is refused, and others of the same request are kept."""
OF_REQUESTS = (*Cause, Reason.NOT_JSON, Reason.NO_FACTS, Reason.TOO_MANY)
"""Why a request is refused as a whole."""


class SiteFigures(Figures):
    """The figures of a `Dwell`, read when they are asked for. They carry nothing of any request."""

    def __init__(self, dwell: "Dwell") -> None:
        self._dwell = dwell

    def collect(self) -> Iterable[Metric]:
        """As the class says."""
        collector = self._dwell.collector
        counts = collector.counts
        yield counter("dwell_site_facts_accepted", "Facts that were made durable.", counts.accepted)
        yield counters(
            "dwell_site_facts_refused",
            "Facts that were refused, by what is wrong with them.",
            "reason",
            {each: counts.refused[each] for each in OF_FACTS},
        )
        yield counters(
            "dwell_site_requests_refused",
            "Requests that were refused as a whole, by the reason.",
            "reason",
            {each: counts.refused[each] for each in OF_REQUESTS},
        )
        yield histogram(
            "dwell_site_durable_seconds",
            "How long a request's facts took to be made durable, of those that were.",
            counts.durable,
        )
        yield gauge(
            "dwell_site_waiting_facts",
            "Facts of requests that wait to be made durable.",
            collector.waiting,
        )
        yield gauge(
            "dwell_site_waiting_bytes",
            "Bytes that wait for the log, those of requests that were given up included.",
            self._dwell.waiting_bytes,
        )
        yield gauge(
            "dwell_site_waiting_bytes_limit",
            "DWELL_WAITING_BYTES, beyond which facts are refused.",
            self._dwell.settings.waiting_bytes,
        )
        yield from self._space()

    def _space(self) -> Iterable[Metric]:
        settings = self._dwell.settings
        if settings.kafka_servers:
            return
        yield gauge(
            "dwell_site_log_free_bytes",
            "Bytes that are free on the disk of the embedded log.",
            free_beside(settings.embedded_log),
        )
        yield gauge(
            "dwell_site_log_free_bytes_limit",
            "DWELL_KEEP_FREE, below which facts are refused.",
            settings.keep_free,
        )
