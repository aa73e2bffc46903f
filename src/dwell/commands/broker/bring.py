"""Brings Kafka into the cache; `python -m dwell.commands.broker.bring` does it ahead of time."""

import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dwell.commands.broker.archive import make_archive, make_bootstrap
from dwell.commands.broker.jars import VERSION, bring_jars
from dwell.commands.broker.java import find_java
from dwell.commands.broker.release import Release, cache
from dwell.errors import DwellError


def bring(say: Callable[[str], None] = lambda _: None) -> Release:
    """The release, brought if it is not there; `say` is told what takes longer than a moment.

    Several processes may call at once: one brings, the others wait.

    Raises:
        DwellError: there is no Java, or it is too old, or the jars could not be brought.
    """
    release = Release(find_java(), cache())
    if not _complete(release):
        try:
            release.folder.mkdir(parents=True, exist_ok=True)
            with _alone(release.folder / "lock"):
                _make(release, say)
        except OSError as error:
            raise DwellError(
                f"the cache folder '{release.folder}' cannot be written"
                f" ({error.filename}: {error.strerror}): choose another one with XDG_CACHE_HOME"
            ) from None
    return release


def _complete(release: Release) -> bool:
    return release.jars.exists() and release.archive.exists() and release.bootstrap.exists()


def _make(release: Release, say: Callable[[str], None]) -> None:
    if not release.jars.exists():
        say(f"bringing the jars of Apache Kafka {VERSION} into {release.folder}, once")
        bring_jars(release.jars)
    if not release.bootstrap.exists():
        make_bootstrap(release)
    if not release.archive.exists():
        say("making an archive of its classes, so that it starts within a second, once")
        make_archive(release)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Bring it; exit status 2 and one line if that cannot be done."""
    try:
        bring(lambda line: print(f"dwell: {line}", file=sys.stderr))  # noqa: T201
    except DwellError as error:
        print(f"dwell: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
