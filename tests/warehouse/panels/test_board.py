"""The board as a whole: publications that come, selections that go, threads, shards, forms."""

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from dwell.errors import QueryFailed, WarehouseError
from dwell.warehouse.panels import Board, Selection, panels
from dwell.warehouse.panels.selections import Selections
from dwell.warehouse.published import Published
from tests.support.facts import NOW, Projected, Stored, glimpse
from tests.support.publishing import copy_of, publish
from tests.support.sharding import Sharded
from tests.support.truth import A, told

AT = datetime.fromtimestamp(NOW / 1000, UTC)


def selection(**given: str) -> Selection:
    return Selection.of(
        {"since": "2025-11-24", "until": "2025-12-08"} | given,
        timezone="UTC",
        now=datetime(2026, 4, 1, tzinfo=UTC),
    )


def of_march(**given: str) -> Selection:
    return selection(since="2026-03-01", until="2026-03-02", **given)


@contextmanager
def board_of(folder: Path, facts: list[Stored], now: datetime = AT) -> Iterator[Board]:
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(facts).project()
        published = copy_of(projected.warehouse, folder)
    with closing(Board(published, clock=lambda: now)) as board:
        yield board


def pageviews(board: Board, wanted: Selection) -> int:
    return int(board.answer("totals", wanted).rows()[0]["pageviews"])


def test_without_a_warehouse_it_says_so_and_finds_the_one_that_comes(tmp_path: Path) -> None:
    with closing(Board(tmp_path / "warehouse.duckdb")) as board:
        with pytest.raises(WarehouseError, match="there is no warehouse at"):
            board.answer("totals", selection())
        publish(tmp_path, [1.0])
        assert pageviews(board, of_march()) == 1


def test_each_answer_is_of_the_newest_publication_and_says_of_which(tmp_path: Path) -> None:
    published = publish(tmp_path, [1.0])
    with closing(Board(published)) as board:
        first = board.publication()
        assert board.answer("totals", of_march()).publication == first
        assert board.publication() == first
        publish(tmp_path, [2.0, 3.0])
        assert pageviews(board, of_march()) == 3
        assert board.publication().identity != first.identity
        assert board.publication().published_at > first.published_at


def test_a_publication_says_how_far_in_which_log_it_reaches(tmp_path: Path) -> None:
    with board_of(tmp_path, told()) as board:
        assert board.publication().positions == {0: len(told())}


def test_an_empty_warehouse_has_answers_and_no_errors(tmp_path: Path) -> None:
    with board_of(tmp_path, []) as board:
        for panel in panels():
            board.answer(panel.name, selection()).csv()
        assert board.answer("totals", selection()).rows()[0]["sessions"] == 0
        assert board.sessions(selection()).rows() == []
        assert board.choices(selection())["view"] == []


def test_an_answer_is_json_csv_and_arrow(tmp_path: Path) -> None:
    with board_of(tmp_path, told()) as board:
        answer = board.answer("series", selection())
    assert answer.rows()[0]["begins_at"] == "2025-11-24T00:00:00.000Z"
    first, *_ = csv.DictReader(io.StringIO(answer.csv()))
    assert (first["begins_at"], first["visitors"]) == ("2025-11-24T00:00:00.000Z", "2")
    assert list(csv.DictReader(io.StringIO(answer.csv())))[1]["median"] == ""
    table = pa.ipc.open_stream(answer.arrow()).read_all()
    assert table.num_rows == 28
    assert table["begins_at"][0].as_py() == datetime(2025, 11, 24, tzinfo=UTC)


def test_shards_that_are_united_give_the_same_answers(tmp_path: Path) -> None:
    def answers(board: Board) -> dict[str, list[dict[str, object]]]:
        extra = {"funnel": {"views": f"{A},PageB"}}
        return {
            panel.name: board.answer(panel.name, selection(), extra.get(panel.name, {})).rows()
            for panel in panels()
        }

    (tmp_path / "whole").mkdir()
    with board_of(tmp_path / "whole", told()) as board:
        whole = answers(board)
    with Sharded(tmp_path, 2) as sharded:
        sharded.append(1, told()[::2])
        sharded.append(2, told()[1::2])
        with closing(Board(sharded.published, clock=lambda: AT)) as board:
            assert answers(board) == whole
            assert len(board.sessions(selection()).rows()) == 5


def test_who_is_here_now(tmp_path: Path) -> None:
    """Two pageviews: one looked at until three minutes ago, one until twenty ago."""
    facts = [
        glimpse(1, 0, received_at=NOW - 600_000),
        glimpse(1, 1, engagement_ms=420_000, received_at=NOW - 180_000),
        glimpse(2, 0, session=2, visitor=2, received_at=NOW - 1_200_000, view=A + "2"),
    ]
    with board_of(tmp_path, facts) as board:
        rows = [tuple(row.values()) for row in board.answer("live", selection()).rows()]
        gone = board.answer("live", selection(view=A + "2")).rows()
    assert rows[0][0] == "now"
    assert rows[0][3:] == (1, 1, 1)
    assert [row[2:] for row in rows if row[0] == "view"] == [(A, 1, 1, 1)]
    minutes = [row[3] for row in rows if row[0] == "minute"]
    assert len(minutes) == 30
    assert minutes == [0] * 10 + [1] + [0] * 9 + [1] * 8 + [0] * 2
    assert (gone[0]["part"], gone[0]["visitors"]) == ("now", 0)


def test_how_long_a_step_takes_is_told_to_the_millisecond(tmp_path: Path) -> None:
    facts = [
        glimpse(number, session=session, visitor=session, view=view, received_at=NOW + later)
        for session, gap in ((1, 44_000), (2, 44_002))
        for number, view, later in ((2 * session, A, 0), (2 * session + 1, A + "2", gap))
    ]
    with (
        board_of(tmp_path, facts) as board,
        closing(Board(board.path, most_pageviews=-1)) as of_sql,
    ):
        for each in (board, of_sql):
            rows = each.answer("funnel", selection(), {"views": f"{A},{A}2"}).rows()
            assert [row["median"] for row in rows] == [None, 44.001]


def test_referrers_are_those_that_sessions_came_from(tmp_path: Path) -> None:
    facts = [
        glimpse(1, session=1, referrer="https://www.Search.example:8080/find"),
        glimpse(2, session=1, referrer="https://own.example/", received_at=NOW + 1000),
        glimpse(3, session=2, visitor=2, referrer="http://search.example"),
        glimpse(4, session=3, visitor=2, referrer="android-app://reader/"),
        glimpse(5, session=4, visitor=3),
        glimpse(6, session=5, visitor=4, referrer="http://me@[2001:db8::1]:8080/"),
    ]
    with board_of(tmp_path, facts) as board:
        rows = [tuple(row.values()) for row in board.answer("referrers", selection()).rows()]
    assert rows == [
        ("search.example", 2, 2, 3),
        ("", 1, 1, 1),
        ("[2001:db8::1]", 1, 1, 1),
        ("reader", 1, 1, 1),
    ]


def test_selections_that_nobody_uses_go_when_there_is_no_room(tmp_path: Path) -> None:
    published = Published(publish(tmp_path, [1.0]))
    selections = Selections(most_bytes=0)
    schemas = (
        "select schema_name from duckdb_schemas()"
        " where schema_name similar to '(selection|period)_.*' order by all"
    )
    with published.newest() as attached:
        with selections.use(attached, of_march(), "from selected") as outer:
            for days in range(5):
                begin = (AT - timedelta(days=days)).date().isoformat()
                with selections.use(attached, selection(since=begin), "from selected"):
                    pass
            assert outer.execute("select count(*) from selected").fetchall() == [(1,)]
            assert len(outer.execute(schemas).fetchall()) == 4, "two selections, of two periods"
        with selections.use(attached, of_march(bots="only"), "from selected") as cursor:
            pass
        with attached.cursor() as cursor:
            names = [name for (name,) in cursor.execute(schemas).fetchall()]
    assert names == ["period_13", "selection_14"], "the last one, and the period that it is of"
    published.close()


def test_many_threads_ask_while_publications_come(tmp_path: Path) -> None:
    published = publish(tmp_path, [1.0])
    seen: list[list[int]] = [[] for _ in range(4)]
    failed: list[BaseException] = []
    done = threading.Event()

    def ask(board: Board, mine: list[int]) -> None:
        try:
            while not done.is_set():
                for bots in ("exclude", "include"):
                    mine.append(pageviews(board, of_march(bots=bots)))
        except BaseException as error:
            failed.append(error)

    with closing(Board(published, threads=1)) as board:
        threads = [threading.Thread(target=ask, args=(board, mine)) for mine in seen]
        for thread in threads:
            thread.start()
        for number in range(2, 6):
            publish(tmp_path, [1.0])
            assert pageviews(board, of_march()) == number
        done.set()
        for thread in threads:
            thread.join()
        assert pageviews(board, of_march()) == 5
    assert not failed
    for mine in seen:
        assert mine
        assert mine == sorted(mine)


def test_what_duckdb_has_no_room_for_is_said_in_its_words(tmp_path: Path) -> None:
    published = publish(tmp_path, [1.0] * 3000)
    with (
        closing(Board(published, memory=1)) as board,
        pytest.raises(QueryFailed, match="Out of Memory"),
    ):
        board.answer("totals", of_march())
