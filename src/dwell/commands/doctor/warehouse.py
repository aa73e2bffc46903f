"""What is published."""

import time
from dataclasses import dataclass, field

from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.errors import QueryFailed, WarehouseError
from dwell.settings import Settings
from dwell.warehouse.asking import asking
from dwell.warehouse.contents import newest_schema

_POSITIONS = "select partition, next_offset from log_offset"
_INFO = "select name, value from projection_info"
_LETTERS = "select reason, count(*) from dead_letter group by reason order by reason"


@dataclass
class Warehouse:
    """What the published warehouse says of itself.

    Attributes:
        there: whether anything is published.
        trouble: why it could not be read.
        positions: by partition, where what it holds ends.
        info: what it notes of itself, by name.
        letters: dead letters by reason.
    """

    there: bool
    trouble: str = ""
    age: float = 0.0
    positions: dict[int, int] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    letters: dict[str, int] = field(default_factory=dict)


def read(settings: Settings) -> Warehouse:
    """Read it, as everybody does who asks it."""
    found = Warehouse(settings.published.exists())
    if not found.there:
        return found
    try:
        found.age = max(time.time() - settings.published.stat().st_mtime, 0)
        with asking(settings.published) as connection:
            found.positions = dict(connection.execute(_POSITIONS).fetchall())
            found.info = dict(connection.execute(_INFO).fetchall())
            found.letters = dict(connection.execute(_LETTERS).fetchall())
    except (OSError, WarehouseError, QueryFailed) as error:
        found.trouble = str(error)
    return found


def warehouse(settings: Settings, found: Warehouse) -> Finding:
    """Whether it can be read, and is of this version."""
    path = settings.published
    if not found.there:
        return note(
            "warehouse",
            f"nothing is published at {path} yet",
            "`dwell up` or `dwell project` publishes within seconds",
        )
    if found.trouble:
        return wrong(
            "warehouse",
            found.trouble,
            f"move {path} away: the projector publishes another one when it is started anew",
        )
    schema, newest = int(found.info.get("schema_version", 0)), newest_schema()
    said = f"{path} was published {seconds(found.age)} ago and has schema version {schema}"
    if schema > newest:
        return wrong(
            "warehouse",
            f"{said}, and this Dwell knows {newest} of them",
            "a newer Dwell wrote it: run that one, or an upgrade",
        )
    if schema < newest:
        return note(
            "warehouse",
            f"{said} of {newest}",
            "the projector brings it up to date when it is started: `dwell up` or `dwell project`",
        )
    return well("warehouse", said)


def dead_letters(found: Warehouse) -> Finding:
    """Records that could not be read."""
    if not found.letters:
        return well("dead letters", "there are none")
    reasons = ", ".join(f"{many} {reason}" for reason, many in found.letters.items())
    return note(
        "dead letters",
        f"{sum(found.letters.values())} records could not be read: {reasons}",
        "`dwell dead-letters list` says why, `dwell dead-letters retry` reads what a newer version can",
    )


def seconds(number: float) -> str:
    """A span of time, for people."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if number >= 2 * size:
            return f"{number / size:.0f} {unit}"
    return f"{number:.0f} s"
