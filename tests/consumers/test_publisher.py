"""The publisher, beside a projector that keeps up and beside one that does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dwell.consumers.publisher import Publisher
from dwell.warehouse.live import LiveWarehouse


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


@pytest.mark.parametrize("behind", [False, True])
async def test_memory_is_let_go_of_by_a_projector_that_keeps_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    let_go = []
    with LiveWarehouse(tmp_path / "live.duckdb") as warehouse:
        monkeypatch.setattr(warehouse, "let_go", lambda: let_go.append(True))
        published = tmp_path / "warehouse.duckdb"
        publisher = Publisher(warehouse, published, every=1, in_turn=at_once, behind=lambda: behind)
        await publisher.publish()
        assert published.exists()
    assert let_go == ([] if behind else [True])
