"""Files and folders: are they there, may this user use them, is there room?"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.events.space import free_beside
from dwell.settings import SECRETS, Settings, variable_of

SPARE = 1 << 30
"""Bytes that are noted when fewer are free, once a copy of the warehouse has its place."""


def closed(settings: Settings) -> Iterator[Finding]:
    """Folders that this user cannot look into: then there is nothing else to be seen."""
    for folder in (settings.data, settings.live):
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):  # noqa: PTH112
            yield wrong(
                "folder",
                f"user {_user()} cannot look into {folder}",
                "run this as the user that Dwell runs as",
            )
            return


def folders(settings: Settings) -> Iterator[Finding]:
    """The data folder and what the processes own in it."""
    data = settings.data
    if not data.exists():
        parent = next(each for each in data.absolute().parents if each.exists())
        if os.access(parent, os.W_OK):
            yield note("folder", f"{data} is not there yet", "`dwell up` makes it")
        else:
            yield wrong(
                "folder",
                f"{data} is not there, and {parent} cannot be written by user {_user()}",
                f"make it and give it to that user, or say with {variable_of('data')} where it is",
            )
        return
    if not data.is_dir():
        yield wrong(
            "folder",
            f"{data} is no folder",
            f"move it away, or say with {variable_of('data')} where the folder is",
        )
        return
    refused = [each for each in _owned(settings) if not _usable(each, settings)]
    if refused:
        yield wrong(
            "folder",
            f"user {_user()} cannot read and write {_some(refused)}",
            "give them to the user that Dwell runs as, or run this as that user",
        )
    else:
        yield well("folder", f"{data.resolve()} can be read and written by user {_user()}")
    open_ = [each for each in _private(settings) if each.stat().st_mode & 0o077]
    if open_:
        yield note(
            "rights",
            f"other users of this machine may read {_some(open_)}, which hold facts of visitors",
            f"chmod 600 {' '.join(map(str, open_))}",
        )


def secrets(settings: Settings) -> Iterator[Finding]:
    """The files that hold passwords and keys."""
    for name in SECRETS:
        path: Path | None = getattr(settings, name)
        if path is None:
            continue
        label = variable_of(name)
        if not os.access(path, os.R_OK):
            yield wrong(
                "secrets",
                f"{label} is '{path}', which cannot be read by user {_user()}",
                "name a file that is there, and let that user read it",
            )
        elif not path.stat().st_size:
            yield wrong("secrets", f"{label} is '{path}', which is empty", "put the secret into it")
        elif path.stat().st_mode & stat.S_IROTH:
            yield note("secrets", f"{path} can be read by everybody", f"chmod o= {path}")
        else:
            yield well("secrets", f"{path} can be read by those who should")


def space(settings: Settings) -> Iterator[Finding]:
    """Room for the next publication, which is a whole copy, and for facts."""
    at = next(each for each in (settings.data, *settings.data.absolute().parents) if each.exists())
    system = os.statvfs(at)
    free, whole = system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize
    needed = sum(_size(each) for each in _live(settings.warehouse))
    said = f"{amount(free)} of {amount(whole)} are free, and a publication takes {amount(needed)}"
    if system.f_flag & os.ST_RDONLY:
        yield wrong(
            "space", f"{at} is mounted read-only", "mount it for writing; is the disk failing?"
        )
    elif free < needed or (system.f_files and not system.f_favail):
        yield wrong(
            "space",
            said if free < needed else f"{at} has room for no more files",
            "make room: what is published stays as it is until there is; docs/keeping.md says what may go",
        )
    elif free < needed + SPARE or free * 20 < whole:
        yield note("space", said, "make room before it is needed")
    else:
        yield well("space", said)


def log_space(settings: Settings) -> Iterator[Finding]:
    """Room for facts in the embedded log."""
    if settings.kafka_servers or not settings.keep_free:
        return
    free = free_beside(settings.embedded_log)
    if free < settings.keep_free:
        yield wrong(
            "log space",
            f"{amount(free)} are free on the disk of {settings.embedded_log}, fewer than "
            f"{variable_of('keep_free')} ({amount(settings.keep_free)}): facts are refused",
            "make room; facts wait in browsers and come in again by themselves. docs/keeping.md says what "
            "may go",
        )


def amount(number: int) -> str:
    """Bytes, for people."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


def _owned(settings: Settings) -> Iterator[Path]:
    yield from filter(Path.exists, (settings.data, settings.live, settings.published))
    if settings.live.is_dir() and os.access(settings.live, os.R_OK | os.X_OK):
        yield from sorted(each for each in settings.live.iterdir() if each.is_file())


def _private(settings: Settings) -> Iterator[Path]:
    """The files of the embedded log."""
    if not settings.kafka_servers:
        yield from (each for each in _live(settings.embedded_log) if each.exists())


def _live(path: Path) -> list[Path]:
    """A database and its write-ahead log, by either name."""
    return [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}.wal")]


def _usable(path: Path, settings: Settings) -> bool:
    """Whether this user can do with it what Dwell does; what is published nobody writes into."""
    writing = 0 if path == settings.published else os.W_OK
    return os.access(path, os.R_OK | writing | (os.X_OK if path.is_dir() else 0))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _some(paths: list[Path]) -> str:
    named = ", ".join(map(str, paths[:3]))
    return named if len(paths) <= 3 else f"{named} and {len(paths) - 3} more"


def _user() -> int:
    return os.geteuid()
