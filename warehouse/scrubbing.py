"""Scrubbing: a warehouse is written anew, so that no byte of an erased row stays in it.

A deleted row is only marked as such: its values stay in its row group, in blocks that were set free,
and in the least and greatest value of each column. A fresh file with the rows that are there has none
of it.
"""

import os
import shutil
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dwell.errors import WarehouseError
from dwell.lifeline import Lifeline, follow
from dwell.warehouse import promotion, snapshot
from dwell.warehouse.attaching import attach
from dwell.warehouse.live import MEMORY_LIMIT, STORAGE_VERSION, THREADS

SCRUB_DUE = "scrub_due"
"""Entry of `projection_info`: since when the file has bytes of rows that were erased."""
SCRUBBED_AT = "scrubbed_at"
"""Entry of `projection_info`: when the file was written anew, and what had been erased was gone."""


def scrub(source: Path, target: Path) -> None:
    """Write a copy of a warehouse with the same rows, in the same order, and nothing else of them.

    By another process, which ends with this one: the caller may hold the source open, if it stands still
    as for `snapshot.copy`. Who is killed leaves files beside the target, named as `snapshot.draft_of`
    names them.

    Args:
        target: it must not exist.

    Raises:
        WarehouseError: it could not be done; there is no target then.
    """
    with closing(Lifeline()) as lifeline:
        done = subprocess.run(
            [sys.executable, "-m", "dwell.warehouse.scrubbing", str(source), str(target)],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | lifeline.environment(),
            pass_fds=[lifeline.descriptor],
        )
    if done.returncode != 0:
        for remains in target.parent.glob(f"{target.name}*"):
            remains.unlink(missing_ok=True)
        problem = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
        raise WarehouseError(f"{source} could not be written anew: {problem}")


def publish(live: Path, published: Path) -> int:
    """As `snapshot.copy`, but what is published is written anew, and offered the live file's place.

    It is offered first: when the publication can be seen, the live file is on its way out.

    Raises:
        WarehouseError: it could not be done; the former publication stands, and is replaced with the
            next one.
    """
    draft, twin = snapshot.draft_of(live), snapshot.draft_of(published)
    try:
        scrub(live, draft)
        subprocess.run(["cp", "--", str(draft), str(twin)], check=True, capture_output=True)
        promotion.offer(draft, live, keep_former=False)
        return snapshot.put(twin, published)
    except (OSError, subprocess.CalledProcessError) as error:
        raise WarehouseError(f"{published} could not be published: {error}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
            twin.unlink(missing_ok=True)


def renew(live: Path) -> None:
    """Write the live file anew, and offer that the live file's place. Nothing is published.

    Raises:
        WarehouseError: it could not be done.
    """
    draft = snapshot.draft_of(live)
    try:
        scrub(live, draft)
        promotion.offer(draft, live, keep_former=False)
    finally:
        draft.unlink(missing_ok=True)


def write_anew(source: Path, target: Path) -> None:
    """As `scrub`, in this process, from a file that nobody holds.

    Raises:
        duckdb.Error: it could not be done.
    """
    with closing(duckdb.connect(config=_settings(target))) as connection:
        connection.execute(attach(source, "source"))
        connection.execute(attach(target, "target", f"storage_version '{STORAGE_VERSION}'"))
        connection.execute("copy from database source to target")
        [(schema,)] = connection.execute(
            "select schema_name from duckdb_tables() "
            "where database_name = 'target' and table_name = 'projection_info'"
        ).fetchall()
        connection.execute(f"use target.{schema}")
        connection.execute(
            "delete from projection_info where name in (?, ?)", [SCRUB_DUE, SCRUBBED_AT]
        )
        connection.execute(
            "insert into projection_info values (?, ?)",
            [SCRUBBED_AT, datetime.now(UTC).isoformat(timespec="milliseconds")],
        )
        connection.execute("checkpoint target")


def _settings(target: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "temp_directory": "",  # nothing of the rows goes anywhere else
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def main(source: Path, target: Path) -> None:
    """What the process does: the source is copied first, because its owner may go on with it."""
    copy = target.with_name(f"{target.name}.whole")
    try:
        shutil.copyfile(source, copy)
        write_anew(copy, target)
    finally:
        copy.unlink(missing_ok=True)


if __name__ == "__main__":
    follow()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
