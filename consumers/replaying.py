"""Replaying: the history is read again, into a new warehouse, while the live one goes on."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from dwell.consumers.agents import agent_data, describe
from dwell.consumers.erasures import erasures_beside, published
from dwell.consumers.extent import Point, extent, refuse_left_out
from dwell.consumers.history import Sources, in_order, opened, sources
from dwell.consumers.judge import judge
from dwell.consumers.spans import Span
from dwell.consumers.staging import drop_others, stage, unread
from dwell.consumers.watcher import Watcher
from dwell.durable import sync
from dwell.errors import LogMismatch, WarehouseError, WarehouseHeld
from dwell.locks import alone
from dwell.rules import Rules
from dwell.settings import Settings
from dwell.warehouse.archive import Archive
from dwell.warehouse.contents import REPLAYED_FROM
from dwell.warehouse.reading import Forgotten
from dwell.warehouse.rebuilding import Rebuilding, Segment

PLAN, LOCK, SEGMENTS = "plan.json", ".lock", "segments"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed; it is written down first, so that whoever goes on does the same.

    Attributes:
        log_identity: of the log.
        spans: by partition, in offsets.
        whole: whether they begin with the oldest record of each partition that there is.
        asked: from where to where, as it was asked for.
        rules: as their text, or none.
    """

    log_identity: str
    spans: tuple[Span, ...]
    whole: bool
    asked: tuple[str, str] = ("", "")
    rules: str = ""

    @property
    def records(self) -> int:
        """How many at most: there may be gaps."""
        return sum(map(len, self.spans))

    def raw(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "log_identity": self.log_identity,
            "spans": [list(each) for each in self.spans],
            "whole": self.whole,
            "asked": list(self.asked),
            "rules": self.rules,
        }

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """From JSON."""
        spans = tuple(Span(*each) for each in raw["spans"])
        since, until = raw["asked"]
        return cls(raw["log_identity"], spans, raw["whole"], (since, until), raw["rules"])


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    plan: Plan
    archived: int
    logged: int


class Replay:
    """One replay.

    Args:
        out: the file that is made. Beside it stands a folder for the work, `OUT.replay`, until it is
            done.
        since, until: from where to where.
        archive: whether the archive is read where it has what is wanted.
        processes: how many read the log.
        rules: what the new warehouse is counted by, if not as the browsers told.
    """

    def __init__(
        self,
        settings: Settings,
        out: Path,
        *,
        since: Point,
        until: Point,
        archive: bool = True,
        processes: int,
        rules: Rules | None = None,
    ) -> None:
        self._settings = settings
        self.out = out
        self._since, self._until = since, until
        self._kept = Archive.open(settings.archive_folder)
        self._archive = self._kept if archive else None
        self._processes = processes
        self._rules = rules
        self.work = out.with_name(f"{out.name}.replay")

    def require_new(self) -> None:
        """See that it would be begun, or gone on with.

        Raises:
            WarehouseError: there is such a file already, or another replay was begun here.
        """
        if not self._is_put() and (written := self._written_plan()) is not None:
            self._require_same(written)

    async def plan(self) -> Plan:
        """From where to where it goes, by offsets.

        Raises:
            LogGap: an offset that was asked for is not there, or some between archive and log are not; or the
                moment to end at names no offset.
            LogMismatch: archive and log do not belong together.
            LogUnavailable: the log does not answer.
        """
        async with opened(self._settings, self._archive) as history:
            identity = await history.identity()
            current = published(self._settings, identity).positions
            spans = await extent(history, self._since, self._until, current)
            owned = tuple(each for each in spans if self._settings.owns(each.partition))
            if self._until.moment is not None:
                await refuse_left_out(history, owned, self._until.moment)
            starts = {each.partition: (await history.bounds(each.partition))[0] for each in spans}
        if self._kept and self._kept.log_identity == identity:  # though it may not be read
            for partition, held in self._kept.held.items():
                starts[partition] = min(held.first, starts.get(partition, held.first))
        return Plan(identity, owned, all(each.first == starts[each.partition] for each in owned))

    def run(self, watcher: Watcher) -> Replayed:
        """Make the file, or go on where a former run ended.

        Raises:
            WarehouseError: there is such a file already, or another replay was begun here; or it
                could not be written.
            LogError: as the log has it.
        """
        with self._holding():
            if self._is_put():
                plan = self._written_plan() or asyncio.run(self.plan())
                self._clear()
                return Replayed(plan, 0, 0)
            plan = self._agreed_or_gone()
            found, forgotten = asyncio.run(self._prepared(plan))
            logged = self._staged(found, watcher)
            archived = self._archived(plan, found)
            self._built(plan, [*archived, *logged], forgotten, watcher)
            self._put()
        return Replayed(plan, _records(archived), _records(logged))

    def _agreed_or_gone(self) -> Plan:
        """As `_agreed`; where nothing comes of it, no folder is left."""
        try:
            return self._agreed()
        except BaseException:
            if not (self.work / PLAN).exists():
                (self.work / LOCK).unlink(missing_ok=True)
                with suppress(OSError):  # somebody has put something there
                    self.work.rmdir()
            raise

    def _agreed(self) -> Plan:
        """The plan that was written down, if it is for the same; else a new one."""
        written = self._written_plan()
        if written is not None:
            self._require_same(written)
            return written
        plan = replace(asyncio.run(self.plan()), asked=self._asked, rules=self._rules_text)
        _write(self.work / PLAN, plan.raw())
        return plan

    def _require_same(self, written: Plan) -> None:
        if written.asked != self._asked:
            (since, until), (wanted_since, wanted_until) = written.asked, self._asked
            raise WarehouseError(
                f"{self.work} belongs to a replay from {since} to {until}: expected one from "
                f"{wanted_since} to {wanted_until}; ask for the same, or remove the folder"
            )
        if written.rules != self._rules_text:
            raise WarehouseError(
                f"{self.work} belongs to a replay with the rules {written.rules or 'none'}: expected "
                f"{self._rules_text or 'none'}; give the same, or remove the folder"
            )

    @property
    def _asked(self) -> tuple[str, str]:
        return _text(self._since), _text(self._until)

    @property
    def _rules_text(self) -> str:
        return self._rules.text() if self._rules else ""

    def _written_plan(self) -> Plan | None:
        path = self.work / PLAN
        try:
            return Plan.of(json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"{path} cannot be read ({error}): expected the plan of a replay; remove the folder to"
                " begin anew"
            ) from None

    async def _prepared(self, plan: Plan) -> tuple[Sources, list[Forgotten]]:
        async with opened(self._settings, self._archive) as history:
            identity = await history.identity()
            if identity != plan.log_identity:
                raise LogMismatch(
                    f"{self.work} belongs to log {plan.log_identity}, and the log at hand is "
                    f"{identity}: expected the same; remove the folder to begin anew"
                )
            forgotten = await erasures_beside(self._settings, history, plan.spans)
            return self.sources_of(plan), forgotten

    def sources_of(self, plan: Plan) -> Sources:
        """Where the plan's records are."""
        return sources(self._archive, plan.spans)

    def _staged(self, found: Sources, watcher: Watcher) -> list[Segment]:
        folder = self.work / SEGMENTS
        drop_others(found.logged, folder)
        wanted = sum(map(len, found.logged))
        watcher.begin("reading the log", wanted, before=wanted - unread(found.logged, folder))
        return stage(
            self._settings,
            found.logged,
            folder,
            "stated",
            processes=self._processes,
            done=watcher.advance,
        )

    def _archived(self, plan: Plan, found: Sources) -> list[Segment]:
        """What the archive has of what was not read from the log, as it stands now: a `dwell archive` may have
        put other files into the place of those that were there before the log was read.

        Raises:
            WarehouseError: it is not the archive any more that it was, or has less.
        """
        if self._archive is None:
            return []
        archive = Archive.open(self._settings.archive_folder) or self._archive
        left = [part for span in plan.spans for part in span.less(found.logged)]
        for partition, first, until in left:
            there = archive.held.get(partition)
            whole = there is not None and there.first <= first and until <= there.until
            if archive.log_identity != plan.log_identity or not whole:
                raise WarehouseError(
                    f"{archive.folder} had the facts from {first} to {until - 1} of partition {partition} when"
                    " this replay began, and has them no more: expected the same archive; bring it back and run"
                    f" this again, or remove {self.work} to begin anew"
                )
        return archive.counted([each for part in left for each in archive.segments(*part)])

    def _built(
        self,
        plan: Plan,
        segments: Sequence[Segment],
        forgotten: Sequence[Forgotten],
        watcher: Watcher,
    ) -> None:
        watcher.begin("building the tables", _records(segments))
        notes = {"replayed_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if not plan.whole:
            notes[REPLAYED_FROM] = json.dumps({each.partition: each.first for each in plan.spans})
        with Rebuilding(
            self._made,
            judge=judge,
            describe=partial(describe, rules=self._rules),
            threads=max(1, self._processes),
            rules=self._rules,
            shard=self._settings.share,
            keep=self._settings.keep_rows_for,
        ) as rebuilding:
            rebuilding.forget(forgotten)
            rebuilding.fill(in_order(segments, plan.spans), watcher.advance)
            rebuilding.describe_with(agent_data(self._rules))
            positions = {each.partition: each.until for each in plan.spans}
            rebuilding.finish(plan.log_identity, positions, notes)

    def _put(self) -> None:
        """Give the file its name, which nothing else has, and remove the rest."""
        sync(self._made)
        os.link(self._made, self.out)
        sync(self.out.parent)
        self._clear()

    def _clear(self) -> None:
        """Remove the folder for the work, and last what has two names: by it a run that follows knows
        that there is nothing left to be done."""
        shutil.rmtree(self.work / SEGMENTS, ignore_errors=True)
        (self.work / PLAN).unlink(missing_ok=True)
        shutil.rmtree(self.work)

    def _is_put(self) -> bool:
        """Whether a former run was killed when the file had its name and the rest was there still."""
        if not self.out.exists():
            return False
        if self._made.exists() and self._made.samefile(self.out):
            return True
        raise WarehouseError(
            f"{self.out} is there already: expected a new file; give another name, or move it away"
        )

    @property
    def _made(self) -> Path:
        return self.work / "warehouse.duckdb"

    @contextmanager
    def _holding(self) -> Iterator[None]:
        if self.out.exists() and not self.work.exists():
            self._is_put()
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            lock = self.work / LOCK
            lock.touch()
        except OSError as error:
            raise WarehouseError(
                f"{self.work} cannot be made ({error.strerror}): expected a folder that can be written"
            ) from None
        refusal = f"{self.work} is being worked in by another replay: expected one at a time"
        with alone(lock, WarehouseHeld(refusal)):
            yield


def _records(segments: Sequence[Segment]) -> int:
    return sum(each.records for each in segments)


def _text(point: Point) -> str:
    if point.offsets:
        places = point.offsets.items()
        return ",".join(str(at) if each is None else f"{each}:{at}" for each, at in places)
    return point.end if point.moment is None else str(point.moment)


def _write(path: Path, raw: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(raw))
    sync(draft)
    draft.replace(path)
    sync(path.parent)
