"""Where a replay begins and ends, as it is asked for."""

import re
from datetime import datetime
from typing import Any, cast

import click

from dwell.consumers.extent import End, Point


class Offsets(click.ParamType[dict[int | None, int]]):
    """Offsets by partition, `0:1200,1:1187`, or one for every partition, `1200`."""

    name = "offsets"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[int | None, int]:
        """By partition; `None` is every partition."""
        text = str(value)
        if re.fullmatch(r"[0-9]{1,18}", text):
            return {None: int(text)}
        pairs = [re.fullmatch(r"([0-9]{1,9}):([0-9]{1,18})", each) for each in text.split(",")]
        found = {int(each[1]): int(each[2]) for each in pairs if each}
        if len(found) != len(pairs):
            self.fail(
                f"{value!r}: expected an offset, or one for each of several partitions such as "
                "0:1200,1:1187"
            )
        return cast("dict[int | None, int]", found)


def point(
    side: str,
    default: End,
    moment: datetime | None,
    offsets: dict[int | None, int] | None,
    **ends: bool,
) -> Point:
    """The one that was asked for.

    Args:
        side: `--from` or `--to`, for the message.
        ends: the names that were given as flags.

    Raises:
        click.UsageError: there were several.
    """
    named = [cast("End", name) for name, given in ends.items() if given]
    if len(named) + (moment is not None) + (offsets is not None) > 1:
        raise click.UsageError(f"expected one of the options {side}-… at most")
    since_1970 = None if moment is None else int(1000 * moment.timestamp())
    return Point(named[0] if named else default, since_1970, offsets)
