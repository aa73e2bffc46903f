"""One run of `dwell simulate`, from the first visit to the last line on the screen."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import uvloop

from dwell.commands.simulate.delivery import in_bulk, in_pieces
from dwell.commands.simulate.journeys import Visits
from dwell.commands.simulate.progress import shown
from dwell.commands.simulate.sending import Browsers, Tally
from dwell.commands.simulate.truth import TruthFile

DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is to be simulated.

    Attributes:
        url: of the collector.
        truth: the file to which the truth is added.
        rate: facts a second; 0 is as fast as possible.
        history: seconds over which the visits are spread, each visit's facts sent together; `None`
            is the last day, sent as browsers send them.
        check: the command that compares the warehouse with the truth, to be printed.
    """

    url: str
    truth: Path
    visitors: int
    seed: int
    rate: float
    connections: int
    history: int | None
    timezone: str
    check: str

    def run(self) -> int:
        """Send everything and sum it up.

        Returns:
            the exit status: 0 all settled and kept, 1 the collector refused some, 130 interrupted.

        Raises:
            CollectorMissing, TruthUnwritable: with nothing more to be sent.
        """
        until = time.time_ns() // 1_000_000
        visits = self._visits(until)
        began = time.monotonic()
        with TruthFile(self.truth) as truth:
            browsers = Browsers(
                url=self.url,
                visits=visits,
                delivery=in_bulk if self.history else in_pieces,
                truth=truth,
                connections=self.connections,
                rate=self.rate,
            )
            truth.run(began=until, url=self.url, seed=self.seed, visits=len(visits))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                complete = runner.run(_run(browsers, len(visits)))
            truth.run(ended=time.time_ns() // 1_000_000, complete=complete)
        self._sum_up(browsers.tally, len(visits), time.monotonic() - began)
        if not complete:
            return 130
        return 1 if browsers.tally.refused else 0

    def _visits(self, until: int) -> Visits:
        parts = urlsplit(self.url)
        return Visits(
            seed=self.seed,
            visitors=self.visitors,
            since=until - 1000 * (self.history or DAY_SECONDS),
            until=until,
            timezone=self.timezone,
            origin=f"{parts.scheme}://{parts.netloc}",
        )

    def _sum_up(self, tally: Tally, visits: int, seconds: float) -> None:
        click.echo(
            f"{tally.visits:,} of {visits:,} visits: {tally.facts:,} facts settled, those sent twice"
            f" counted twice, in {tally.requests:,} requests and {seconds:,.1f} s"
            f" ({tally.facts / seconds:,.0f} facts/s); {tally.retries:,} requests tried again,"
            f" {tally.refused:,} refused"
        )
        for refusal in tally.refusals:
            click.echo(f"refused: {refusal}")
        click.echo(f"The truth is in {self.truth}; compare with: {self.check}")


async def _run(browsers: Browsers, visits: int) -> bool:
    """Whether everything was sent before somebody stopped it."""
    loop = asyncio.get_running_loop()
    async with shown(browsers.tally, visits):
        sending = asyncio.create_task(browsers.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, sending.cancel)
        await asyncio.wait([sending])
    if sending.cancelled():
        return False
    sending.result()
    return True
