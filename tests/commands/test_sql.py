import csv
import io
import json
import os
import re
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
import pytest

from dwell.cli import run
from tests.support.processes import has_open
from tests.support.publishing import PAGE_A, PAGE_B, publish
from tests.support.running import (
    DWELL,
    done,
    environment,
    piped,
    running,
    wait_until,
    wait_until_at_work,
)
from tests.support.terminal import in_terminal, terminal

NASTY = '{"path": "/", "title": "\\u001b[2J\\u202eeltit\\nnext"}'


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    publish(folder, [1.5, 3.0, 30.25])
    publish(folder, [12.0], PAGE_B)
    return folder


@dataclass(frozen=True)
class Asked:
    returncode: int
    stdout: str
    stderr: str


def dwell_sql(data: Path, *arguments: str, given: str = "") -> Asked:
    """`dwell sql …` in this process, with pipes for a terminal."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setattr("sys.stdin", io.StringIO(given))
        status = run(["sql", "--data", str(data), *arguments])
    return Asked(status, stdout.getvalue(), stderr.getvalue())


BY_VIEW = "select view_name, count(*) as pageviews, sum(engagement_time) as seconds from pageview group by 1 order by 1"


def test_a_pipe_gets_a_plain_table_with_numbers_to_the_right(data: Path) -> None:
    asked = dwell_sql(data, BY_VIEW)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout == (
        "view_name                      pageviews  seconds\n"
        "-----------------------------  ---------  -------\n"
        "dwell.site.pages.page_a.PageA          3    34.75\n"
        "dwell.site.pages.page_b.PageB          1     12.0\n"
        "(2 rows)\n"
    )


def test_a_pipe_gets_every_row_and_long_values_whole(data: Path) -> None:
    asked = dwell_sql(data, "select repeat('x', i::int) as long from range(3000) t(i)")
    lines = asked.stdout.splitlines()
    assert len(lines) == 3003
    assert lines[-2] == "x" * 2999


def test_csv_is_read_back_as_it_was(data: Path) -> None:
    asked = dwell_sql(
        data,
        "--format",
        "csv",
        "select 'a,\"b\"\nc\rd' as text, null as nothing, 1.5 as number, true as yes, [1, 2] as list,"
        " timestamp '2026-03-01 12:00:00.25' as moment, interval 90 minutes as span",
    )
    assert list(csv.DictReader(io.StringIO(asked.stdout, newline=""))) == [
        {
            "text": 'a,"b"\nc\rd',
            "nothing": "",
            "number": "1.5",
            "yes": "true",
            "list": "[1, 2]",
            "moment": "2026-03-01 12:00:00.25",
            "span": "01:30:00",
        }
    ]


def test_json_is_one_array_and_json_columns_are_what_they_hold(data: Path) -> None:
    asked = dwell_sql(
        data,
        "--format",
        "json",
        "select view_name, identity, engagement_time, previous_pageview_id, started_at, 'nan'::double"
        " as odd, 2::hugeint as huge from pageview where engagement_time = 3",
    )
    assert json.loads(asked.stdout) == [
        {
            "view_name": PAGE_A,
            "identity": {"path": "/"},
            "engagement_time": 3.0,
            "previous_pageview_id": None,
            "started_at": "2026-03-01T12:00:00",
            "odd": None,
            "huge": 2,
        }
    ]
    assert dwell_sql(data, "--format", "json", "select 1 where false").stdout == "[]\n"


TWICE = "select 1 as n, 2 as n, 3 as n_1, 4 as n"


def test_of_columns_with_one_name_each_has_its_own(data: Path, tmp_path: Path) -> None:
    expected = {"n": 1, "n_2": 2, "n_1": 3, "n_3": 4}
    assert json.loads(dwell_sql(data, "--format", "json", TWICE).stdout) == [expected]
    output = tmp_path / "twice.parquet"
    asked = dwell_sql(data, "--format", "parquet", "--output", str(output), TWICE)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert pyarrow.parquet.read_table(output).to_pylist() == [expected]
    assert dwell_sql(data, "--format", "csv", TWICE).stdout == "n,n,n_1,n\n1,2,3,4\n"


def test_parquet_goes_to_a_pipe_or_a_file(data: Path, tmp_path: Path) -> None:
    question = "select view_name, engagement_time from pageview order by 2"
    with piped("sql", "--format", "parquet", question, environ=environment(data, 1)) as sql:
        table = pyarrow.parquet.read_table(io.BytesIO(sql.stdout.read()))
        assert sql.process.wait(20) == 0
    assert table["engagement_time"].to_pylist() == [1.5, 3.0, 12.0, 30.25]
    output = tmp_path / "views.parquet"
    asked = dwell_sql(data, "--format", "parquet", "--output", str(output), question)
    assert (asked.returncode, asked.stdout) == (0, "")
    assert pyarrow.parquet.read_table(output).equals(table)


def test_a_statement_that_fails_leaves_the_older_output_alone(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("older")
    asked = dwell_sql(
        data, "--format", "csv", "--output", str(output), "select error('late') from range(90000)"
    )
    assert asked.returncode == 2
    assert "late" in asked.stderr
    assert output.read_text() == "older"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(
    "where",
    [
        "warehouse.duckdb",
        "warehouse.duckdb.wal",
        "warehouse.duckdb.csv",
        ".readers",
        ".readers/x.csv",
        "live/warehouse.duckdb",
        "live/new.csv",
        "archive/new.csv",
    ],
)
def test_the_output_is_never_a_file_of_dwells_own(data: Path, where: str) -> None:
    before = (data / "warehouse.duckdb").read_bytes()
    asked = dwell_sql(data, "--output", str(data / where), "select 1")
    assert asked.returncode == 2
    assert "a file of Dwell's own" in asked.stderr
    assert (data / "warehouse.duckdb").read_bytes() == before


def test_statements_come_from_a_pipe_too(data: Path) -> None:
    given = "create temp table few as from pageview limit 2;\nselect count(*) as n from few;\nselect 7 as m;"
    assert dwell_sql(data, given=given).stdout == "n\n-\n2\n(1 row)\nm\n-\n7\n(1 row)\n"
    assert dwell_sql(data, "--format", "csv", given=given).stdout == "m\n7\n"


def test_times_are_utc_wherever_the_reader_sits(data: Path) -> None:
    there = environment(data, 1) | {"TZ": "Asia/Tokyo"}
    question = "select timestamptz '2026-03-01 12:00:00Z' as moment"
    asked = done("sql", "--format", "csv", question, environ=there)
    assert (asked.status, asked.stdout) == (0, "moment\n2026-03-01 12:00:00+00:00\n")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "select * from pagview",
            'Table with name pagview does not exist!\nDid you mean "pageview"?',
        ),
        ("selct 1", 'syntax error at or near "selct"'),
        ("delete from pageview", "the published warehouse is read-only"),
        ("copy pageview to '/tmp/never.csv'", "--output FILE writes a result"),
        ("", "there is no statement"),
        (".columns", ".columns is no word here: expected .tables, .schema TABLE, .help or .quit"),
        (".schema nothing", "expected one of browser_agent, dead_letter"),
    ],
)
def test_what_cannot_be_answered_ends_with_2_and_says_why(
    data: Path, statement: str, message: str
) -> None:
    asked = dwell_sql(data, statement)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr.startswith("dwell: ")
    assert message in asked.stderr
    assert len(asked.stderr.splitlines()) <= 4


def test_without_a_warehouse_one_line_says_what_to_do(tmp_path: Path) -> None:
    asked = dwell_sql(tmp_path / "nowhere", "select 1")
    assert asked.returncode == 2
    assert asked.stderr.startswith("dwell: there is no warehouse at ")
    assert "`dwell up`" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    assert not (tmp_path / "nowhere").exists()


def test_the_words_tell_what_there_is(data: Path) -> None:
    assert re.search(
        r"^pageview +One row for each pageview\.", dwell_sql(data, ".tables").stdout, re.M
    )
    described = dwell_sql(data, ".schema pageview").stdout
    assert "engagement_time       DOUBLE     Seconds in which" in described


def test_a_large_result_streams(data: Path) -> None:
    with subprocess.Popen(
        [*DWELL, "sql", "--format", "csv", "select i, repeat('x', 100) from range(100000000) t(i)"],
        env=environment(data, 1),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for _ in range(20_000):
            process.stdout.readline()
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdout.close()
        assert process.wait(20) == 141  # as others that lose their reader
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    assert int(resident.split()[1]) < 300_000


def test_ctrl_c_ends_a_statement_that_takes_long(data: Path, tmp_path: Path) -> None:
    endless = "select sum(a.i * b.i % 7) as n from range(10000000) a(i), range(1000000) b(i)"
    out = tmp_path / "out"
    out.mkdir()
    asked = ("sql", "--output", str(out / "answer.csv"), endless)
    with running(*asked, environ=environment(data, 1), output=tmp_path / "said") as sql:
        wait_until(lambda: has_open(sql.pid, data / "warehouse.duckdb"))
        wait_until_at_work(sql.pid)
        assert sql.stop(within=20) == 130
    assert list(out.iterdir()) == []


def test_a_terminal_gets_a_table_that_fits(data: Path) -> None:
    question = (
        "select view_name, repeat('wide ', 60) as wide, engagement_time from pageview limit 1"
    )
    with in_terminal("sql", question, environ=environment(data, 1)) as screen:
        screen.expect("1 row")
        lines = screen.shown.splitlines()
    assert "…" in screen.shown
    assert max(map(len, lines)) <= 100
    assert any(line.rstrip().endswith("1.5") for line in lines)


def test_what_is_too_wide_for_a_terminal_is_shown_row_by_row(data: Path) -> None:
    with in_terminal("sql", "from pageview limit 1", environ=environment(data, 1)) as screen:
        screen.expect("1 row\n")
        assert "row 1 ─" in screen.shown
        assert f"view_name             {PAGE_A}" in screen.shown


def test_row_by_row_cuts_values_and_no_names(data: Path) -> None:
    name = "a_name_that_takes_more_than_half_of_a_terminal_of_a_hundred_columns"
    columns = ", ".join(f"repeat('{letter}', 150) as {name}_{letter}" for letter in "abcdefgh")
    with in_terminal("sql", f"select {columns}", environ=environment(data, 1)) as screen:
        screen.expect("1 row\n")
        for letter in "abcdefgh":
            assert f"{name}_{letter}  {letter * 8}" in screen.shown
        assert "…" in screen.shown
        assert max(map(len, screen.shown.splitlines())) <= 100


def test_what_a_visitor_wrote_cannot_steer_a_terminal(tmp_path: Path) -> None:
    publish(tmp_path, [1.0], identity=NASTY)
    question = "select identity->>'title' as title from pageview"
    with in_terminal("sql", question, environ=environment(tmp_path, 1)) as screen:
        assert screen.wait() == 0
    assert r"\x1b[2J\u202eeltit\nnext" in screen.shown
    assert "\x1b[2J" not in screen.raw


@pytest.fixture
def at_home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}


def test_the_prompt(data: Path, tmp_path: Path, at_home: dict[str, str]) -> None:
    mine = tmp_path / "data"
    publish(mine, [1.0, 2.0])
    with terminal([*DWELL, "sql"], environment(mine, 1) | at_home) as screen:
        at = screen.expect("dwell>")
        screen.type("select count(*) as pageviews\r")
        screen.type("from pageview;\r")
        at = screen.expect("1 row\n", after=at)
        assert "\n        2\n" in screen.shown

        at = screen.expect("dwell>", after=at)
        screen.type("select nonsense;\r")
        at = screen.expect('Referenced column "nonsense"', after=at)

        at = screen.expect("dwell>", after=at)
        publish(mine, [3.0])
        screen.type("select sum(engagement_time) as total from pageview;\r")
        at = screen.expect("6.0", after=at)  # the publication made meanwhile

        at = screen.expect("dwell>", after=at)
        screen.type("select engagement_t\t")
        at = screen.expect("engagement_time", after=at)
        screen.type("\x03")
        at = screen.expect("dwell>", after=at)
        screen.type(".tables\r")
        at = screen.expect("One row for each fact of a pageview", after=at)

        at = screen.expect("dwell>", after=at)
        screen.type("select sum(a.i * b.i % 7) from range(10000000) a(i), range(1000000) b(i);\r")
        at = screen.expect("b(i);", after=at)
        wait_until(lambda: screen.interrupts)
        wait_until_at_work(screen.process.pid)
        screen.type("\x03")
        at = screen.expect("ended by Ctrl-C", after=at)

        at = screen.expect("dwell>", after=at)
        screen.type(".quit\r")
        assert screen.process.wait(10) == 0
    history = tmp_path / "state" / "dwell" / "sql_history"
    assert "from pageview;" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_ctrl_d_leaves_the_prompt_and_a_home_that_cannot_be_written_does_no_harm(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file, where a folder should be")
    environ = environment(data, 1) | {"XDG_STATE_HOME": str(tmp_path / "state")}
    with in_terminal("sql", environ=environ) as screen:
        screen.expect("dwell>")
        screen.type("\x04")
        assert screen.process.wait(10) == 0


def test_parquet_is_not_written_to_a_terminal(data: Path) -> None:
    asked = ("sql", "--format", "parquet", "from pageview")
    with in_terminal(*asked, environ=environment(data, 1)) as screen:
        screen.expect("parquet is not for a terminal: give --output FILE, or a pipe")
        assert screen.process.wait(10) == 2


def test_the_name_of_the_folder_may_hold_anything(tmp_path: Path) -> None:
    data = tmp_path / "it's a folder; -- ü"
    publish(data, [1.0])
    assert (
        dwell_sql(data, "--format", "csv", "select count(*) as n from pageview").stdout == "n\n1\n"
    )
    assert sorted(os.listdir(data)) == ["live", "warehouse.duckdb"]  # noqa: PTH208
