"""The publisher, beside a projector that keeps up and beside one that does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dwell.consumers.publisher import Publisher, Standing
from dwell.warehouse import promotion
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


@pytest.mark.parametrize(
    ("took", "pauses"),
    [
        ([0.2, 7.0, 0.1, 0.3], [2.0, 2.0, 2.0, 3.0]),  # a disk that stood still once
        ([0.2, 0.7, 0.8, 0.9], [2.0, 2.0, 7.0, 8.0]),  # one that has become slow
    ],
)
async def test_one_publication_that_takes_long_is_not_followed_by_a_pause_ten_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: list[float], pauses: list[float]
) -> None:
    with LiveWarehouse(tmp_path / "live.duckdb") as warehouse:
        publisher = Publisher(warehouse, tmp_path / "warehouse.duckdb", every=0, in_turn=at_once)
        found = []
        for seconds in took:
            monkeypatch.setattr(publisher, "_checkpoint", lambda: Standing(seconds, False))  # noqa: B023
            publisher.changed()
            found.append(await publisher.publish())
    assert found == pytest.approx(pauses)


async def test_a_promoted_warehouse_that_is_behind_is_brought_into_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "warehouse.duckdb"
    published.touch()
    monkeypatch.setattr(promotion, "missing_until_published", lambda _: 1)
    monkeypatch.setattr("dwell.consumers.publisher.SETTLE_EVERY", 0.0)
    with LiveWarehouse(tmp_path / "live.duckdb") as warehouse:
        publisher = Publisher(warehouse, published, every=1, in_turn=at_once)
        with warehouse.transaction():
            warehouse.note("log_identity", "log")
        waiting = tmp_path / "live.duckdb.wal"
        assert waiting.stat().st_size
        await publisher.publish()
        assert not waiting.exists() or not waiting.stat().st_size
    assert not published.stat().st_size
