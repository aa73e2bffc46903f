"""Restoring: a backup becomes an installation again, and whom it had to forget since is forgotten.

Everything is made in a folder of its own within the data folder, checked, and then put in place; `live` comes
last, and with it the installation.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dwell.consumers.backup import (
    ARCHIVE,
    LOG,
    MANIFEST,
    SECRETS,
    SETTINGS,
    Manifest,
    not_copied,
    take,
)
from dwell.consumers.forgetting import Forgetting, lives
from dwell.consumers.moving import erased_by
from dwell.durable import sync
from dwell.errors import AlreadyRunning, BackupInvalid
from dwell.events.embedded import EmbeddedReader
from dwell.locks import alone
from dwell.schemas.facts import UUID_PATTERN
from dwell.settings import Settings
from dwell.shard import Shard
from dwell.warehouse import layout, remains, snapshot
from dwell.warehouse.live import LiveWarehouse

DRAFT = ".restoring"
"""The folder in the data folder for what is on its way."""
LOCK = ".restoring.lock"
FORGET_SECONDS = 120.0


class Restoring:
    """A backup on its way into a data folder.

    Args:
        settings: say where; the data folder must be empty or not there.
        backup: the folder that `dwell backup` made.

    Attributes:
        manifest: what is in it.
        forgotten: whom it was told to forget.

    Raises:
        BackupInvalid: it is no backup, or the data folder is not empty.
    """

    def __init__(self, settings: Settings, backup: Path) -> None:
        self.manifest = Manifest.read(backup)
        self.forgotten: list[str] = []
        self._settings = settings
        self._backup = backup
        self._draft = settings.data / DRAFT
        embedded = self.manifest.embedded
        if embedded == bool(settings.kafka_servers):
            raise BackupInvalid(
                f"DWELL_LOG is '{settings.log}', and {backup} was made with '{self.manifest.log}': expected"
                " the same kind of log; `dwell log move` changes it afterwards"
            )
        self._refuse_another_archive()
        given = settings.model_dump() | {"data": self._draft, "archive": None, "shard": ""}
        self._own = Settings(**given | ({"log": "embedded:"} if embedded else {}))
        self._refuse_taken()

    def run(self, since: Sequence[Path]) -> None:
        """All of it. If it is broken off, the same call begins anew.

        Args:
            since: where it stands who was forgotten after the backup was made.

        Raises:
            AlreadyRunning: another process restores into the folder.
            BackupInvalid: a file is not as it was backed up, or the folder cannot be written; nothing is
                in place then.
            DwellError: as logs and warehouses have it.
        """
        wanted = erasures_in(since)
        data = self._settings.data
        lock = data / LOCK
        refusal = AlreadyRunning(f"{data} is being restored by another process: wait for it")
        try:
            data.mkdir(parents=True, exist_ok=True)
            with alone(lock, refusal):
                try:
                    self._refuse_taken()
                    self._make(wanted)
                finally:
                    lock.unlink(missing_ok=True)
        except OSError as error:
            raise not_copied(data, error) from error

    def _make(self, wanted: Mapping[str, int]) -> None:
        self._clear()
        self._draft.mkdir()
        for entry in self.manifest.files:
            place = self._place(entry.path)
            take(self._backup, entry, None if place is None else self._draft / place)
        self._publish()
        self._forget(wanted)
        self._put()

    def _place(self, path: str) -> Path | None:
        """Where a file of the backup belongs in a data folder; `None`: it is for people alone."""
        if path == LOG:
            return Path("live") / LOG
        if path == SETTINGS:
            return None
        if path.split("/")[0] in (ARCHIVE, SECRETS):
            return Path(path)
        shards = self.manifest.shards
        if not shards:
            return Path("live") / path
        return Path("live") / f"warehouse-{Path(path).stem}-of-{shards}.duckdb"

    def _publish(self) -> None:
        """Have the folder know its layout, and people find what the warehouses have."""
        shards = Shard(self.manifest.shards, 1).all() if self.manifest.shards else [None]
        self._own.live.mkdir(exist_ok=True)
        for share in shards:
            with layout.holding(self._own.live, share):
                pass
        for settings in lives(self._own):
            settings.publication.parent.mkdir(exist_ok=True)
            with LiveWarehouse(settings.warehouse, settings.share) as warehouse:
                warehouse.checkpoint()
                snapshot.copy(warehouse.path, settings.publication)

    def _forget(self, wanted: Mapping[str, int]) -> None:
        """Whom the backup has not forgotten, or only up to an earlier moment."""
        if not wanted:
            return
        known = erasures_in([self._draft])
        now = int(1000 * time.time())
        erasures = {each: min(at, now) for each, at in wanted.items() if known.get(each, -1) < at}
        self.forgotten = list(erasures)
        if not erasures:
            return
        done = Forgetting(self._own, erasures, wait=FORGET_SECONDS, say=lambda line: None).run()
        if done.undone:
            raise BackupInvalid(
                f"{self._backup} could not be rid of who was forgotten: {done.undone[0]}"
            )

    def _refuse_another_archive(self) -> None:
        """One that went on after the backup holds offsets that new facts will have."""
        data, archive = self._settings.data, self._settings.archive_folder
        if archive != data / ARCHIVE:
            raise BackupInvalid(
                f"DWELL_ARCHIVE is '{archive}', and what is restored has its archive in {data / ARCHIVE}:"
                " expected it unset; what was archived there since the backup belongs to another future of"
                " the log"
            )

    def _refuse_taken(self) -> None:
        """Let nothing be overwritten.

        Raises:
            BackupInvalid: there is something.
        """
        data = self._settings.data
        there = {each.name for each in data.iterdir()} if data.exists() else set()
        there -= {DRAFT, LOCK, "lost+found"}
        begun = self._draft.exists() and all(map(_is_ours, there)) and "live" not in there
        if there and not begun:
            raise BackupInvalid(
                f"{data} has {', '.join(sorted(there)[:3])} in it: expected an empty folder, or none;"
                " nothing is overwritten"
            )

    def _clear(self) -> None:
        """Remove what a former run had put there that was broken off."""
        data = self._settings.data
        if self._draft.exists():
            for each in filter(lambda path: _is_ours(path.name), data.iterdir()):
                _remove(each)
            shutil.rmtree(self._draft)

    def _put(self) -> None:
        """In place, `live` last; until then it is no installation."""
        if (
            self.manifest.shards
        ):  # the union names its shards by their paths: their projectors make it
            self._own.published.unlink(missing_ok=True)
        for each in sorted(self._draft.rglob("*"), reverse=True):
            if each.is_dir():
                sync(each)
        data = self._settings.data
        for each in sorted(self._draft.iterdir(), key=lambda path: path.name == "live"):
            sync(data)
            each.rename(data / each.name)
        sync(data)
        self._draft.rmdir()
        sync(data)


def erasures_in(places: Iterable[Path]) -> dict[str, int]:
    """By visitor, up to when what was received is to be erased, in milliseconds since 1970.

    Args:
        places: backups, data folders, warehouses, embedded logs, or lists with a visitor's id a line.

    Raises:
        BackupInvalid: a place says nothing that could be read.
        DwellError: as a log or a warehouse has it.
    """
    found: dict[str, int] = {}
    for place in places:
        for path in _files(place):
            for visitor, received_at in _erasures_of(path).items():
                found[visitor] = max(found.get(visitor, -1), received_at)
    return found


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        if not place.exists():
            raise BackupInvalid(
                f"{place} is not there: expected a file or folder that says who is forgotten"
            )
        return [place]
    if (place / MANIFEST).exists():
        named = [place / each.path for each in Manifest.read(place).files]
        return [each for each in named if each.suffix == ".duckdb" or each.name == LOG]
    found = [settings.publication for settings in lives(Settings(data=place))]
    if not found:  # `live` is lost: what was published knows it too
        found = sorted(place.glob("shards-of-*/*.duckdb")) or [place / "warehouse.duckdb"]
    there = [each for each in (*found, place / "live" / LOG) if each.exists()]
    if not there:
        raise BackupInvalid(
            f"{place} has neither a warehouse nor a log in it: expected a data folder or a backup, which"
            " says who is forgotten"
        )
    return there


def _erasures_of(path: Path) -> Mapping[str, int]:
    with path.open("rb") as file:
        head = file.read(16)
    if head[8:12] == b"DUCK":
        return remains.erased_in(path).erasures
    if head.startswith(b"SQLite format 3"):
        return asyncio.run(_ordered_in(path))
    return _listed(path)


async def _ordered_in(path: Path) -> dict[str, int]:
    reader = EmbeddedReader(path)
    try:
        return await erased_by(reader)
    finally:
        await reader.close()


def _listed(path: Path) -> dict[str, int]:
    """A list says no moments: all of it is meant."""
    try:
        lines = path.read_text().split()
    except UnicodeDecodeError:
        lines = [""]
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(UUID_PATTERN, line):
            raise BackupInvalid(
                f"{path} has {line[:40]!r} as its word {number}: expected a visitor's id, a UUID"
            )
    return {line.lower(): 2**62 for line in lines}


def _is_ours(name: str) -> bool:
    return name in (ARCHIVE, SECRETS, "warehouse.duckdb") or name.startswith("shards-of-")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
