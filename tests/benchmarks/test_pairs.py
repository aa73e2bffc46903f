"""How sure one can be of a difference."""

import random

from benchmarks.pairs import Pairs


def test_the_difference_is_that_of_the_pairs_and_not_of_the_medians() -> None:
    pairs = Pairs([10, 20, 90], [11, 21, 30])
    assert pairs.differences == [-60, 1, 1]
    assert pairs.difference == 1


def test_few_pairs_have_no_interval() -> None:
    assert Pairs([0] * 5, [1] * 5).interval is None
    assert Pairs([0] * 6, [1, 2, 3, 4, 5, 6]).interval == (1, 6)


def test_the_interval_holds_the_truth_in_95_of_100_trials_at_least() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(1000):
        pairs = Pairs([0] * 20, [2 + chance.expovariate(1) - 0.693 for _ in range(20)])
        assert pairs.interval is not None
        least, most = pairs.interval
        held += least <= 2 <= most
    assert held >= 940
