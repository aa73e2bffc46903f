"""A backup: a folder of files, and a manifest that says which, how long, and with which checksum.

The manifest is written last, when the files are durable, and the folder gets its name after that: what has
the name is whole.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from dwell.errors import BackupInvalid

FORMAT = 1
MANIFEST = "manifest.json"
LOG = "log.sqlite"
ARCHIVE = "archive"
SECRETS = "secrets"
SETTINGS = "settings.env"
PIECE = 2**20
"""Bytes that are copied at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup.

    Attributes:
        path: from the backup's folder.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, as it stands in `manifest.json`.

    Attributes:
        made_at: in UTC, as ISO 8601 has it.
        dwell: the version that made it.
        log: `DWELL_LOG` then.
        log_identity: of the log; `None` if there was none yet.
        shards: into how many files the log was projected; 0 is one file.
        left_out: what is not in it, though a setting names it.
    """

    made_at: str
    dwell: str
    log: str
    log_identity: str | None
    shards: int
    files: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """That of the backup in a folder.

        Raises:
            BackupInvalid: there is none, it cannot be read, or a newer Dwell wrote it.
        """
        path = folder / MANIFEST
        try:
            raw = json.loads(path.read_text())
            if raw.pop("format") != FORMAT:
                raise BackupInvalid(
                    f"{path} has another format than {FORMAT}: expected one that this version of Dwell"
                    " reads; a newer Dwell made it"
                )
            files = tuple(Entry(**each) for each in raw.pop("files"))
            return cls(**raw | {"files": files, "left_out": tuple(raw["left_out"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupInvalid(
                f"{path} cannot be read ({error}): expected a folder that `dwell backup` made"
            ) from None

    def write(self, folder: Path) -> None:
        """Write it, durable."""
        with (folder / MANIFEST).open("x") as file:
            json.dump({"format": FORMAT, **asdict(self)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(each.bytes for each in self.files)

    @property
    def embedded(self) -> bool:
        """Whether the log is in it."""
        return any(each.path == LOG for each in self.files)


def check(folder: Path, entry: Entry) -> None:
    """Make sure that a file is as it was when it was backed up.

    Raises:
        BackupInvalid: it is not.
    """
    take(folder, entry, None)


def take(folder: Path, entry: Entry, target: Path | None) -> None:
    """Copy a file out of a backup, durable, and check it on the way.

    Raises:
        BackupInvalid: it is not as it was when it was backed up.
    """
    path = folder / entry.path
    if Path(entry.path).is_absolute() or ".." in Path(entry.path).parts:
        raise BackupInvalid(
            f"{folder / MANIFEST} names {entry.path}: expected a file of the backup"
        )
    try:
        found = copied(path, target, entry.path)
    except FileNotFoundError:
        raise BackupInvalid(f"{path} is not there: expected all files of the backup") from None
    if found != entry:
        raise BackupInvalid(
            f"{path} has {found.bytes} bytes with the checksum {found.sha256[:12]}…: expected"
            f" {entry.bytes} with {entry.sha256[:12]}…, as it was backed up"
        )


def copied(path: Path, target: Path | None, name: str) -> Entry:
    """Copy a file as it is when it is opened, durable and for this user alone; `None` only reads it."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source:
        if target is None:
            for piece in iter(lambda: source.read(PIECE), b""):
                digest.update(piece)
                size += len(piece)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb", opener=_private) as file:
                for piece in iter(lambda: source.read(PIECE), b""):
                    digest.update(piece)
                    size += file.write(piece)
                file.flush()
                os.fsync(file.fileno())
    return Entry(name, size, digest.hexdigest())


def not_copied(target: Path, error: OSError) -> BackupInvalid:
    """A folder could not be filled."""
    where = f"{error.filename}: " if error.filename else ""
    return BackupInvalid(
        f"{target} could not be made ({where}{error.strerror}): expected a folder that this user can write,"
        " with room for everything in it"
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
