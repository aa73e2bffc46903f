"""What the projectors of this process did since it began, counted."""

from typing import Protocol

from dwell.figures.histogram import Histogram

TRANSACTION_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TRANSACTION_RECORDS = (1, 10, 100, 1_000, 5_000, 10_000, 20_000, 40_000, 100_000, 1_000_000)
PUBLICATION_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class AtWork(Protocol):
    """A projector, as far as it is asked how it goes."""

    positions: dict[int, int]

    @property
    def trouble(self) -> str | None:
        """Why it does not carry facts now, in one word; `None` if it does."""

    async def dead_letters(self) -> dict[str, int]:
        """How many stand in the warehouse, by reason."""


class Tally:
    """Outlives a projector: a promotion begins another one, and the counting goes on.

    Attributes:
        transactions: seconds of each.
        records: of the log in each transaction.
        publications: seconds of each, the projector's pause included.
        failed_publications: those after which the former one stands.
        at_work: the projector that there is now, if the warehouse is open.
    """

    def __init__(self) -> None:
        self.transactions = Histogram(TRANSACTION_SECONDS)
        self.records = Histogram(TRANSACTION_RECORDS)
        self.publications = Histogram(PUBLICATION_SECONDS)
        self.failed_publications = 0
        self.at_work: AtWork | None = None

    def applied(self, records: int, seconds: float) -> None:
        """A transaction was committed."""
        self.records.observe(records)
        self.transactions.observe(seconds)

    def published(self, seconds: float) -> None:
        """A publication stands."""
        self.publications.observe(seconds)

    def not_published(self) -> None:
        """A publication could not be made."""
        self.failed_publications += 1

    async def unready(self) -> str | None:
        """Why nothing is carried into the warehouse now, in one word; `None` if all is well."""
        return "opening" if self.at_work is None else self.at_work.trouble
