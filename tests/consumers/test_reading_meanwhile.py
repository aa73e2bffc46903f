"""Stock DuckDB clients read the published file all the time, while facts flow."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import duckdb

from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from tests.support.facts import NOW, glimpse
from tests.support.running import environment, free_port, running, wait_until

READERS = Path(__file__).parents[2] / ".cache" / "readers"

# Opens the file again and again, as notebooks and schedulers do; says what it saw.
READER = """
import duckdb, sys, time
seen, deadline = [], time.monotonic() + 60
while len(set(seen)) < int(sys.argv[2]) and time.monotonic() < deadline:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        rows, sessions, counted = connection.execute(
            "select (select count(*) from pageview), (select count(*) from tracking_session),"
            " (select coalesce(sum(pageviews), 0) from tracking_session)"
        ).fetchone()
    assert rows == sessions == counted, (rows, sessions, counted)
    seen.append(rows)
    time.sleep(0.02)
assert seen == sorted(seen), seen
print(duckdb.__version__, len(set(seen)))
"""


def clients() -> dict[str, dict[str, str]]:
    """The environment for each DuckDB that is there: the pinned one and what ./dev test brought."""
    found = {duckdb.__version__[:3]: dict(os.environ)}
    for folder in sorted(READERS.glob("duckdb-*")):
        found[folder.name.removeprefix("duckdb-")] = os.environ | {"PYTHONPATH": str(folder)}
    return found


def count(published: Path) -> int:
    with duckdb.connect(published, read_only=True) as connection:
        found = connection.execute("select count(*) from pageview").fetchone()
    assert found is not None
    return int(found[0])


async def test_every_client_sees_whole_and_growing_publications(tmp_path: Path) -> None:
    publications = 4
    settings = Settings.read({"data": tmp_path / "data"}, environ={})
    environ = environment(settings.data, free_port(), publish_seconds=0.2)
    writer = open_writer(settings)
    number = 0
    with running("project", environ=environ, output=tmp_path / "project.log"):
        wait_until(settings.published.exists)
        reading = {
            version: subprocess.Popen(
                [sys.executable, "-c", READER, str(settings.published), str(publications)],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for version, environ in clients().items()
        }
        while any(reader.poll() is None for reader in reading.values()):
            facts = [glimpse(n, session=n, visitor=n) for n in range(number + 1, number + 51)]
            number += 50
            await writer.append([NewRecord(each.key, each.value, NOW) for each in facts])
            await asyncio.sleep(0.05)
        wait_until(lambda: count(settings.published) == number, within=60)
    await writer.close()
    for version, reader in reading.items():
        out, err = reader.communicate()
        assert reader.returncode == 0, f"DuckDB {version}: {err}"
        said, seen = out.split()
        assert said.startswith(version)
        assert int(seen) == publications
