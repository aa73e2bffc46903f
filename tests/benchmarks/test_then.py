"""A dashboard's clock that is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.then import Then


def test_its_now_is_wrong_by_so_much_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Then, "wrong_by", timedelta(days=-3))
    before = datetime.now(UTC).timestamp()
    now = Then.now(UTC)
    assert 0 <= now.timestamp() + 3 * 86_400 - before < 60
    assert now.tzinfo is UTC
