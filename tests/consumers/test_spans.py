"""Stretches of offsets."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dwell.consumers.spans import Span

spans = st.builds(
    lambda partition, first, length: Span(partition, first, first + length),
    st.integers(0, 1),
    st.integers(0, 30),
    st.integers(0, 12),
)


def offsets(span: Span) -> set[tuple[int, int]]:
    return {(span.partition, each) for each in range(span.first, span.until)}


@given(span=spans, others=st.lists(spans, max_size=4))
def test_what_is_left_is_what_no_other_has_once_and_ascending(
    span: Span, others: list[Span]
) -> None:
    left = list(span.less(others))
    assert [each for part in left for each in sorted(offsets(part))] == sorted(
        offsets(span).difference(*map(offsets, others))
    )
    assert left == sorted(left)


@given(span=spans, most=st.integers(1, 5))
def test_pieces_are_the_whole(span: Span, most: int) -> None:
    pieces = list(span.pieces(most))
    assert [each for piece in pieces for each in sorted(offsets(piece))] == sorted(offsets(span))
    assert all(0 < len(each) <= most for each in pieces)


def test_a_segments_name_says_its_span() -> None:
    span = Span(3, 12, 4_000_000_000_000)
    assert Span.of(Path("folder") / span.file) == span
    assert Span.of(Path(f".{span.file}.77")) is None
