"""fsync, write or open end with an error in a process that runs, as on a disk that fails.

What is answered 204 meanwhile and before is in the log after kill -9; pages are answered; what is sent
again is counted once.
"""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.failing import SYNCS, WRITES, failing, hit
from tests.support.posted import Posted
from tests.support.running import wait_until

WITHIN = 60.0


@pytest.fixture(scope="module")
def dwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Posted]:
    folder = tmp_path_factory.mktemp("dwell")
    with Posted(folder, settings={"publish_seconds": 0.2}) as installation:
        wait_until(lambda: installation.post_next() == 204, WITHIN)
        wait_until(installation.published_all, WITHIN)
        yield installation


LOG_ERRORS = [
    pytest.param(SYNCS, "EIO", id="EIO-at-fsync"),
    pytest.param(SYNCS, "ENOSPC", id="ENOSPC-at-fsync", marks=pytest.mark.long),
    pytest.param(WRITES, "EIO", id="EIO-at-write", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("calls", "error"), LOG_ERRORS)
def test_what_the_log_could_not_write_is_not_acknowledged_and_what_follows_is_kept(
    calls: tuple[str, ...], error: str, dwell: Posted, tmp_path: Path
) -> None:
    site, said = dwell.parts["site"], tmp_path / "strace.out"
    log = dwell.as_read.embedded_log
    files = [log, log.with_name(f"{log.name}-wal")]
    with failing(site.pid, calls, f"error={error}", files, said):
        assert [dwell.post_next() for _ in range(3)] == [503, 503, 503]
        assert hit(said)
        assert dwell.page() == 200
    assert [dwell.post_next() for _ in range(5)] == [204] * 5
    dwell.kill("site")
    assert dwell.logged() == dwell.wanted
    dwell.parts["site"].wait_for(dwell.origin, WITHIN)
    wait_until(dwell.published_all, WITHIN)


WAREHOUSE_ERRORS = [
    pytest.param(SYNCS, "EIO", ".wal", id="EIO-at-fsync-of-a-commit"),
    pytest.param(SYNCS, "EIO", "", id="EIO-at-fsync-of-a-checkpoint"),
    pytest.param(WRITES, "ENOSPC", ".wal", id="ENOSPC-at-write", marks=pytest.mark.long),
    pytest.param(WRITES, "EIO", ".wal", id="EIO-at-write", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("calls", "error", "file"), WAREHOUSE_ERRORS)
def test_a_projector_that_cannot_write_says_so_and_the_next_one_counts_each_fact_once(
    calls: tuple[str, ...], error: str, file: str, dwell: Posted, tmp_path: Path
) -> None:
    projector, said = dwell.parts["project"], tmp_path / "strace.out"
    live = dwell.as_read.warehouse
    files = [live.with_name(f"{live.name}{file}")]
    with failing(projector.pid, calls, f"error={error}", files, said):
        assert dwell.post_next() == 204
        wait_until(lambda: not projector.alive, WITHIN)
        assert hit(said)
    assert projector.wait() == 2
    assert f"dwell: {live} could not be written: " in projector.printed()
    assert dwell.post_next() == 204
    dwell.start("project")
    wait_until(dwell.published_all, WITHIN)


def test_a_publication_that_cannot_be_synced_is_told_and_the_next_one_has_it_all(
    dwell: Posted, tmp_path: Path
) -> None:
    projector, said = dwell.parts["project"], tmp_path / "strace.out"
    told = f"{dwell.as_read.publication} could not be published: Input/output error"
    with failing(projector.pid, SYNCS, "error=EIO", [dwell.data], said):
        assert dwell.post_next() == 204
        wait_until(lambda: told in projector.printed(), WITHIN)
    wait_until(dwell.published_all, WITHIN)
    assert projector.alive


def test_a_projector_without_descriptors_says_so_and_the_next_one_goes_on(dwell: Posted) -> None:
    projector = dwell.parts["project"]
    hard = resource.prlimit(projector.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(projector.pid, resource.RLIMIT_NOFILE, (3, hard))
    assert dwell.post_next() == 204
    wait_until(lambda: not projector.alive, WITHIN)
    assert projector.wait() == 2
    assert "Too many open files" in projector.printed()
    dwell.start("project")
    wait_until(dwell.published_all, WITHIN)
