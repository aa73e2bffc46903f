"""Moments, as people name them on the command line."""

from datetime import UTC, datetime
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """A date and time, UTC unless it says else."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment, with its zone."""
        try:
            moment = datetime.fromisoformat(str(value))
            # In UTC at once: what has no place there is refused here.
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r}: expected a time such as 2026-03-01, 2026-03-01T12:00 or"
                " 2026-03-01T12:00+01:00"
            )
