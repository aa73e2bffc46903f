"""The benchmark of publishing: its reader, who must notice a file that is broken or went back."""

from pathlib import Path

from benchmarks.publishing import Reader
from tests.support.publishing import publish


def test_a_reader_counts_what_it_opened_and_what_was_broken_or_went_back(tmp_path: Path) -> None:
    more, fewer = tmp_path / "more", tmp_path / "fewer"
    published = publish(more, [1.0, 2.0])
    reader = Reader(published)
    reader.look()
    reader.look()
    assert (reader.opened, reader.broken) == (2, 0)
    publish(fewer, [1.0]).replace(published)
    reader.look()
    assert (reader.opened, reader.broken) == (3, 1)


def test_a_file_of_which_half_is_there_is_broken(tmp_path: Path) -> None:
    half = tmp_path / "warehouse.duckdb"
    half.write_bytes(b"half a file")
    reader = Reader(half)
    reader.look()
    assert (reader.opened, reader.broken) == (1, 1)
