"""A disk that fails to sync and drops what it could not write, as kernels do: whoever only tries to sync
again is told that all is well, and has lost it. The log writes it again, or has not acknowledged it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dwell.events.embedded import CHECKPOINT_BYTES
from tests.support.posted import Posted
from tests.support.preloaded import preloaded
from tests.support.running import wait_until

WITHIN = 60.0
LONG = "x" * 2000


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """Says by the end of their paths which files are lost."""
    told = tmp_path / "lost"
    told.touch()
    return told


@pytest.fixture
def dwell(lost: Path, tmp_path: Path) -> Iterator[Posted]:
    installation = Posted(tmp_path / "dwell", settings={"publish_seconds": 0.2})
    losing = preloaded("losing", tmp_path) | {"DWELL_TEST_LOSES": str(lost)}
    usual = installation.environ
    with installation:
        installation.parts["site"].kill()
        installation.environ = usual | losing
        installation.start("site")
        installation.environ = usual
        installation.parts["site"].wait_for(installation.origin, WITHIN)
        assert installation.post_next() == 204
        yield installation


def well_afterwards(dwell: Posted) -> None:
    """What was kept is in the log after kill -9, which is whole, and in the tables. A projector that read while
    the disk put pages back can have taken the log for damaged: it is started again, as `dwell up` does."""
    assert [dwell.post_next() for _ in range(3)] == [204] * 3
    dwell.kill("site")
    assert dwell.logged() == dwell.wanted

    def published_all() -> bool:
        if not dwell.parts["project"].alive:
            dwell.start("project")
        return dwell.published_all()

    wait_until(published_all, WITHIN)


def test_commits_that_are_lost_are_not_acknowledged_and_what_follows_is_kept(
    lost: Path, dwell: Posted
) -> None:
    assert [dwell.post_next() for _ in range(5)] == [204] * 5
    for _ in range(3):
        lost.write_text("-wal")
        assert [dwell.post_next() for _ in range(2)] == [503, 503]
        lost.write_text("")
        assert dwell.post_next() == 204
    well_afterwards(dwell)


def test_a_checkpoint_that_is_lost_is_made_again(lost: Path, dwell: Posted) -> None:
    lost.write_text("log.sqlite")
    said = lost.with_name(f"{lost.name}.said")
    while not said.exists():
        assert dwell.post_next(20, referrer=LONG) == 204
        assert dwell.kept * len(LONG) < 4 * CHECKPOINT_BYTES
    lost.write_text("")
    well_afterwards(dwell)
