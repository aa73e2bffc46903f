"""`dwell dashboard`, for which it is another time than now: that of a warehouse made long ago.

`python -m benchmarks.then 2026-11-23T16:00:00+00:00` begins at that moment; from then on its clock
goes as every clock does.
"""

import sys
from datetime import datetime, timedelta, tzinfo
from typing import Self

from dwell.cli import main
from dwell.site.dashboard import boards, data, newest
from dwell.warehouse.panels import board


class Then(datetime):
    """A `datetime` whose clock is wrong by so much."""

    wrong_by = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """As `datetime` has it, and the error."""
        return super().now(tz) + cls.wrong_by


def command(moment: datetime) -> tuple[str, str]:
    """What `python -m` runs."""
    return "benchmarks.then", moment.isoformat()


if __name__ == "__main__":
    began = datetime.fromisoformat(sys.argv[1])
    Then.wrong_by = began - datetime.now(began.tzinfo)
    for module in (boards, data, newest, board):
        vars(module)["datetime"] = Then
    main(["dashboard"])
