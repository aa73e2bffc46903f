"""A pageview, as the warehouse and the log tell it, and what follows from the two."""

from dataclasses import dataclass
from functools import cached_property

from dwell.commands.explain.evidence import Evidence, Fact
from dwell.commands.explain.law import (
    Difference,
    changes_of,
    differences,
    milliseconds_of,
    pageview_of,
)
from dwell.commands.explain.looks import Look, looks_of
from dwell.commands.explain.warehouse import Account, Row


@dataclass(frozen=True)
class Explanation:
    """A pageview, as the warehouse and the log tell it.

    Attributes:
        forgotten: the places of facts that an erasure covers.
        info: what made the warehouse.
        letters: dead letters that name the pageview.
    """

    pageview: str
    account: Account
    evidence: Evidence
    forgotten: frozenset[str]
    info: dict[str, str]
    letters: list[Row]

    @property
    def found(self) -> bool:
        """Whether anything is known of it."""
        return self.account.told is not None or bool(self.evidence.facts)

    @cached_property
    def counted(self) -> list[Fact]:
        """The facts that make its row; if there is no row yet, those that will."""
        kept = [each for each in self.evidence.facts if each.record.place not in self.forgotten]
        return [each for each in kept if each.read or self.account.told is None]

    @cached_property
    def counted_places(self) -> frozenset[str]:
        """Where these stand."""
        return frozenset(each.record.place for each in self.counted)

    @property
    def has_unread(self) -> bool:
        """Whether there are facts that the published warehouse has not read, and should count."""
        left_out = self.counted_places | self.forgotten
        return any(each.record.place not in left_out for each in self.evidence.facts)

    @cached_property
    def row(self) -> Row | None:
        """The row that these facts make."""
        return pageview_of([each.said for each in self.counted]) if self.counted else None

    @cached_property
    def changes(self) -> list[Row]:
        """What is known fact by fact; of those that the log has no more, by the warehouse."""
        made = changes_of(each.said for each in self.counted)
        gone = [each for each in self.account.changes if each["seq"] in self.evidence.gone]
        return sorted(made + gone, key=lambda each: int(each["seq"]))

    @cached_property
    def missing(self) -> list[int]:
        """The positions of facts that were made, and are neither in the log nor in the warehouse."""
        there = {each["seq"] for each in self.changes}
        made = max(there, default=-1) + 1
        if self.account.ledger is not None:
            made = max(made, self.account.ledger["facts_made"])
        return [seq for seq in range(made) if seq not in there]

    @cached_property
    def looks(self) -> list[Look]:
        """When it could be seen."""
        starts = [each["started_at"] for each in (self.account.told, self.row) if each is not None]
        return looks_of(milliseconds_of(min(starts)), self.changes) if starts else []

    @cached_property
    def differences(self) -> list[Difference]:
        """Where the warehouse says something else than the facts."""
        told = self.account.told
        if told is None:
            return []
        if not self.counted:
            return [Difference("pageview", "there", None)]
        return differences(told, self.account.changes, [each.said for each in self.counted])

    @property
    def agrees(self) -> bool | None:
        """Whether warehouse and log agree; None: that cannot be told, as there is no row yet, or not
        everything it came from could be looked at."""
        if self.account.told is None:
            return None
        if not self.differences:
            return True
        return None if self.evidence.gone or not self.evidence.whole else False
