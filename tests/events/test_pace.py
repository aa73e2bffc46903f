"""The pace: few calls wait for each other, many do not, and a large one never."""

from dwell.events.pace import FEW, FEW_SECONDS, GATHERING_SECONDS, Pace


def pauses(apart: float, calls: int, records: int = 2) -> list[float]:
    """Of calls that come at equal distances."""
    pace = Pace(1)
    return [pace.pause(100 + apart * number, records) for number in range(calls)]


def test_few_calls_wait_for_each_other() -> None:
    assert set(pauses(apart=0.01, calls=100)) == {GATHERING_SECONDS}
    assert set(pauses(apart=60, calls=100)) == {GATHERING_SECONDS}


def test_many_do_not_once_they_are_known_to_be_many() -> None:
    assert pauses(apart=0.001, calls=100) == FEW * [GATHERING_SECONDS] + (100 - FEW) * [0]


def test_after_a_rest_they_are_few_again() -> None:
    pace = Pace(1)
    busy = [pace.pause(100 + each / 1000, 2) for each in range(100)]
    assert busy[-1] == 0
    assert pace.pause(100.1 + FEW_SECONDS, 2) == GATHERING_SECONDS


def test_a_call_waits_no_longer_than_it_may() -> None:
    assert Pace(0.005).pause(100, 1) == 0.005


def test_a_call_with_many_records_waits_for_nobody() -> None:
    assert set(pauses(apart=1, calls=5, records=FEW)) == {0}
