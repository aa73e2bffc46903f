"""Promotion: another file takes the place of the live warehouse, when that is opened next.

Beside the live file `LIVE`, what waits for its place has a name that says what becomes of `LIVE` then:

- `LIVE.next`: it is kept, as `former/LIVE`, in place of the one that was kept before.
- `LIVE.scrubbed`: it is not. This is the live warehouse itself, written anew without what was erased.

Whoever holds the lock of the live warehouse takes what waits, before the file is opened (`settle`). Until
one rename the former warehouse is the live one, afterwards the new one is, whatever is killed when.
"""

import errno
import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dwell.durable import sync
from dwell.errors import DwellError, WarehouseError
from dwell.shard import Shard
from dwell.warehouse.contents import (
    ERASURES_OWED,
    PROMOTED_AT,
    PUBLISH_FROM,
    Contents,
    Offsets,
    contents_of,
    erasures_between,
    first_line,
    offsets_between,
    opened,
    refuse_unfit,
)
from dwell.warehouse.snapshot import draft_of, strays, sweep

logger = logging.getLogger(__name__)


def waiting(live: Path) -> Path:
    """The name of what waits for the place of the live file, which is kept."""
    return live.with_name(f"{live.name}.next")


def scrubbed(live: Path) -> Path:
    """The name of what waits for the place of the live file, which is not kept."""
    return live.with_name(f"{live.name}.scrubbed")


def former(live: Path) -> Path:
    """The warehouse that was live before this one: the way back."""
    return live.parent / "former" / live.name


def before_upgrade(live: Path, version: int) -> Path:
    """The live file as it was when its tables had this version: the way back to an older Dwell."""
    return former(live).with_name(f"{live.stem}-schema-{version}.duckdb")


def way_back(live: Path) -> Path | None:
    """Where the former one stands now, if there is one: a promotion that was killed may not have given
    it its name yet."""
    coming = _coming(live)
    if coming.exists() and not (live.exists() and coming.samefile(live)):
        return coming
    return former(live) if former(live).exists() else None


def refused(live: Path) -> Path:
    """What waited and could not take the place."""
    return live.with_name(f"{live.name}.refused")


def waits(live: Path) -> bool:
    """Whether something waits for the place of the live file. It costs next to nothing to ask."""
    return waiting(live).exists() or scrubbed(live).exists()


def offer(path: Path, live: Path, *, keep_former: bool) -> int:
    """Have a file wait for the place of the live one; returns its number in the file system, by which
    it is known again. It is moved, or copied if it stands in another file system or has other names.

    Nothing is checked here but that nobody has it open. Who opens the live warehouse next takes it, as
    a projector at work does within a moment (`settle`).

    Raises:
        WarehouseError: another one waits already, the file is open elsewhere, or it could not be moved;
            it stands where it stood.
    """
    name = waiting(live) if keep_former else scrubbed(live)
    try:
        live.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(name):
            if name.exists():
                raise WarehouseError(
                    f"{name} waits already to take the place of {live}: expected one at a time; start "
                    "the projector, which takes it, or move the file away"
                )
            _make_whole(path)
            return _move(path, name)
    except OSError as error:
        raise WarehouseError(
            f"{path} could not be moved to {name}: {error.strerror or error}"
        ) from None


def settle(live: Path, shard: Shard | None) -> None:
    """Have what waits take the place of the live file, and finish what was begun before.

    For who holds the lock and does not have the file open. A file that cannot take the place is set
    aside as `refused`, and the present one stays.

    Raises:
        WarehouseError: the present file cannot be opened, or a file cannot be moved.
    """
    try:
        _finish(live)
        for offered in (scrubbed(live), waiting(live)):
            if offered.exists():
                _settle(offered, live, shard)
    except OSError as error:
        raise WarehouseError(
            f"{live} cannot be replaced: {error.filename}: {error.strerror}"
        ) from None


def missing_until_published(connection: duckdb.DuckDBPyConnection) -> int:
    """How many offsets a promoted warehouse has yet to read before it knows what the one before it
    knew, which readers have seen, and orders to forget that one had heeded; 0 if none."""
    known = contents_of(connection)
    owed = erasures_between(known.erasures, known.owed)
    return offsets_between(known.positions, known.publish_from) + len(owed)


def release(connection: duckdb.DuckDBPyConnection) -> None:
    """From now on the warehouse is published whatever it has read: an erasure may move it back. Inside
    a transaction."""
    connection.execute(
        "delete from projection_info where name in (?, ?)", [PUBLISH_FROM, ERASURES_OWED]
    )


def _settle(offered: Path, live: Path, shard: Shard | None) -> None:
    present = _present(live)
    keep = offered == waiting(live)
    try:
        _prepare(offered, present, shard, promoted=keep)
    except (DwellError, duckdb.Error, ValueError) as error:
        _refuse(offered, live, first_line(error))
        return
    sync(offered)
    if keep and present is not None:
        _keep(live)
    os.replace(offered, live)  # noqa: PTH105  this is the moment
    sync(live.parent)
    _finish(live)
    shutil.rmtree(f"{live}.tmp", ignore_errors=True)
    logger.info("%s is live now", live)


def _present(live: Path) -> Contents | None:
    """What is in the live file, which has all that was committed then; `None` if there is no file."""
    if not live.exists():
        _refuse_strays(live)
        return None
    try:
        with opened(live) as connection:
            found = contents_of(connection)
    except (duckdb.Error, ValueError) as error:
        raise WarehouseError(
            f"{live} cannot be opened, and {_waiting_ones(live)} waits for its place: "
            f"{first_line(error)}; move the file away, with what is beside it, to go on without it"
        ) from None
    _refuse_strays(live)
    return found


def _prepare(
    offered: Path, present: Contents | None, shard: Shard | None, *, promoted: bool
) -> None:
    """Make sure that it fits, and write into it what it has to read before it is published."""
    with opened(offered) as connection:
        found = contents_of(connection)
        refuse_unfit(offered, found, present, shard)
        seen, owed = _seen(present), _owed(found, present)
        connection.execute("begin transaction")
        release(connection)
        if offsets_between(found.positions, seen):
            _note(connection, PUBLISH_FROM, json.dumps(seen))
        if owed:
            _note(connection, ERASURES_OWED, json.dumps(owed))
        if promoted:
            _note(connection, PROMOTED_AT, datetime.now(UTC).isoformat(timespec="milliseconds"))
        connection.execute("commit")
    _refuse_strays(offered)


def _note(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    connection.execute("delete from projection_info where name = ?", [name])
    connection.execute("insert into projection_info values (?, ?)", [name, value])


def _seen(present: Contents | None) -> Offsets:
    """What readers may have seen of the log: what the file has read, or the one before it had."""
    if present is None:
        return {}
    known, awaited = present.positions, present.publish_from
    return {each: max(known.get(each, 0), awaited.get(each, 0)) for each in {**known, **awaited}}


def _owed(found: Contents, present: Contents | None) -> dict[str, int]:
    """Whom the present file has forgotten, by the log or by hand, and what takes its place has not yet."""
    if present is None:
        return {}
    latest = dict(present.owed)
    for visitor, received_at in present.erasures.items():
        latest[visitor] = max(received_at, latest.get(visitor, received_at))
    return erasures_between(found.erasures, latest)


def _keep(live: Path) -> None:
    """Give the live file a second name, under which it stays when its first one is another's."""
    coming = _coming(live)
    if not coming.parent.exists():
        coming.parent.mkdir()
        sync(live.parent)
    sync(live)
    coming.hardlink_to(live)
    sync(coming.parent)


def _finish(live: Path) -> None:
    """Bring in order what stands in `former/`, wherever a promotion ended before."""
    coming, kept = _coming(live), former(live)
    if not coming.exists():
        return
    if live.exists() and coming.samefile(live):
        coming.unlink()  # it had not come to the rename
        return
    for stray in strays(kept):
        stray.unlink(missing_ok=True)
    coming.replace(kept)
    sync(kept.parent)


def _coming(live: Path) -> Path:
    return former(live).with_name(f"{live.name}.coming")


def _refuse(offered: Path, live: Path, why: str) -> None:
    """Set aside what cannot take the place; a scrub is made again by whoever wanted it."""
    if offered == scrubbed(live):
        offered.unlink()
        logger.error("%s could not take the place of %s: %s", offered, live, why)
        return
    offered.replace(refused(live))
    for stray in strays(offered):
        with suppress(FileNotFoundError):
            stray.replace(
                refused(live).with_name(stray.name.replace(offered.name, refused(live).name))
            )
    logger.error(
        "%s could not take the place of %s, and stands as %s now: %s",
        offered,
        live,
        refused(live),
        why,
    )


def _refuse_strays(path: Path) -> None:
    """DuckDB would apply a write-ahead log to whatever has its name next.

    Raises:
        WarehouseError: there is one, though the file was closed, or is not there.
    """
    for stray in strays(path):
        if stray.exists():
            raise WarehouseError(
                f"{stray} is there, and {path} is not or has it read: expected no such file, which would "
                "be applied to another warehouse; move it away"
            )


def _waiting_ones(live: Path) -> str:
    return " and ".join(str(each) for each in (scrubbed(live), waiting(live)) if each.exists())


def _make_whole(path: Path) -> None:
    """Bring the write-ahead log into the file that its writer left, and make sure that nobody has it
    open."""
    mode = path.stat().st_mode
    if not mode & 0o200:  # a copy of a published file
        path.chmod(mode | 0o600)
    try:
        with opened(path):
            pass
    except duckdb.Error as error:
        raise WarehouseError(f"{path} cannot be opened for writing: {first_line(error)}") from None
    _refuse_strays(path)


def _move(path: Path, name: Path) -> int:
    """By a rename: of a copy, if need be."""
    sync(path)
    found = path.stat()
    if found.st_nlink > 1:  # who has it under another name could write into it
        return _copy(path, name)
    try:
        path.rename(name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _copy(path, name)
    sync(name.parent)
    return found.st_ino


def _copy(path: Path, name: Path) -> int:
    sweep(name)
    draft = draft_of(name)
    try:
        shutil.copyfile(path, draft)
        sync(draft)
        number = draft.stat().st_ino
        draft.rename(name)
    finally:
        draft.unlink(missing_ok=True)
    sync(name.parent)
    path.unlink()
    return number


@contextmanager
def _one_at_a_time(name: Path) -> Iterator[None]:
    with name.with_name(f"{name.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
