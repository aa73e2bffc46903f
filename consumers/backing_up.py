"""Backing up: everything that an installation cannot make again, copied while it runs.

The warehouses are taken before the log, so that the log has all that they have read.
"""

import asyncio
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dwell
from dwell.consumers.backup import (
    ARCHIVE,
    LOG,
    MANIFEST,
    SECRETS,
    SETTINGS,
    Entry,
    Manifest,
    copied,
    not_copied,
)
from dwell.consumers.forgetting import projectors
from dwell.durable import sync
from dwell.errors import BackupInvalid, WarehouseHeld
from dwell.events import log_file
from dwell.events.opening import open_reader
from dwell.locks import alone
from dwell.settings import Settings, variable_of
from dwell.warehouse.archive import Archive
from dwell.warehouse.archive_writer import ArchiveWriter
from dwell.warehouse.manifest import MANIFEST as OF_ARCHIVE

LOCK = ".lock"
"""In a draft, of who makes it."""


@dataclass
class _Draft:
    """A backup that is not whole yet."""

    folder: Path
    files: list[Entry] = field(default_factory=list)

    def add(self, path: Path, name: str) -> None:
        """Copy a file into it."""
        self.files.append(copied(path, self.folder / name, name))

    def note(self, name: str) -> None:
        """Count in a file that was written there."""
        self.files.append(copied(self.folder / name, None, name))


def back_up(settings: Settings, target: Path, *, secrets: bool) -> Manifest:
    """Copy log, warehouses and archive into a new folder, which gets its name when it is whole and durable.

    With Kafka the log is not in it: the brokers keep it.

    Args:
        secrets: whether the files are in it that settings name for passwords and keys.

    Raises:
        BackupInvalid: the folder is there already or cannot be written, or there is nothing to be
            backed up.
        WarehouseHeld: visitors are being forgotten, or the archive is written to.
        LogError, WarehouseError: as the log or the files have it.
    """
    if target.exists():
        raise BackupInvalid(
            f"{target} is there already: expected a new folder; nothing is overwritten"
        )
    for folder in (settings.data, settings.archive_folder):
        if target.resolve().is_relative_to(folder.resolve()):
            raise BackupInvalid(
                f"{target} is inside {folder}: expected a folder elsewhere, best on another disk; what is"
                " in there is rewritten when somebody is forgotten"
            )
    if not settings.live.is_dir():
        raise BackupInvalid(
            f"there is no folder {settings.live}: expected the data of an installation; say where with"
            " --data or DWELL_DATA"
        )
    try:
        with _drafting(target) as draft:
            with _nobody_forgets(settings):
                manifest = _made(settings, draft, secrets=secrets)
            manifest.write(draft.folder)
            (draft.folder / LOCK).unlink()
            for folder in (draft.folder, *filter(Path.is_dir, draft.folder.rglob("*"))):
                sync(folder)
            draft.folder.rename(target)
            sync(target.parent)
    except OSError as error:
        raise not_copied(target, error) from error
    return manifest


@contextmanager
def _drafting(target: Path) -> Iterator[_Draft]:
    """A folder of its own for the time of a `with`; what a backup that was killed left in it goes.

    Raises:
        BackupInvalid: another backup is being made there, or something else is.
    """
    folder = target.with_name(f".{target.name}.draft")
    lock = folder / LOCK
    known = lock.exists() or (folder / MANIFEST).exists()  # whole, but for its name
    if folder.exists() and not known and any(folder.iterdir()):
        raise BackupInvalid(f"{folder} is no draft of a backup: expected it away")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    refusal = f"{folder} is being worked in by another backup: wait for it, or give another name"
    with alone(lock, BackupInvalid(refusal)):
        try:
            for left in folder.iterdir():
                if left.is_dir():
                    shutil.rmtree(left)
                elif left != lock:
                    left.unlink()
            yield _Draft(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _made(settings: Settings, draft: _Draft, *, secrets: bool) -> Manifest:
    own = projectors(settings)
    for each in own:
        if each.publication.exists():
            draft.add(each.publication, str(each.publication.relative_to(settings.data)))
    _archive(settings, draft)
    identity = _log(settings, draft)
    left_out = _secrets(settings, draft, secrets=secrets)
    _settings(settings, draft)
    share = own[0].share
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        dwell=dwell.__version__,
        log=settings.log,
        log_identity=identity,
        shards=share.count if share else 0,
        files=tuple(draft.files),
        left_out=tuple(left_out),
    )


def _archive(settings: Settings, draft: _Draft) -> None:
    """The archive's files, while nobody replaces them."""
    folder = settings.archive_folder
    archive = Archive.open(folder)
    if archive is None:
        return
    with ArchiveWriter.holding(folder, archive.log_identity) as writer:
        for each in writer.manifest.files:
            draft.add(folder / each.path, f"{ARCHIVE}/{each.path}")
        draft.add(folder / OF_ARCHIVE, f"{ARCHIVE}/{OF_ARCHIVE}")


def _log(settings: Settings, draft: _Draft) -> str | None:
    """The log itself, if it is a file; returns its identity."""
    if not settings.kafka_servers:
        if not settings.embedded_log.exists():
            return None
        log_file.copy(settings.embedded_log, draft.folder / LOG)
        log_file.require_whole(draft.folder / LOG, settings.embedded_log)
        draft.note(LOG)
    return asyncio.run(_identity(settings))


async def _identity(settings: Settings) -> str:
    reader = open_reader(settings)
    try:
        return await reader.identity()
    finally:
        await reader.close()


def _secrets(settings: Settings, draft: _Draft, *, secrets: bool) -> list[str]:
    """The files that settings name; returns those that are left out."""
    named = {
        name: path
        for name in Settings.model_fields
        if name.endswith("_file") and (path := getattr(settings, name))
    }
    if not secrets:
        return [f"{variable_of(name)}: {path}" for name, path in named.items()]
    for name, path in named.items():
        draft.add(path, f"{SECRETS}/{name}")
    return []


def _settings(settings: Settings, draft: _Draft) -> None:
    """The variables that are not as they are by themselves, for whoever sets the installation up again."""
    plain = Settings().environment()
    given = {name: value for name, value in settings.environment().items() if value != plain[name]}
    with (draft.folder / SETTINGS).open("x") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in given.items())
        file.flush()
        os.fsync(file.fileno())
    draft.note(SETTINGS)


@contextmanager
def _nobody_forgets(settings: Settings) -> Iterator[None]:
    """Keep `dwell forget` and `dwell prune` out, or a visitor could be in one half of the backup and not
    in the other, and facts in neither.

    Raises:
        WarehouseHeld: it is at work.
    """
    refusal = (
        f"{settings.live} is being worked in by `dwell forget`, `dwell prune`, `dwell log` or another "
        "backup: wait for it"
    )
    with alone(settings.live / "forget.lock", WarehouseHeld(refusal)):
        yield
