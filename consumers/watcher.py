"""Who is told how far a long run is."""

from typing import Protocol


class Watcher(Protocol):
    """Is told of steps, one after the other."""

    def begin(self, step: str, total: int, before: int = 0) -> None:
        """A step of so many records begins, of which a former run has done some `before`."""

    def advance(self, records: int) -> None:
        """So many more are done."""
