"""How much is free is looked at seldom, and obeyed at once."""

from pathlib import Path

import pytest

from dwell.errors import NoSpace
from dwell.events.space import LOOK_SECONDS, Space, free_beside


class Disk:
    """A disk and a clock that the tests set."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.now = 0.0
        self.looks = 0

    def of(self, path: Path) -> int:
        self.looks += 1
        return self.free

    def space(self, keep: int) -> Space:
        return Space(Path("log.sqlite"), keep, free=self.of, clock=lambda: self.now)


def test_below_what_is_to_be_kept_free_it_refuses_and_above_it_again_it_does_not() -> None:
    disk = Disk(free=100)
    space = disk.space(keep=100)
    space.require()
    disk.free, disk.now = 99, LOOK_SECONDS
    with pytest.raises(NoSpace, match=r"99 bytes are free .* DWELL_KEEP_FREE, which is 100"):
        space.require()
    disk.free, disk.now = 100, 2 * LOOK_SECONDS
    space.require()


def test_the_disk_is_looked_at_once_a_second_however_often_it_is_asked() -> None:
    disk = Disk(free=100)
    space = disk.space(keep=1)
    for _ in range(1_000):
        space.require()
        disk.now += LOOK_SECONDS / 500
    assert disk.looks == 2


def test_who_keeps_nothing_free_looks_at_nothing() -> None:
    disk = Disk(free=0)
    disk.space(keep=0).require()
    assert disk.looks == 0


def test_a_file_that_is_to_be_made_counts_where_it_will_be(tmp_path: Path) -> None:
    assert free_beside(tmp_path / "not" / "yet" / "log.sqlite") > 0
