"""The manifest of an archive: which files there are, and what they hold.

`manifest.json` is replaced by rename, after the files that it names are durable; a file that it does not
name is a leftover.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from dwell.durable import sync
from dwell.errors import WarehouseError

FORMAT = 1
MANIFEST = "manifest.json"


class Held(NamedTuple):
    """The offsets of a partition that the archive holds, from `first` until before `until`."""

    partition: int
    first: int
    until: int


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What a file of the archive holds: the records of one partition that were received on one day.

    Attributes:
        path: from the archive's folder.
        day: as 2026-03-01, in UTC.
        first: the least offset in it.
        until: the greatest one and 1. Between the two, offsets may belong to another day's file.
        records: how many.
        bytes: its size.
    """

    path: str
    partition: int
    day: str
    first: int
    until: int
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the archive holds, as it stands in `manifest.json`."""

    log_identity: str
    held: dict[int, Held] = field(default_factory=dict)
    files: tuple[ArchiveFile, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The folder's manifest; `None`: there is no archive.

        Raises:
            WarehouseError: it cannot be read, or a newer Dwell wrote it.
        """
        path = folder / MANIFEST
        try:
            raw = json.loads(path.read_text())
            if raw["format"] != FORMAT:
                raise WarehouseError(
                    f"{path} has format {raw['format']!r}: expected {FORMAT}, the one that this version "
                    "of Dwell reads"
                )
            return cls(
                raw["log_identity"],
                {each["partition"]: Held(**each) for each in raw["held"]},
                tuple(ArchiveFile(**each) for each in raw["files"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"{path} cannot be read ({error}): expected the manifest of an archive; bring it back "
                "from a copy"
            ) from None

    def write(self, folder: Path) -> None:
        """Put it in the place of the former one, durable."""
        draft = folder / f".{MANIFEST}"
        with draft.open("w") as file:
            json.dump(self._raw(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / MANIFEST)
        sync(folder)

    def _raw(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "log_identity": self.log_identity,
            "held": [each._asdict() for each in self.held.values()],
            "files": [asdict(each) for each in self.files],
        }
