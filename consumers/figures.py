"""What the projector does, in figures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from prometheus_client import Metric

from dwell.consumers.lag import Lag, lags
from dwell.consumers.tally import Tally
from dwell.errors import DwellError
from dwell.events.log import LogReader
from dwell.events.opening import open_reader
from dwell.figures.exposition import Figures
from dwell.figures.families import counter, gauge, gauges, histogram
from dwell.schemas.refusals import OF_RECORDS
from dwell.settings import Settings

ANSWER_SECONDS = 1.5
"""How long log and warehouse may take for what they are asked; figures that do not come are left out."""

Found = TypeVar("Found")


class ProjectorFigures(Figures):
    """The figures of a projector. The log is asked over a connection of its own, the warehouse in its turn
    between two transactions; what neither answers in time is left out."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self._reader: LogReader | None = None
        self._lags = _Asked(self._ask_lags)
        self._dead_letters = _Asked(self._ask_dead_letters)

    async def look(self) -> None:
        """As the class says."""
        await asyncio.gather(self._lags.ask(), self._dead_letters.ask())

    def collect(self) -> Iterable[Metric]:
        """As the class says."""
        tally = self._tally
        yield from self._lag()
        yield histogram(
            "dwell_projector_transaction_seconds",
            "How long a transaction took.",
            tally.transactions,
        )
        yield histogram(
            "dwell_projector_transaction_records",
            "Records of the log in a transaction.",
            tally.records,
        )
        yield histogram(
            "dwell_projector_publication_seconds",
            "How long a publication took, the projector's pause included.",
            tally.publications,
        )
        yield counter(
            "dwell_projector_publications_failed",
            "Publications that could not be made; the former one stands.",
            tally.failed_publications,
        )
        yield from self._published()
        yield gauges(
            "dwell_projector_dead_letters",
            "Records that could not be read and stand in the warehouse, by the reason.",
            "reason",
            self._dead_letters.found or {},
        )

    async def close(self) -> None:
        """Let go of the log."""
        self._lags.give_up()
        self._dead_letters.give_up()
        if self._reader is not None:
            await self._reader.close()

    def _lag(self) -> Iterable[Metric]:
        found = {str(each): lag for each, lag in (self._lags.found or {}).items()}
        yield gauges(
            "dwell_projector_lag_records",
            "Records that the log has and the warehouse has not.",
            "partition",
            {each: lag.records for each, lag in found.items()},
        )
        yield gauges(
            "dwell_projector_lag_seconds",
            "How long ago the oldest of them was received; 0 if there is none.",
            "partition",
            {each: lag.seconds for each, lag in found.items()},
        )

    def _published(self) -> Iterable[Metric]:
        """Nothing while nothing is published."""
        try:
            made = self._settings.publication.stat().st_mtime
        except OSError:
            return
        yield gauge(
            "dwell_projector_published_timestamp_seconds",
            "When the published file was made, in seconds since 1970.",
            made,
        )
        yield gauge(
            "dwell_projector_published_age_seconds",
            "Its age; it grows while there is nothing new to publish.",
            max(time.time() - made, 0),
        )

    async def _ask_lags(self) -> dict[int, Lag]:
        at_work = self._tally.at_work
        if at_work is None or not at_work.positions:
            return {}
        if self._reader is None:
            self._reader = open_reader(self._settings)
        return await lags(self._reader, dict(at_work.positions), int(time.time() * 1_000))

    async def _ask_dead_letters(self) -> dict[str, float]:
        at_work = self._tally.at_work
        if at_work is None:
            return {}
        found = await at_work.dead_letters()
        return dict.fromkeys(OF_RECORDS, 0.0) | found


class _Asked(Generic[Found]):
    """One question at a time, however often it is put.

    Attributes:
        found: the last answer; `None` if it did not come in time, or with an error.
    """

    def __init__(self, question: Callable[[], Awaitable[Found]]) -> None:
        self._question = question
        self._asking: asyncio.Task[Found] | None = None
        self.found: Found | None = None

    async def ask(self) -> None:
        """Put the question, or wait for the answer to it as it was put before."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._question())
        asking = self._asking
        await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
        if asking.done() and self._asking is asking:
            self._asking = None
        self.found = asking.result() if asking.done() and not _failed(asking) else None

    def give_up(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()


def _failed(asked: "asyncio.Task[Found]") -> bool:
    """Whether there is no answer: the log is away, facts are gone, or the projector has ended."""
    error = None if asked.cancelled() else asked.exception()
    if error is not None and not isinstance(error, (DwellError, OSError, RuntimeError)):
        raise error
    return asked.cancelled() or error is not None
