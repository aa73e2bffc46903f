"""`dwell query`: the usual questions at a shell."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from dwell.cli import run
from dwell.warehouse import snapshot
from dwell.warehouse.queries import queries
from tests.support.facts import Projected
from tests.support.truth import PERIOD, told
from tests.warehouse.test_snapshot import READERS

Said = Callable[..., tuple[int, str, str]]

TRUTH = [word for name, value in PERIOD.items() for word in (f"--{name}", value)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(told()).project()
        projected.warehouse.checkpoint()
        snapshot.copy(projected.warehouse.path, folder / "warehouse.duckdb")
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], data: Path) -> Said:
    """Runs `dwell query` on the truth: exit status, standard output, standard error."""

    def ask(*arguments: str) -> tuple[int, str, str]:
        status = run(["query", *arguments, "--data", str(data)])
        return status, *capsys.readouterr()

    return ask


def test_without_a_name_the_queries_are_listed(said: Said) -> None:
    status, out, err = said()
    assert (status, err) == (0, "")
    assert [line.split(maxsplit=1) for line in out.splitlines()] == [
        [query.name, query.question] for query in queries()
    ]
    assert said("--list") == (0, out, "")


def test_a_table_is_followed_by_what_it_is_of(said: Said) -> None:
    status, out, err = said("sessions", *TRUTH, "--by", "week", "--timezone", "Europe/Berlin")
    assert status == 0
    assert out == (
        "period               sessions  pageviews  percent_single    mean  median   p90  median_length\n"
        "-------------------  --------  ---------  --------------  ------  ------  ----  -------------\n"
        "2025-11-24 00:00:00         2        2.0            50.0    32.0    32.0  54.4           33.0\n"
        "2025-12-01 00:00:00         3       3.33             0.0  37.333    18.0  69.2           20.0\n"
        "(2 rows)\n"
    )
    assert err == "from 2025-11-24 00:00 until 2025-12-08 00:00, Europe/Berlin; without robots\n"


def test_other_formats_are_the_answer_alone(said: Said, tmp_path: Path) -> None:
    status, out, err = said("funnel", *TRUTH, "--views", "PageA,PageB", "--format", "csv")
    assert (status, err) == (0, "")
    assert [row["sessions"] for row in csv.DictReader(io.StringIO(out))] == ["5", "2"]
    status, out, err = said("retention_by_week", *TRUTH, "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)[1] == {
        "week": "2025-11-24",
        "visitors": 2,
        "weeks_later": 1,
        "returned": 1,
        "percent": 50.0,
    }
    file = tmp_path / "engagement.parquet"
    arguments = ["engagement_by_view", *TRUTH, "--format", "parquet", "--output", str(file)]
    assert said(*arguments) == (0, "", "")
    assert pyarrow.parquet.read_table(file).column("pageviews").to_pylist() == [6, 4, 3, 1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["sesions"], "there is no query 'sesions': expected sessions"),
        (["transitions", "--view", "PageZ"], "view is 'PageZ', and no view is named so or ends "),
        (["sessions", "--since", "soon"], "since is 'soon': expected so long ago, as 12h"),
        (["sessions", "--view", "PageA"], "sessions takes no view: expected some of since,"),
        (["sessions", "--output", "{}/warehouse.duckdb"], "--output is "),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(
    said: Said, data: Path, arguments: list[str], line: str
) -> None:
    status, out, err = said(*(argument.format(data) for argument in arguments))
    assert (status, out) == (2, "")
    assert err.startswith(f"dwell: {line}")
    assert err.count("\n") == 1


def test_the_sql_is_printed_without_a_warehouse(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["query", "sessions", "--sql", "--data", str(tmp_path / "none")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("-- How many sessions were there")
    assert err == ""


@pytest.mark.parametrize("version", ["1.4", pytest.param("1.5", marks=pytest.mark.long), "2.0"])
def test_the_sql_that_is_printed_gives_stock_clients_the_same_answers(
    said: Said, data: Path, version: str, tmp_path: Path
) -> None:
    environ = dict(os.environ)
    if not duckdb.__version__.startswith(version):
        if not (READERS / f"duckdb-{version}").exists():
            pytest.skip(f"DuckDB {version} is not there: ./dev test brings it where it can")
        environ["PYTHONPATH"] = str(READERS / f"duckdb-{version}")
    answers = {}
    for query in queries():
        views = ["--views", "PageA,PageB"] if query.name == "funnel" else []
        status, script, _ = said(query.name, *TRUTH, *views, "--sql")
        assert status == 0
        (tmp_path / f"{query.name}.sql").write_text(script)
        answers[query.name] = said(query.name, *TRUTH, *views, "--format", "csv")[1]
    code = (
        "import csv, duckdb, json, pathlib, sys\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "assert duckdb.__version__.startswith(sys.argv[3])\n"
        "said = {}\n"
        "for file in pathlib.Path(sys.argv[2]).glob('*.sql'):\n"
        "    c.execute(file.read_text())\n"
        "    said[file.stem] = [[column[0] for column in c.description], *c.fetchall()]\n"
        "print(json.dumps(said, default=str))"
    )
    command = [sys.executable, "-c", code, str(data / "warehouse.duckdb"), str(tmp_path), version]
    read = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    for name, rows in json.loads(read.stdout).items():
        shown = [["" if value is None else str(value) for value in row] for row in rows]
        assert shown == list(csv.reader(io.StringIO(answers[name]))), name
