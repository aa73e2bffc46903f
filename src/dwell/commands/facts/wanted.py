"""Which facts somebody wants to see."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from dwell.commands.facts.told import Told, tell
from dwell.consumers.lookup import Record
from dwell.schemas.records import VisitorForgottenRecord


@dataclass(frozen=True)
class Wanted:
    """Filters; a record has to pass all that are given. Without any, everything is wanted, and so
    are records that tell nothing.

    Attributes:
        view: its name, or how it ends behind a dot, or a pattern for it with `*`, `?` and `[…]`.
        types: one of them.
    """

    visitor: str | None = None
    session: str | None = None
    pageview: str | None = None
    view: str | None = None
    types: tuple[str, ...] = ()

    def keep(self, record: Record) -> bool:
        """Whether the record is wanted."""
        if not self._says_anything:
            return True
        return self._may_be(record.value) and self._is(tell(record))

    @property
    def _ids(self) -> tuple[str | None, ...]:
        return self.visitor, self.session, self.pageview

    @property
    def _says_anything(self) -> bool:
        return any(self._ids) or self.view is not None or bool(self.types)

    def _may_be(self, value: bytes) -> bool:
        """Whether its bytes hold the ids, which is told thirty times as quickly as by reading them.
        What is written with escapes has to be read."""
        if b"\\u" in value:
            return True
        lower = value.lower()
        return all(each is None or each.encode() in lower for each in self._ids)

    def _is(self, told: Told) -> bool:
        if told.event is None:
            return False
        if self.types and not any(
            told.event.type.startswith(f"dwell.{each}.v") for each in self.types
        ):
            return False
        if self.visitor not in (None, told.event.data.visitor_id):
            return False
        if isinstance(told.event, VisitorForgottenRecord):
            return self.session is None and self.pageview is None and self.view is None
        data = told.event.data
        return (
            self.session in (None, data.session_id)
            and self.pageview in (None, data.pageview_id)
            and (self.view is None or _is_named(data.view, self.view))
        )


def _is_named(view: str, name: str) -> bool:
    return view == name or view.endswith(f".{name}") or fnmatchcase(view, name)
