"""Publishing: what readers have in hand is whole, always."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dwell.errors import WarehouseError
from dwell.warehouse import patching, snapshot
from tests.support.facts import Projected, glimpse

READERS = Path(__file__).parents[2] / ".cache" / "readers"

COUNT = "select count(*) from pageview"


def publish(projected: Projected, published: Path) -> None:
    projected.warehouse.checkpoint()
    snapshot.copy(projected.warehouse.path, published)


def count(published: Path) -> int:
    with duckdb.connect(published, read_only=True) as connection:
        found = connection.execute(COUNT).fetchone()
    assert found is not None
    return int(found[0])


def test_each_publication_is_the_whole_warehouse_of_its_moment(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        for n in range(1, 4):
            projected.append([glimpse(n)]).project()
            publish(projected, published)
            assert count(published) == n
    assert published.stat().st_mode & 0o777 == 0o444
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["live", "warehouse.duckdb"]


def test_publishing_does_not_let_go_of_the_live_file(tmp_path: Path) -> None:
    live = tmp_path / "live" / "warehouse.duckdb"
    with Projected(live) as projected:
        projected.append([glimpse(1)]).project()
        publish(projected, tmp_path / "warehouse.duckdb")
        code = f"import duckdb; duckdb.connect({str(live)!r})"
        intruder = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "Conflicting lock" in intruder.stderr


def test_commits_go_on_while_the_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "warehouse.duckdb"
    run = snapshot._run
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        projected.append([glimpse(1)]).project()
        projected.warehouse.checkpoint()
        live = projected.warehouse.path
        before = live.read_bytes()

        def in_two_halves(*command: str) -> "subprocess.CompletedProcess[str]":
            assert command[0] == "cp"
            _, draft = command[-2:]
            half = len(before) // 2
            run("sh", "-c", 'head -c "$1" "$2" >"$3"', "sh", str(half), str(live), draft)
            projected.append([glimpse(n) for n in range(2, 500)]).project(batch=250)
            return run(
                "sh", "-c", 'tail -c "+$1" "$2" >>"$3"', "sh", str(half + 1), str(live), draft
            )

        monkeypatch.setattr(snapshot, "_run", in_two_halves)
        snapshot.copy(live, published)
        assert projected.rows("select count(*) from warehouse.pageview") == [(499,)]
        assert live.read_bytes() == before == published.read_bytes()
    assert count(published) == 1


def test_a_clumsy_client_does_not_spoil_the_next_publication(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    clumsy = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute(\"delete from pageview\"); c.execute('create table notes as select 1');"
        "os.kill(os.getpid(), 9)"
    )
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        projected.append([glimpse(1)]).project()
        publish(projected, published)
        published.chmod(0o644)
        died = subprocess.run([sys.executable, "-c", clumsy, str(published)])
        assert died.returncode == -9
        assert (tmp_path / "warehouse.duckdb.wal").exists()
        projected.append([glimpse(2)]).project()
        publish(projected, published)
    assert count(published) == 2


def test_a_reader_keeps_the_publication_it_has_opened(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        projected.append([glimpse(1)]).project()
        publish(projected, published)
        with duckdb.connect(published, read_only=True) as reader:
            projected.append([glimpse(n) for n in range(2, 3000)]).project()
            publish(projected, published)
            assert reader.execute(COUNT).fetchone() == (1,)


def test_a_publication_that_fails_leaves_the_former_one_and_no_draft(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        publish(projected, published)
    with pytest.raises(WarehouseError, match="could not be published"):
        snapshot.copy(tmp_path / "missing.duckdb", published)
    assert count(published) == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["live", "warehouse.duckdb"]


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files too are made from a former publication."""
    monkeypatch.setattr("dwell.warehouse.snapshot.LEAST_PATCHED", 0)


def republish(projected: Projected, published: Path, pageview: int) -> int:
    """Publish one pageview more; returns which file it is."""
    projected.append([glimpse(pageview)]).project()
    projected.warehouse.checkpoint()
    snapshot.copy(projected.warehouse.path, published, keep_former=True)
    assert published.read_bytes() == projected.warehouse.path.read_bytes()
    assert published.stat().st_mode & 0o777 == 0o444
    return published.stat().st_ino


@pytest.mark.usefixtures("patched")
def test_a_publication_is_made_from_the_last_but_one(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        files = [republish(projected, published, n) for n in range(1, 6)]
    assert files[0] == files[2] == files[4] != files[1] == files[3]
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left == [".warehouse.duckdb.former", "live", "warehouse.duckdb"]


@pytest.mark.usefixtures("patched")
def test_who_has_an_old_publication_open_keeps_it(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        republish(projected, published, 1)
        with duckdb.connect(published, read_only=True) as reader, published.open("rb") as file:
            files = {republish(projected, published, n) for n in range(2, 5)}
            assert os.fstat(file.fileno()).st_ino not in files
            assert reader.execute(COUNT).fetchone() == (1,)


@pytest.mark.usefixtures("patched")
def test_who_has_another_name_for_an_old_publication_keeps_it(tmp_path: Path) -> None:
    published, kept = tmp_path / "warehouse.duckdb", tmp_path / "kept.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        republish(projected, published, 1)
        kept.hardlink_to(published)
        for n in range(2, 5):
            republish(projected, published, n)
    assert count(kept) == 1


@pytest.mark.usefixtures("patched")
def test_what_somebody_did_to_a_former_publication_is_undone(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        for n in range(1, 3):
            republish(projected, published, n)
        former = snapshot.former_of(published)
        former.chmod(0o644)
        former.write_bytes(former.read_bytes()[:300_000] + b"spoilt" * 500_000)
        republish(projected, published, 3)


@pytest.mark.usefixtures("patched")
def test_a_publication_that_is_to_stand_alone_lets_go_of_the_former_one(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        for n in range(1, 3):
            republish(projected, published, n)
        publish(projected, published)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["live", "warehouse.duckdb"]


def test_drafts_of_killed_publishers_are_swept(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    (tmp_path / ".warehouse.duckdb.4711-0").write_text("half a copy")
    (tmp_path / ".warehouse.duckdb.next.4711-0").write_text("somebody else's")
    published.write_text("whole")
    snapshot.sweep(published)
    left = {entry.name for entry in tmp_path.iterdir()}
    assert left == {"warehouse.duckdb", ".warehouse.duckdb.next.4711-0"}


@pytest.mark.parametrize("version", ["1.4", pytest.param("1.5", marks=pytest.mark.long), "2.0"])
def test_stock_clients_read_every_table_and_view(tmp_path: Path, version: str) -> None:
    folder = READERS / f"duckdb-{version}"
    environ = dict(os.environ)
    if not duckdb.__version__.startswith(version):
        if not folder.exists():
            pytest.skip(f"DuckDB {version} is not there: ./dev test brings it where it can")
        environ["PYTHONPATH"] = str(folder)
    published = tmp_path / "warehouse.duckdb"
    with Projected(tmp_path / "live" / "warehouse.duckdb") as projected:
        projected.append([glimpse(1, identity={"path": "/é", "n": 1.5}), glimpse(1, 1)]).project()
        publish(projected, published)
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        "print(duckdb.__version__);"
        'names = [name for (name,) in c.execute("select table_name from duckdb_tables() union all'
        ' select view_name from duckdb_views() where not internal").fetchall()];'
        "rows = {name: c.execute(f'select * from {name}').fetchall() for name in names};"
        "assert len(rows['visibility_change']) == 2, rows;"
        "print(*sorted(rows));"
        "print(c.execute(\"select view_name, identity ->> 'path' from pageview\").fetchone())"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, str(published)], env=environ, capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
    said, tables, row = read.stdout.splitlines()
    assert said.startswith(version)
    assert {"tracking_session", "pageview", "visibility_change"} <= set(tables.split())
    assert row == "('dwell.site.pages.page_a.PageA', '/é')"


def test_a_patch_that_is_written_in_part_is_written_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source := tmp_path / "source").write_bytes(os.urandom(3 * patching.BLOCK + 17))
    size = source.stat().st_size
    write = os.pwrite
    monkeypatch.setattr(
        os, "pwrite", lambda file, data, at: write(file, data[: patching.HEAD // 3], at)
    )
    with source.open("rb") as reads, (tmp_path / "target").open("w+b") as writes:
        os.ftruncate(writes.fileno(), size)
        patching.patch(reads.fileno(), writes.fileno(), size)
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
