"""Two warehouses compared: what is the same is not seen, and what is not is named."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given

from dwell.rules import Rules
from dwell.warehouse.aligned import PROVENANCE
from dwell.warehouse.comparison import TABLES, Compared, Comparison, Difference
from dwell.warehouse.pair import Pair
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.warehouse.test_law import examples, told_twice

FILES = itertools.count()
RECORDS = [
    glimpse(1, 0, session=1, visitor=1, previous=2, previous_seq=3, referrer="https://a.example/"),
    glimpse(1, 1, session=1, visitor=1, engagement_ms=5000, received_at=NOW + 5000),
    glimpse(1, 2, session=1, visitor=2, engagement_ms=6000, received_at=NOW + 6000),
    glimpse(2, 0, session=2, visitor=3, browser_agent="B/1", visibility="hidden"),
    glimpse(3, 4, session=2, visitor=3, engagement_ms=700, identity={"path": "/é", "n": 1}),
    forgotten(9, NOW),
    forgotten(8, NOW + 1),
    Stored(b"junk", NOW),
]
OTHER = {
    "UUID": "uuid()",
    "VARCHAR": "{} || 'x'",
    "JSON": '\'{{"path": "/other"}}\'',
    "DOUBLE": "{} + 0.001",
    "INTEGER": "coalesce({} + 1, 0)",
    "BIGINT": "{} + 1",
    "TIMESTAMP": "{} + interval 1 microsecond",
    "BOOLEAN": "not {}",
    "UUID[]": "[uuid()]",
}
"""Another value of each type that the tables have."""

EACH = pytest.mark.parametrize(
    "table",
    [
        table
        if table in ("pageview", "browser_agent")
        else pytest.param(table, marks=pytest.mark.long)
        for table in TABLES
    ],
)
"""What is compared by the same SQL as any other table is a long run."""

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with some of everything."""
    path = tmp_path_factory.mktemp("original") / "warehouse.duckdb"
    with Projected(path) as projected:
        projected.append(RECORDS).project()
        projected.warehouse.checkpoint()
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Make:
    """Makes a copy of it in which some statements were run."""

    def make(*statements: str) -> Path:
        path = tmp_path / f"{next(FILES)}.duckdb"
        shutil.copyfile(original, path)
        with duckdb.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
        return path

    return make


def compared(a: Path, b: Path, *, provenance: bool = False) -> dict[str, Compared]:
    """What came of each table."""
    with Pair(a, b) as pair:
        comparison = Comparison(pair, provenance=provenance)
        return {table: comparison.compare(table) for table in TABLES}


def compared_table(a: Path, b: Path, table: str, *, provenance: bool = False) -> Compared:
    """What came of this table."""
    with Pair(a, b) as pair:
        return Comparison(pair, provenance=provenance).compare(table)


def differences(a: Path, b: Path, table: str, *, provenance: bool = False) -> list[Difference]:
    """Every row of a table that differs."""
    with Pair(a, b) as pair:
        comparison = Comparison(pair, provenance=provenance)
        return list(comparison.differences(comparison.compare(table), 1000))


def notes(a: Path, b: Path) -> dict[str, str]:
    """What is noted, by what it is about."""
    with Pair(a, b) as pair:
        return {note.about: note.says for note in Comparison(pair).notes()}


def projected(records: list[Stored], batch: int, folder: Path) -> Path:
    """A live file of these records that nobody holds."""
    path = folder / f"{next(FILES)}.duckdb"
    with Projected(path) as projected:
        projected.append(records).project(batch)
    return path


@examples(1)
@given(told=told_twice())
def test_any_order_and_any_duplication_of_the_facts_are_the_same(
    told: tuple[list[Stored], int, list[Stored], int], tmp_path: Path
) -> None:
    records, batch, shuffled, other_batch = told
    found = compared(
        projected(records, batch, tmp_path), projected(shuffled, other_batch, tmp_path)
    )
    assert all(each.same for each in found.values()), found
    assert all(each.content[0] == each.content[1] for each in found.values())


def test_two_that_have_read_nothing_are_the_same(tmp_path: Path) -> None:
    found = compared(projected([], 1, tmp_path), projected([], 1, tmp_path))
    assert all(each.same and each.rows == (0, 0) for each in found.values())


def test_a_warehouse_is_the_same_as_itself(original: Path) -> None:
    found = compared(original, original, provenance=True)
    assert all(each.same for each in found.values())
    assert {table: each.rows for table, each in found.items()} == {
        "tracking_session": (2, 2),
        "pageview": (3, 3),
        "visibility_change": (5, 5),
        "browser_agent": (2, 2),
        "erasure": (2, 2),
    }
    assert notes(original, original) == {}


@EACH
def test_one_value_of_a_row_is_seen_and_named(table: str, tmp_path: Path) -> None:
    """Each column has another value in a row of its own."""
    agents = [glimpse(n, session=n, visitor=n, browser_agent=f"B/{n}") for n in range(30)]
    original = projected([*agents, *(forgotten(n, NOW) for n in range(100, 130))], 100, tmp_path)
    changed = Path(shutil.copyfile(original, tmp_path / "changed.duckdb"))
    expected = []
    with duckdb.connect(changed) as connection:
        for row, (column, kind, *_) in enumerate(
            connection.execute(f"describe {table}").fetchall()
        ):
            value = OTHER[kind].format(f'"{column}"')
            connection.execute(f'update {table} set "{column}" = {value} where rowid = {row}')
            expected.append(column)
    found = compared(original, changed, provenance=True)
    assert [name for name, each in found.items() if not each.same] == [table]
    keys, there = TABLES[table], found[table]
    assert (there.only_in_a, there.only_in_b) == (len(keys), len(keys))
    assert there.columns == {column: 1 for column in expected if column not in keys}
    told = [list(each.columns) for each in differences(original, changed, table, provenance=True)]
    assert sorted(names for names in told if names) == sorted([each] for each in there.columns)


@pytest.mark.parametrize("column", PROVENANCE)
def test_where_a_row_came_from_is_compared_only_when_asked(
    original: Path, copy: Make, column: str
) -> None:
    moved = copy(f"update pageview set {column} = {column} + 7")
    assert all(each.same for each in compared(original, moved).values())
    found = compared_table(original, moved, "pageview", provenance=True)
    assert found.columns == {column: 3}


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("other_visitor_ids", "null", "[]"),
        ("other_visitor_ids", "[]", "[null]"),
        ("other_visitor_ids", "[null]", "null"),
        ("other_visitor_ids", "[uuid 'ffffffff-ffff-7fff-8fff-ffffffffffff', null]", "[null, uuid 'ffffffff-ffff-7fff-8fff-ffffffffffff']"),
        ("previous_seq", "null", "0"),
        ("previous_pageview_id", "null", "uuid '00000000-0000-0000-0000-000000000000'"),
        ("referrer", "''", "'null'"),
        ("identity", "'{}'", "'{\"a\":null}'"),
        ("identity", "'{\"a\":1}'", "'{\"a\":\"1\"}'"),
    ],
)  # fmt: skip
def test_null_nothing_and_another_type_of_it_are_three_things(
    copy: Make, column: str, one: str, other: str
) -> None:
    a, b = (copy(f"update pageview set {column} = {value}") for value in (one, other))
    assert compared_table(a, b, "pageview").columns == {column: 3}


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("engagement_time", "1.5", "2.5"),
        ("view_name", "'one'", "'other'"),
        ("visitor_id", f"uuid '{uuid7(1)}'", f"uuid '{uuid7(2)}'"),
        ("end_seen", "true", "false"),  # the last column: hashes are combined one after the other
    ],
)
def test_two_values_that_changed_places_are_seen(
    copy: Make, column: str, one: str, other: str
) -> None:
    a, b = (
        copy(f"update pageview set {column} = if(rowid = 0, {first}, {second}) where rowid < 2")
        for first, second in ((one, other), (other, one))
    )
    found = compared_table(a, b, "pageview")
    assert (found.different, found.columns) == (2, {column: 2})


@EACH
def test_a_row_that_one_side_lacks_is_seen(original: Path, copy: Make, table: str) -> None:
    without = copy(f"delete from {table} where rowid = 0")
    for a, b, which in ((original, without, "only_in_a"), (without, original, "only_in_b")):
        found = compared_table(a, b, table)
        assert (found.only_in_a, found.only_in_b, found.different) == (
            int(which == "only_in_a"),
            int(which == "only_in_b"),
            0,
        )
        [difference] = differences(a, b, table)
        assert (len(difference.a), len(difference.b)) == (found.only_in_a, found.only_in_b)


@EACH
def test_a_row_that_stands_twice_is_seen(original: Path, copy: Make, table: str) -> None:
    doubled = copy(f"insert into {table} select * from {table} where rowid = 0")
    found = compared_table(original, doubled, table)
    assert (found.different, found.doubled, found.columns) == (1, 1, {})
    [difference] = differences(original, doubled, table)
    assert (len(difference.a), len(difference.b), difference.columns) == (1, 2, {})


def test_rows_that_differ_come_with_the_facts_that_made_them(tmp_path: Path) -> None:
    a = projected(RECORDS, 100, tmp_path)
    more = glimpse(1, 3, session=1, engagement_ms=9000, received_at=NOW + 9000)
    b = projected([Stored(b"junk", NOW), *reversed(RECORDS), more], 100, tmp_path)
    [session] = differences(a, b, "tracking_session")
    assert session.key == {"session_id": session.a[0]["session_id"]}
    assert session.facts == (["0:0", "0:2"], ["0:6", "0:9"])
    [pageview] = differences(a, b, "pageview")
    assert str(pageview.key["pageview_id"]) == uuid7(1)
    assert pageview.columns["engagement_time"] == (6.0, 9.0)
    assert pageview.facts == (["0:0", "0:2"], ["0:6", "0:9"])
    [change] = differences(a, b, "visibility_change")
    assert (change.a, change.key["seq"], change.facts) == ([], 3, ([], ["0:9"]))


def test_a_pageview_tells_of_its_visibility_changes_that_differ(original: Path, copy: Make) -> None:
    b = copy(
        "update pageview set engagement_time = 99 where last_seq = 2",
        "update visibility_change set engagement_time = 98 where seq = 1",
    )
    [pageview] = differences(original, b, "pageview")
    assert pageview.facts == (["0:0", "0:1", "0:2"], ["0:0", "0:1", "0:2"])


def test_only_so_many_differences_are_told_and_all_are_counted(original: Path, copy: Make) -> None:
    b = copy("update visibility_change set engagement_time = engagement_time + 1")
    with Pair(original, b) as pair:
        comparison = Comparison(pair)
        found = comparison.compare("visibility_change")
        told = list(comparison.differences(found, 2))
    assert (found.different, len(told)) == (5, 2)
    assert [each.key["seq"] for each in told] == [0, 1]


def test_many_differences_are_looked_for_in_several_passes(
    original: Path, copy: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = copy(
        "update visibility_change set engagement_time = 77",
        "delete from visibility_change where seq = 4",
    )
    at_once = compared_table(original, b, "visibility_change")
    monkeypatch.setattr("dwell.warehouse.comparison.ROWS_A_PASS", 1)
    assert compared_table(original, b, "visibility_change") == at_once
    assert (at_once.only_in_a, at_once.different) == (1, 4)
    assert at_once.columns == {"engagement_time": 4}


def test_what_explains_a_difference_is_noted_and_is_none(original: Path, copy: Make) -> None:
    b = copy(
        "insert into projection_info values ('log_identity', 'log-b'), ('rules', 'cap 60'), ('published_at', 'now')",
        "update log_offset set next_offset = 3",
        "delete from dead_letter",
    )
    assert notes(original, b) == {
        "log_identity": "log_identity is not there in A and log-b in B: an offset of one says nothing of the other",
        "rules": "rules is not there in A and cap 60 in B: each counts sessions, seconds and bots by its own",
        "log_offset": "A has read up to 0:8; B has read up to 0:3",
        "dead_letter": "dead letters: 1 in A, 0 in B",
    }
    assert all(each.same for each in compared(original, b).values())


def test_rules_are_compared_by_what_they_show(tmp_path: Path) -> None:
    records = [
        glimpse(1, 0),
        glimpse(1, 1, engagement_ms=5000),
        glimpse(2, 0, received_at=NOW + 3_600_000),
    ]
    paths = [tmp_path / f"{name}.duckdb" for name in ("plain", "ruled", "ruled_too")]
    rules = Rules(session_timeout=600, engagement_cap=3)
    for path, ruling in zip(paths, (None, rules, rules), strict=True):
        with Projected(path, rules=ruling) as projected:
            projected.append(records).project()
    plain, ruled, ruled_too = paths
    found = compared(plain, ruled)
    assert found["pageview"].columns == {"session_id": 1, "engagement_time": 1}
    assert (found["tracking_session"].different, found["tracking_session"].only_in_b) == (1, 1)
    assert "rules" in notes(plain, ruled)
    assert all(each.same for each in compared(ruled, ruled_too).values())


def test_what_an_older_version_of_the_schema_lacks_is_noted_and_not_compared(
    original: Path, copy: Make
) -> None:
    older = copy(
        "alter table pageview drop column end_seen",
        "update projection_info set value = '2' where name = 'schema_version'",
    )
    said = notes(older, original)
    assert said["pageview"] == "pageview.end_seen is only in B: not compared"
    assert said["schema_version"].startswith("schema_version is 2 in A and ")
    assert all(each.same for each in compared(older, original).values())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("drop column end_seen", "pageview.end_seen is only in A"),
        ("add column mine integer", "pageview.mine is only in B"),
        ("alter column facts type bigint", "pageview.facts is INTEGER in A and BIGINT in B"),
    ],
)
def test_other_columns_in_one_version_of_the_schema_are_a_difference(
    original: Path, copy: Make, change: str, line: str
) -> None:
    found = compared_table(original, copy(f"alter table pageview {change}"), "pageview")
    assert not found.same
    assert (found.differing, found.shape) == (0, [line])


def test_columns_in_another_order_are_the_same(original: Path, copy: Make) -> None:
    b = copy(
        "create table turned as select view_name, * exclude (view_name) from pageview",
        "drop view pageview_ledger; drop table pageview; alter table turned rename to pageview",
    )
    assert all(each.same for each in compared(original, b).values())
