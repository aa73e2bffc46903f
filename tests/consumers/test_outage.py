"""A log that is away is told of seldom enough to be read."""

import pytest

from dwell.consumers import outage
from dwell.consumers.outage import Outage
from dwell.errors import LogUnavailable


def test_an_outage_is_told_at_first_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    away = Outage()
    away.over()
    for seconds in range(5, 50):
        away.met(LogUnavailable(f"no word for {seconds} s"))
    away.over()
    away.over()
    assert [record.getMessage() for record in caplog.records] == [
        "the log does not answer, trying again: no word for 5 s",
        "the log answers again",
    ]


def test_an_outage_that_lasts_is_told_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "AGAIN_SECONDS", 0.0)
    away = Outage()
    for seconds in (5, 65):
        away.met(LogUnavailable(f"no word for {seconds} s"))
    assert [record.getMessage().split()[-2] for record in caplog.records] == ["5", "65"]
