"""One data folder is projected in one way at a time."""

from pathlib import Path

import pytest

from dwell.errors import WarehouseError, WarehouseHeld
from dwell.shard import Shard
from dwell.warehouse.layout import holding

THREE = Shard.parse("1/3")


def test_projectors_of_one_layout_work_side_by_side(tmp_path: Path) -> None:
    with holding(tmp_path, THREE), holding(tmp_path, Shard.parse("2/3")):
        pass


@pytest.mark.parametrize("other", [None, Shard.parse("1/2")])
def test_another_layout_is_refused_until_they_are_gone(tmp_path: Path, other: Shard | None) -> None:
    with (
        holding(tmp_path, THREE),
        pytest.raises(WarehouseHeld, match="is being projected into 3 shards: expected the same"),
        holding(tmp_path, other),
    ):
        pass
    with (
        holding(tmp_path, other),
        pytest.raises(WarehouseHeld, match="and this one makes 3 shards; stop the others"),
        holding(tmp_path, THREE),
    ):
        pass
    with holding(tmp_path, THREE):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(WarehouseError, match="expected a folder that can be written"),
        holding(tmp_path / "file" / "live", None),
    ):
        pass
