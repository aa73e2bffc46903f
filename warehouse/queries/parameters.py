"""What a named query can be told: each parameter with its meaning, and how its text is read."""

from dataclasses import dataclass

PERIOD = "28d"
"""The period if nobody says: four whole weeks, today included."""


@dataclass(frozen=True)
class Parameter:
    """Something that queries can be told.

    Attributes:
        meaning: in one sentence.
        expected: what would be right, for messages and the docs.
        default: as people would write it; `None` is none.
        choices: the only values there are; empty if there are others.
    """

    name: str
    meaning: str
    expected: str
    default: str | None = None
    choices: tuple[str, ...] = ()


PARAMETERS = {
    each.name: each
    for each in (
        Parameter(
            "since",
            "When the period begins: a date or time, or so long before its end in hours, days, weeks.",
            "so long ago, as 12h, 28d or 8w, or a time such as 2026-03-01 or 2026-03-01T12:00",
            PERIOD,
        ),
        Parameter(
            "until",
            "When the period ends; this moment is no longer in it. By default it is now, and never later.",
            "so long ago, as 12h, 28d or 8w, or a time such as 2026-03-01 or 2026-03-01T12:00",
        ),
        Parameter(
            "by",
            "What the period is parted into.",
            "hour, day, week or month",
            "day",
            ("hour", "day", "week", "month"),
        ),
        Parameter(
            "view",
            "One view alone: its dotted name, or the end of it, as PageA.",
            "the name of a view",
        ),
        Parameter(
            "views",
            "Several views, with commas between them: dotted names, or the ends of them. One with a comma "
            "in it stands in quotation marks.",
            "names of views with commas between them",
        ),
        Parameter(
            "bots",
            "What becomes of robots that say so: they are left out, counted too, or counted alone.",
            "exclude, include or only",
            "exclude",
            ("exclude", "include", "only"),
        ),
        Parameter(
            "timezone",
            "Time zone in which hours, days and weeks begin.",
            "a name such as Europe/Berlin",
            "UTC",
        ),
    )
}
"""By name, in the order in which people are told of them."""
