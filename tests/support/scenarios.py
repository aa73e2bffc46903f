"""Scenarios: what people do with pages, told in a line, with their lengths in seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])

RUNS = 5
"""How often `--long` runs each scenario."""


@dataclass(frozen=True)
class Scenario:
    """One row of the page on accuracy.

    Attributes:
        told: what happens, with a `{}` for each length.
        full: the lengths as people live them.
        short: those of `./dev test`; the full ones, unless said.
    """

    told: str
    full: Sequence[float]
    short: Sequence[float]

    def lengths(self, long: bool) -> Sequence[float]:
        """The lengths of a run."""
        return self.full if long else self.short

    def title(self, long: bool) -> str:
        """What happens in a run."""
        return self.told.format(*[f"{length:g}" for length in self.lengths(long)])


def scenario(
    told: str, *full: float, short: Sequence[float] | None = None, long: bool = False
) -> Callable[[Test], Test]:
    """Marks a test whose argument `seconds` gets the lengths of its run; `long`: only with --long."""
    row = Scenario(told, full, full if short is None else short)

    def marked(test: Test) -> Test:
        made: Test = pytest.mark.scenario(row)(test)
        return pytest.mark.long(made) if long else made

    return marked


def scenario_of(item: pytest.Item) -> Scenario | None:
    """The scenario that a test runs."""
    mark = item.get_closest_marker("scenario")
    found: Scenario | None = mark.args[0] if mark else None
    return found
