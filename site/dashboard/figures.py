"""What the dashboard did since it began, in figures."""

from collections.abc import Iterable

from prometheus_client import Metric

from dwell.figures.exposition import Figures
from dwell.figures.families import counters, gauge, histogram
from dwell.site.dashboard.asking import Asking
from dwell.site.dashboard.counting import Requests
from dwell.site.dashboard.streams import Streams


class DashboardFigures(Figures):
    """The figures of a dashboard, read when they are asked for. They say nothing of who looks at what."""

    def __init__(self, requests: Requests, asking: Asking, streams: Streams) -> None:
        self._requests = requests
        self._asking = asking
        self._streams = streams

    def collect(self) -> Iterable[Metric]:
        """As the class says."""
        answered = self._requests.answered.items()
        yield counters(
            "dwell_dashboard_requests",
            "Requests that were answered, by the status of the answer.",
            "status",
            {str(status): many for status, many in answered},
        )
        yield histogram(
            "dwell_dashboard_statement_seconds",
            "How long the warehouse took for what one question asks of it.",
            self._asking.seconds,
        )
        yield gauge(
            "dwell_dashboard_questions",
            "Questions that are answered or wait for it.",
            len(self._asking),
        )
        yield gauge(
            "dwell_dashboard_viewers",
            "Pages that are open and kept up to date.",
            len(self._streams),
        )
