import csv
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dwell.cli import run
from dwell.commands.verify import TABLES as NAMED
from dwell.warehouse import snapshot
from dwell.warehouse.comparison import TABLES
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import NOW, Projected, glimpse, uuid7
from tests.support.house import ROOT

RECORDS = [glimpse(1), glimpse(1, 1, engagement_ms=5000), glimpse(2, session=2, visitor=2)]
MORE = [
    glimpse(1, 2, engagement_ms=7000, received_at=NOW + 7000, visibility="hidden"),
    glimpse(3, session=3, visitor=3, browser_agent="\x1b[2JB/1"),
]
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two warehouses, `a.duckdb` and `b.duckdb`, which knows more."""
    folder = tmp_path_factory.mktemp("original")
    for name, records in {"a": RECORDS, "b": RECORDS + MORE}.items():
        with Projected(folder / f"{name}.duckdb") as projected:
            projected.append(records).project()
    snapshot.copy(folder / "a.duckdb", folder / "data.duckdb")
    return folder


@pytest.fixture
def said(
    original: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Said:
    """Runs `dwell verify` in a copy of it."""
    monkeypatch.chdir(shutil.copytree(original, tmp_path, dirs_exist_ok=True))

    def say(*arguments: str) -> tuple[int, str, str]:
        return run(["verify", *arguments]), *capsys.readouterr()

    return say


def test_the_same_is_0(said: Said) -> None:
    status, out, err = said("a.duckdb", "data.duckdb")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "the same"
    assert [line.split()[0] for line in out.splitlines()[4:9]] == list(TABLES)


def test_different_is_1_and_says_how(said: Said) -> None:
    status, out, err = said("a.duckdb", "b.duckdb")
    assert (status, err) == (1, "")
    assert f"pageview {uuid7(1)}: different\n" in out
    assert "  engagement_time   5.0 in A, 7.0 in B\n" in out
    assert "  made by           0:0, 0:1 in A; 0:0, 0:3 in B\n" in out
    assert f"visibility_change {uuid7(1)}:2: only in B\n" in out
    assert "\nnote: A has read up to 0:3; B has read up to 0:5\n" in out
    assert out.splitlines()[-1] == "different in 7 rows"
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope.duckdb", "a.duckdb"], "dwell: nope.duckdb is missing: expected a warehouse"),
        (["a.duckdb", "notes.txt"], "dwell: notes.txt is no DuckDB file: expected a warehouse"),
        (["a.duckdb", "b.duckdb", "a.duckdb"], "dwell: 3 files: expected two, or one"),
        (["a.duckdb"], "dwell: data/warehouse.duckdb is missing"),
        (
            ["a.duckdb", "b.duckdb", "--table", "dead_letter"],
            "dwell: --table is 'dead_letter': expected one of ",
        ),
        ([], "dwell: Missing argument"),
    ],
)
def test_what_nobody_can_tell_is_2_with_one_line(
    said: Said, arguments: list[str], line: str
) -> None:
    Path("notes.txt").write_text("not a database" * 1000)
    status, out, err = said(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_file_that_a_projector_holds_is_2(said: Said) -> None:
    with LiveWarehouse(Path("b.duckdb")):
        status, out, err = said("a.duckdb", "b.duckdb")
    assert (status, out) == (2, "")
    assert err.startswith("dwell: b.duckdb is held by process ")


def test_one_file_is_compared_with_the_published_one(said: Said) -> None:
    snapshot.copy(Path("a.duckdb"), Path("warehouse.duckdb"))
    status, out, _ = said("b.duckdb", "--data", ".")
    assert status == 1
    assert out.count("only in B") > 1
    assert "only in A\n" not in out
    assert said("a.duckdb", "--data", ".")[0] == 0


def test_json_is_one_object(said: Said) -> None:
    status, out, err = said("a.duckdb", "b.duckdb", "--format", "json")
    assert (status, err) == (1, "")
    found = json.loads(out)
    assert (found["same"], found["a"], found["b"]) == (False, "a.duckdb", "b.duckdb")
    assert [note["about"] for note in found["notes"]] == ["log_offset"]
    assert [each["table"] for each in found["tables"]] == list(TABLES)
    pageview = found["tables"][1]
    assert (pageview["rows_in_a"], pageview["rows_in_b"], pageview["different"]) == (2, 3, 1)
    different, alone = pageview["differences"]
    assert different["key"] == {"pageview_id": uuid7(1)}
    assert different["columns"][0] == "engagement_time"
    assert (different["a"][0]["engagement_time"], different["b"][0]["engagement_time"]) == (5, 7)
    assert (different["facts_in_a"], different["facts_in_b"]) == (["0:0", "0:1"], ["0:0", "0:3"])
    assert (alone["how"], alone["a"]) == ("only in B", [])
    same = json.loads(said("a.duckdb", "a.duckdb", "--format", "json")[1])
    assert same["same"]
    assert all(each["differences"] == [] for each in same["tables"])


def test_csv_has_a_line_for_each_value(said: Said) -> None:
    status, out, err = said("a.duckdb", "b.duckdb", "--format", "csv", "--table", "pageview")
    assert status == 1
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0] == {
        "table": "pageview",
        "key": uuid7(1),
        "how": "different",
        "column": "engagement_time",
        "a": "5.0",
        "b": "7.0",
        "facts_in_a": "0:0 0:1",
        "facts_in_b": "0:0 0:3",
    }
    assert {row["how"] for row in rows} == {"different", "only in B"}
    assert err.splitlines()[-1] == "different in 2 rows"


def test_the_limit_cuts_what_is_shown_and_not_what_is_counted(said: Said) -> None:
    _, out, _ = said("a.duckdb", "b.duckdb", "--table", "visibility_change", "--limit", "1")
    assert out.count("visibility_change 019") == 1
    assert "\nand 1 more of visibility_change: --limit 0 shows all\n" in out
    assert out.splitlines()[-1] == "different in 2 rows"
    _, out, _ = said("a.duckdb", "b.duckdb", "--table", "visibility_change", "--limit", "0")
    assert out.count("visibility_change 019") == 2


def test_provenance_is_compared_when_asked(said: Said) -> None:
    with Projected(Path("late.duckdb")) as projected:
        projected.append([RECORDS[0], *RECORDS]).project()
    assert said("a.duckdb", "late.duckdb")[0] == 0
    status, out, _ = said("a.duckdb", "late.duckdb", "--provenance", "--table", "tracking_session")
    assert status == 1
    assert "columns of tracking_session that differ: first_offset in 1, last_offset in 2" in out


def test_other_columns_are_a_difference(said: Said) -> None:
    with duckdb.connect("b.duckdb") as connection:
        connection.execute("alter table erasure add column why varchar")
    status, out, _ = said("a.duckdb", "b.duckdb", "--table", "erasure")
    assert status == 1
    assert "\nerasure.why is only in B\n" in out
    assert out.splitlines()[-1] == "different in 1 column"


def test_the_tables_are_those_that_are_compared() -> None:
    assert tuple(TABLES) == NAMED


def examples() -> list[str]:
    """The commands of docs/verifying.md, as they stand there."""
    page = (ROOT / "docs" / "verifying.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if "verify" in line]


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_docs_works(said: Said, example: str) -> None:
    Path("data").mkdir()
    snapshot.copy(Path("a.duckdb"), Path("data/warehouse.duckdb"))
    Path("b.duckdb").rename("replayed.duckdb")
    _, *arguments = shlex.split(example)[1:]
    status, out, err = said(*arguments)
    assert status == 1, err
    assert out
