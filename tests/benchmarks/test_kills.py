"""What came of many kills, as rows."""

from collections import Counter

from benchmarks.kills import Toll, rows
from dwell.commands.simulate.checking import Compared


def test_what_was_killed_and_what_was_lost_are_rows() -> None:
    verdicts = {"lost": 2, "invented": 0, "doubled": 1, "changed": 0}
    compared = {"facts": Compared(100, verdicts, []), "sessions": Compared(10, verdicts, [])}
    toll = Toll("Kafka", Counter(site=3, broker=2), 0, 95, 7, 4.5, compared)
    found = list(rows([toll]))
    figures = {row.what: row.median for row in found}
    assert figures["Kafka: broker killed"] == 2
    assert figures["Kafka: killed in all"] == 5
    assert figures["Kafka: rows compared"] == 110
    assert figures["Kafka: lost"] == 4
    assert figures["Kafka: doubled"] == 2
    assert [row.what for row in found if row.holds is False] == ["Kafka: lost", "Kafka: doubled"]
