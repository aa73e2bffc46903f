"""Forgetting: visitors leave the log, the warehouses and what is kept of either.

Each step may be done again, and the order to forget stands in the log before anything else is done:
whatever is killed when, the same command finishes it.
"""

import asyncio
import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dwell.consumers.agents import describe
from dwell.consumers.archiving import WORK
from dwell.consumers.judge import judge
from dwell.consumers.origin import misfit, require_there
from dwell.consumers.shards import Shards
from dwell.errors import LogMismatch, LogUnavailable, WarehouseError, WarehouseHeld
from dwell.events import blanking
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.locks import alone
from dwell.schemas.erasing import order
from dwell.settings import Settings
from dwell.shard import Shard
from dwell.warehouse import promotion, remains, scrubbing, snapshot
from dwell.warehouse.archive import Archive
from dwell.warehouse.archive_writer import ArchiveWriter
from dwell.warehouse.kept import renew
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Projection
from dwell.warehouse.published import LINK_SECONDS, LINKS
from dwell.warehouse.reading import Forgotten

LAST_OFFSET = 2**62
"""Behind every offset there can be."""
LOOK_SECONDS = 0.2
"""How often it is looked whether a projector has done its part."""
OWN = "forgetting"
"""The folder in `live/` for what is made on the way; a search's are named so too, with its process behind
it."""
_KEPT = re.compile(r".*\.duckdb(\.next|\.refused|\.coming)?")
_DRAFT = re.compile(r"\..+\.duckdb.*?\.(?P<process>\d+)-\d+.*")
"""As `snapshot.draft_of` names them, with what belongs to them."""
_SEARCH = re.compile(rf"{OWN}-(?P<process>\d+)-.*")

Say = Callable[[str], None]


@dataclass
class Done:
    """What came of it.

    Attributes:
        erasures: by visitor, up to when what was received is erased, in milliseconds since 1970.
        undone: what could not be done yet, a line each.
    """

    erasures: Mapping[str, int]
    undone: list[str] = field(default_factory=list)


class Forgetting:
    """Forgets visitors, step by step.

    Args:
        erasures: by visitor, a lower-case UUID, up to when what was received is erased, in milliseconds
            since 1970.
        wait: seconds in which the projectors that are at work must have done their part.
        say: told what each step did.
    """

    def __init__(
        self, settings: Settings, erasures: Mapping[str, int], *, wait: float, say: Say
    ) -> None:
        self._settings = settings
        self._wait = wait
        self._say = say
        self._done = Done(erasures)
        self._identity: str | None = None
        self._seen = 0
        self._work = settings.live / OWN

    def run(self) -> Done:
        """All steps.

        Raises:
            LogError: the log does not take the order, or cannot be blanked.
            WarehouseHeld: another process is at the same.
        """
        with self._alone():
            asyncio.run(self._order())
            self._blank()
            self._rewrite_archive()
            self._erase_warehouses()
            self._renew_kept()
            self._remove_leftovers()
            self._blank()  # what was under way into the log when it was blanked first
        return self._done

    @contextmanager
    def _alone(self) -> Iterator[None]:
        live = self._settings.live
        if not live.is_dir():
            raise LogUnavailable(
                f"there is no folder {live}: expected the data of an installation; say where with "
                "--data or DWELL_DATA"
            )
        owner = live.stat().st_uid
        if owner != os.geteuid():
            raise WarehouseError(
                f"{live} belongs to user {owner}, and this is user {os.geteuid()}: expected the same, "
                "for the projector could not write what is written here"
            )
        refusal = (
            f"{live} is being worked in by another `dwell forget`, by `dwell backup`, `dwell prune` or "
            "`dwell log`: wait for it"
        )
        with alone(live / "forget.lock", WarehouseHeld(refusal)):
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir()
            try:
                yield
            finally:
                shutil.rmtree(self._work, ignore_errors=True)

    async def _order(self) -> None:
        """Append the orders, durable. Each goes where the visitor's facts go."""
        settings = self._settings
        self._identity = await _identity(settings)
        self._require_own(self._identity)
        writer, now = open_writer(settings), int(1000 * time.time())
        try:
            await writer.append(
                [
                    NewRecord(visitor.encode(), order(visitor, received_at), now)
                    for visitor, received_at in self._done.erasures.items()
                ]
            )
        finally:
            await writer.close()
        self._say(f"ordered in {settings.log}")

    def _require_own(self, identity: str) -> None:
        """Make sure that the log at hand is the one that this installation's facts are in.

        Raises:
            LogMismatch: it is another one.
        """
        known = {
            each.publication: self._identity_in(each.publication) for each in lives(self._settings)
        }
        archive = Archive.open(self._settings.archive_folder)
        if archive is not None:
            known[archive.folder] = archive.log_identity
        for path, found in known.items():
            if found not in (None, identity):
                raise LogMismatch(
                    f"{misfit(self._settings, identity, found)}, which {path} was made from; nothing was"
                    " done"
                )

    def _identity_in(self, published: Path) -> str | None:
        return remains.erased_in(published).log_identity if published.exists() else None

    def _blank(self) -> None:
        if self._settings.kafka_servers:
            return
        blanked = blanking.blank(self._settings.embedded_log, self._done.erasures, since=self._seen)
        if blanked.records or not self._seen:
            self._say(f"blanked {blanked.records} records of {self._settings.embedded_log}")
        self._seen = blanked.end

    def _rewrite_archive(self) -> None:
        """Write the archive's files anew that hold something of the visitors."""
        folder = self._settings.archive_folder
        if not folder.is_dir():
            return
        try:
            with self._archive_writer(folder) as writer:
                shutil.rmtree(folder / WORK, ignore_errors=True)
                if Archive.open(folder) is not None:  # else a first run was killed
                    gone = writer.forget(self._forgotten(), judge)
                    self._say(f"took {gone} records out of the archive {folder}")
        except WarehouseError as error:
            self._done.undone.append(f"{error}; run this again")

    @contextmanager
    def _archive_writer(self, folder: Path) -> Iterator[ArchiveWriter]:
        """Hold the archive, as soon as nobody else does."""
        deadline = time.monotonic() + self._wait
        identity = asyncio.run(_identity(self._settings))
        with ExitStack() as held:
            while True:
                try:
                    writer = held.enter_context(ArchiveWriter.holding(folder, identity))
                    break
                except WarehouseHeld:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(LOOK_SECONDS)
            yield writer

    def _forgotten(self) -> list[Forgotten]:
        return [Forgotten(*each) for each in self._done.erasures.items()]

    def _erase_warehouses(self) -> None:
        """Have the live warehouses forget: through their projector, or here if none is at work."""
        held: list[tuple[Path, Path]] = []
        for settings in lives(self._settings):
            live, published = settings.warehouse, settings.publication
            try:
                with LiveWarehouse(live, settings.share) as warehouse:
                    self._erase(warehouse)
                    self._publish(settings, warehouse)
                self._say(f"erased from {live}, and from {published}")
            except WarehouseHeld:
                held.append((live, published))
            except WarehouseError as error:
                self._done.undone.append(str(error))
        self._await(held)

    def _publish(self, settings: Settings, warehouse: LiveWarehouse) -> None:
        """Publish, if the live file or the publication had something of the visitors: a former run may
        have been killed between the two. What was promoted and has not caught up is not published."""
        warehouse.checkpoint()
        if (
            promotion.missing_until_published(warehouse.connection)
            and settings.publication.exists()
        ):
            # People have seen more than it has read by now, and go on to see that, without the visitors.
            self._renew(settings.publication, self._erase_for_good)
            if warehouse.info(scrubbing.SCRUB_DUE) is not None:
                scrubbing.renew(warehouse.path)
                warehouse.reopen()
        elif warehouse.info(scrubbing.SCRUB_DUE) is not None:
            scrubbing.publish(warehouse.path, settings.publication)
            warehouse.reopen()  # the file written anew takes its place
        elif self._has_remains(settings.publication):
            snapshot.copy(warehouse.path, settings.publication)
        else:
            return
        Shards(settings, warehouse).unite()

    def _has_remains(self, published: Path) -> bool:
        if not published.exists():
            return False
        inside = remains.in_warehouse(published, list(self._done.erasures))
        return bool(inside.rows) or inside.scrub_due

    def _await(self, held: list[tuple[Path, Path]]) -> None:
        """Wait until the projectors have erased and published, and have taken the new file over."""
        deadline = time.monotonic() + self._wait
        for live, published in held:
            while not (rid := self._is_rid(live, published)) and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
            if rid:
                self._say(f"erased from {live}, and from {published}, by the projector")
            else:
                self._done.undone.append(
                    f"the projector of {live} has not erased the visitors within {self._wait:g} s: it "
                    "goes on with that by itself; run this again to see it done"
                )

    def _is_rid(self, live: Path, published: Path) -> bool:
        """Whether both files are. The publication is looked at first: when it can be seen, the file that
        is to take the live one's place waits for that or has it."""
        return self._knows(published) and not promotion.waits(live)

    def _knows(self, published: Path) -> bool:
        """Whether nothing of the visitors is in a publication, not in its free bytes either."""
        with suppress(WarehouseError):
            known = remains.erased_in(published)
            return not known.scrub_due and all(
                known.erasures.get(visitor, -1) >= received_at
                for visitor, received_at in self._done.erasures.items()
            )
        return False

    def _erase(self, warehouse: LiveWarehouse) -> None:
        """Forget in an open warehouse. Where others have a part in a row, it is to be built anew from the
        log."""
        if warehouse.info("log_identity") not in (None, self._identity):
            return self._erase_for_good(warehouse)  # its log is lost
        ask = partial(_ask_log, self._settings)
        return self._forget(
            warehouse,
            starts=lambda: ask(lambda reader, each: reader.start(each)),
            offsets_at=lambda at: ask(lambda reader, each: reader.offset_at(each, at)),
        )

    def _erase_for_good(self, warehouse: LiveWarehouse) -> None:
        """Forget in one into which nothing is read any more: what others have a part in stays, without the
        visitors' ids, as where a log has none of its facts left."""
        none_left = dict.fromkeys(warehouse.positions(), LAST_OFFSET)
        self._forget(warehouse, starts=lambda: none_left, offsets_at=lambda at: {})

    def _forget(
        self,
        warehouse: LiveWarehouse,
        *,
        starts: Callable[[], dict[int, int]],
        offsets_at: Callable[[int], dict[int, int]],
    ) -> None:
        projection = Projection(
            warehouse, judge=judge, describe=describe, starts=starts, offsets_at=offsets_at
        )
        projection.forget(self._forgotten())

    def _renew_kept(self) -> None:
        """Erase from the warehouses that nothing writes: those that were live before, copies, old ones."""
        for path in kept(self._settings):
            try:
                if self._renew(path, self._erase):
                    self._say(f"erased from {path}")
            except WarehouseError as error:
                self._done.undone.append(str(error))

    def _renew(self, path: Path, erase: Callable[[LiveWarehouse], None]) -> bool:
        return renew(path, self._work, list(self._done.erasures), erase)

    def _remove_leftovers(self) -> None:
        for path in leftovers(self._settings.data):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            self._say(f"removed {path}, which a process left that was killed")
        for each in lives(self._settings):
            # It may have been published before the visitors were known to be forgotten.
            snapshot.former_of(each.publication).unlink(missing_ok=True)
        for path in _found(self._settings.data):
            if path.name.endswith(".replay") and path.is_dir():
                self._done.undone.append(
                    f"a replay is at work in {path}: run this again when it has ended"
                )


async def _identity(settings: Settings) -> str:
    """The log's, which must be there: who forgets makes none.

    Raises:
        LogUnavailable: it does not answer, or there is none.
    """
    require_there(settings)
    reader = open_reader(settings)
    try:
        async with asyncio.timeout(settings.durable_within):
            return await reader.identity()
    except TimeoutError:
        raise LogUnavailable(
            f"DWELL_LOG is '{settings.log}', and no log answers there within"
            f" {settings.durable_within:g} s: expected the one that the visitors' facts are in"
        ) from None
    finally:
        await reader.close()


def _ask_log(settings: Settings, question: Callable[..., object]) -> dict[int, int]:
    """What the log says of each partition."""

    async def ask() -> dict[int, int]:
        reader = open_reader(settings)
        try:
            return {each: await question(reader, each) for each in await reader.partitions()}  # type: ignore[misc]
        finally:
            await reader.close()

    return asyncio.run(ask())


def projectors(settings: Settings) -> list[Settings]:
    """The settings of each projector of the data folder, as it is projected into now: of the one for all,
    or of each shard's."""
    layout = settings.live / "layout.lock"
    written = layout.read_text() if layout.exists() else ""
    count = int(written.split()[0]) if written.endswith("shards") else 0
    shares = [str(each) for each in Shard(count, 1).all()] if count else [""]
    return [Settings(**settings.model_dump() | {"shard": share}) for share in shares]


def lives(settings: Settings) -> list[Settings]:
    """Those of them that have a live warehouse."""
    return [each for each in projectors(settings) if each.warehouse.exists()]


def kept(settings: Settings) -> list[Path]:
    """The DuckDB files of the data folder that no projector of it writes or publishes."""
    own: set[Path] = set()
    for each in lives(settings):
        own |= {each.warehouse, each.publication, settings.published}
    found = [path for path in _found(settings.data) if _KEPT.fullmatch(path.name)]
    return sorted(
        path
        for path in found
        if path not in own and path.is_file() and not _is_passing(path, settings.data)
    )


def leftovers(data: Path) -> Iterator[Path]:
    """What processes left in the folder that were killed: drafts, links, spilled tables, replays that
    nobody goes on with."""
    for path in _found(data):
        if _DRAFT.fullmatch(path.name):
            if not is_draft_at_work(path):
                yield path
        elif path.parent.name == LINKS and path.suffix == ".duckdb":
            with suppress(FileNotFoundError):
                if path.stat().st_ctime < time.time() - LINK_SECONDS:
                    yield path
        elif search := _SEARCH.fullmatch(path.name):
            if not Path(f"/proc/{search['process']}").exists():
                yield path
        elif path.name.endswith(".duckdb.tmp"):
            if _is_free(path.with_name(path.name.removesuffix(".tmp") + ".lock")):
                yield path
        elif path.name.endswith(".replay") and path.is_dir() and _is_free(path / ".lock"):
            yield path


def is_draft_at_work(path: Path) -> bool:
    """Whether a file is a draft of a process that runs: it takes a file's place soon, or goes."""
    draft = _DRAFT.fullmatch(path.name)
    return draft is not None and Path(f"/proc/{draft['process']}").exists()


def _found(data: Path) -> list[Path]:
    """Every file and folder in the data folder, for a moment: others come and go there."""
    return [
        Path(parent) / name
        for parent, folders, names in os.walk(data)
        for name in sorted((*folders, *names))
    ]


def _is_passing(path: Path, data: Path) -> bool:
    """Whether the file belongs to something that comes and goes: a reader, a replay, a draft."""
    parts = path.relative_to(data).parts
    return parts[-1].startswith(".") or any(
        each == LINKS or each.endswith(".replay") or each.startswith(OWN) for each in parts[:-1]
    )


def _is_free(lock: Path) -> bool:
    """Whether nobody holds this lock."""
    try:
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
