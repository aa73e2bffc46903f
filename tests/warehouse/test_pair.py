"""Two warehouses opened side by side: what can be opened, and that nothing of it is touched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dwell.errors import WarehouseError, WarehouseHeld
from dwell.warehouse import snapshot
from dwell.warehouse.comparison import TABLES, Comparison
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.pair import Pair
from tests.support.facts import Projected, glimpse
from tests.support.running import script
from tests.support.sharding import Sharded

RECORDS = [
    glimpse(n, seq, session=n % 2, engagement_ms=900 * seq) for n in (1, 2, 3) for seq in (0, 1)
]
COUNT = "select count(*) from {}.pageview"


def same(a: Path, b: Path) -> bool:
    with Pair(a, b) as pair:
        comparison = Comparison(pair)
        return all(comparison.compare(table).same for table in TABLES)


def count(a: Path, b: Path) -> tuple[int, int]:
    """The pageviews of each."""
    with Pair(a, b) as pair:
        [(in_a,)], [(in_b,)] = (pair.all(COUNT.format(side)) for side in "ab")
        return in_a, in_b


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a live file that no projector holds."""
    folder = tmp_path_factory.mktemp("original")
    with Projected(folder / "warehouse.duckdb") as projected:
        projected.append(RECORDS).project()
    return folder


@pytest.fixture
def live(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(original, tmp_path / "live") / "warehouse.duckdb"


@pytest.fixture
def publication(live: Path) -> Path:
    """The same, published."""
    path = live.parent.parent / "warehouse.duckdb"
    snapshot.copy(live, path)
    return path


def test_a_live_file_and_its_publication_are_the_same(live: Path, publication: Path) -> None:
    before = live.read_bytes(), publication.read_bytes()
    assert same(live, publication)
    assert (live.read_bytes(), publication.read_bytes()) == before
    assert {each.name for each in live.parent.iterdir()} == {live.name, f"{live.name}.lock"}
    assert {each.name for each in publication.parent.iterdir()} == {"live", publication.name}


def test_what_a_killed_projector_had_committed_counts(live: Path, publication: Path) -> None:
    lines = (
        "import os, sys; from pathlib import Path; from tests.support.facts import *;"
        "p = Projected(Path(sys.argv[1])); p.append([glimpse(7)]).project(); os.kill(os.getpid(), 9)"
    )
    assert script(lines, str(live)).status == -9
    wal = live.with_name(f"{live.name}.wal")
    before = wal.read_bytes()
    assert count(live, publication) == (4, 3)
    assert wal.read_bytes() == before
    with Projected(live) as projected:
        assert projected.rows("select count(*) from warehouse.pageview") == [(4,)]


def test_what_a_client_left_beside_a_publication_does_not(live: Path, publication: Path) -> None:
    publication.with_name(f"{publication.name}.wal").write_bytes(
        b"left by a client that was killed"
    )
    assert same(live, publication)


def test_a_file_that_a_projector_holds_is_refused_with_what_to_open_instead(
    live: Path, publication: Path
) -> None:
    with LiveWarehouse(live), pytest.raises(WarehouseHeld) as caught:
        Pair(publication, live)
    assert str(caught.value) == (
        f"{live} is held by process {os.getpid()}: expected what it publishes, {publication}"
    )


def test_a_shard_that_a_projector_holds_is_refused_with_the_shard_that_it_publishes(
    live: Path, publication: Path
) -> None:
    shard = live.rename(live.with_name("warehouse-2-of-3.duckdb"))
    with LiveWarehouse(shard), pytest.raises(WarehouseHeld, match=r"/shards-of-3/2\.duckdb$"):
        Pair(publication, shard)


def test_a_file_that_a_client_writes_is_refused(live: Path, publication: Path) -> None:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        with pytest.raises(WarehouseHeld, match=f"is held by process {client.pid}: expected "):
            Pair(publication, live)
        client.kill()


def test_no_projector_starts_on_a_file_while_it_is_compared(live: Path, publication: Path) -> None:
    with (
        Pair(live, publication),
        Pair(publication, live),
        pytest.raises(WarehouseHeld, match=f"held by process {os.getpid()}"),
    ):
        LiveWarehouse(live)
    LiveWarehouse(live).close()


def test_a_publication_may_be_replaced_while_it_is_compared(live: Path, publication: Path) -> None:
    with Pair(publication, publication) as pair:
        with Projected(live) as projected:
            projected.append([glimpse(9)]).project()
            projected.warehouse.checkpoint()
            snapshot.copy(live, publication)
        assert pair.all(COUNT.format("a")) == [(3,)]
    assert count(publication, publication) == (4, 4)


def test_a_union_of_shards_is_the_same_as_one_file(tmp_path: Path, live: Path) -> None:
    with Sharded(tmp_path / "sharded", 3) as sharded:
        for number in (1, 2, 3):
            sharded.append(number, RECORDS[number - 1 :: 3])
    union = sharded.published
    assert same(union, live)
    assert count(union, union) == (3, 3)
    moved = (tmp_path / "sharded").rename(tmp_path / "moved") / "warehouse.duckdb"
    assert same(live, moved)
    moved.with_name("shards-of-3").joinpath("2.duckdb").unlink()
    with pytest.raises(WarehouseError, match=r"unites shards, and .*2\.duckdb is missing"):
        Pair(live, moved)


def test_one_shard_is_not_the_union(tmp_path: Path) -> None:
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, RECORDS[:3]).append(2, RECORDS[3:])
    assert not same(sharded.published, tmp_path / "shards-of-2" / "1.duckdb")


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_what_is_no_duckdb_file_is_named(publication: Path, content: bytes) -> None:
    path = publication.with_name("notes.txt")
    path.write_bytes(content)
    with pytest.raises(WarehouseError, match=r"notes\.txt is no DuckDB file: expected a warehouse"):
        Pair(publication, path)


def test_a_file_that_is_missing_is_named(publication: Path) -> None:
    with pytest.raises(WarehouseError, match=r"nope\.duckdb is missing: expected a warehouse"):
        Pair(publication.with_name("nope.duckdb"), publication)


def test_a_folder_is_no_warehouse(publication: Path) -> None:
    with pytest.raises(WarehouseError, match=r"is no file: expected a warehouse"):
        Pair(publication, publication.parent)


def test_another_database_is_no_warehouse(publication: Path) -> None:
    path = publication.with_name("other.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute("create table pageview (pageview_id uuid)")
    with pytest.raises(WarehouseError, match=r"other\.duckdb is no warehouse: expected a table"):
        Pair(path, publication)


def test_a_damaged_file_is_said_to_be_so(live: Path, publication: Path) -> None:
    damaged = live.with_name("damaged.duckdb")
    shutil.copyfile(live, damaged)
    with damaged.open("r+b") as file:
        for block in range(12_288, damaged.stat().st_size, 262_144):
            file.seek(block + 2_000)
            file.write(b"\xff" * 64)
    with pytest.raises(WarehouseError, match="damaged"):
        same(publication, damaged)


def test_a_warehouse_from_elsewhere_reads_no_other_file(live: Path, publication: Path) -> None:
    with duckdb.connect(live) as connection:
        connection.execute("drop view pageview_ledger; drop table erasure")
        connection.execute("create view erasure as select content from read_text('/etc/passwd')")
    with Pair(publication, live) as pair, pytest.raises(WarehouseError, match="disabled"):
        pair.all("from b.erasure")
