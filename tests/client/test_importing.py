"""A year of another tool's pageviews, imported twice by the example of the docs, beside the truth."""

import csv
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dwell.client import uuid_of
from dwell.site.collector.keys import digest_of, new_key
from tests.support.examples import run
from tests.support.house import ROOT
from tests.support.installation import Installation
from tests.support.running import wait_until

EXAMPLE = ROOT / "docs" / "examples" / "import_csv.py"
KEY = new_key()
PAGES = ("/", "/basket", "/about/us", "/größe")
COLUMNS = ("time", "seconds", "visitor", "session", "path", "title", "referrer", "agent")
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "")


@dataclass(frozen=True)
class Line:
    """A line of the file, in the words of the other tool."""

    time: datetime
    seconds: float
    visitor: str
    session: str
    path: str
    agent: str


def a_year(pageviews: int) -> list[Line]:
    """Sessions of 1 to 12 pageviews over the last 365 days, in no order."""
    chance = random.Random(9)
    lines: list[Line] = []
    today = datetime.now(UTC).replace(microsecond=0)
    while len(lines) < pageviews:
        session, visitor = f"s{len(lines)}", f"v{chance.randrange(400)}"
        time = today - timedelta(seconds=chance.uniform(86_400, 365 * 86_400))
        agent = chance.choice(AGENTS)
        for _ in range(min(chance.randint(1, 12), pageviews - len(lines))):
            time = time.replace(microsecond=chance.randrange(1000) * 1000)
            seconds = chance.randrange(0, 300_000) / 1000
            lines.append(Line(time, seconds, visitor, session, chance.choice(PAGES), agent))
            time += timedelta(seconds=seconds + chance.randrange(1, 60))
    chance.shuffle(lines)
    return lines


def write(lines: list[Line], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for line in lines:
            told = (line.time.isoformat(), line.seconds, line.visitor, line.session, line.path)
            writer.writerow((*told, f"Page {line.path}", "", line.agent))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    keys = {"api_keys": f"import:{digest_of(KEY)}", "publish_seconds": 0.2}
    with Installation(tmp_path / "here", settings=keys) as made:
        yield made


def key_file(folder: Path) -> Path:
    """As `dwell key new till > key` makes it, with the end of a line."""
    file = folder / "key"
    file.write_text(f"{KEY}\n")
    return file


def imported(installation: Installation, file: Path) -> str:
    said = run(
        *(sys.executable, "-W", "error", str(EXAMPLE), f"{installation.origin}/dwell", str(file)),
        folder=file.parent,
        DWELL_API_KEY_FILE=str(key_file(file.parent)),
    )
    return said.strip()


def read_up_to(installation: Installation, offset: int) -> None:
    """Wait until the published warehouse has all records before an offset."""
    wait_until(
        lambda: installation.ask("from log_offset select next_offset") == [(offset,)], within=60
    )


def sessions(lines: list[Line]) -> list[tuple[Any, ...]]:
    """What `tracking_session` must say, by the lines alone."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.session, []).append(line)
    return sorted(
        (
            str(uuid_of("the other tool", each[0].visitor)),
            min(line.time for line in each).replace(tzinfo=None),
            max(line.time + timedelta(seconds=line.seconds) for line in each).replace(tzinfo=None),
            len(each),
            each[0].agent,
        )
        for each in found.values()
    )


def pageviews(lines: list[Line]) -> list[tuple[Any, ...]]:
    """What `pageview` must say, each with its session's beginning."""
    began: dict[str, datetime] = {}
    for line in lines:
        began[line.session] = min(line.time, began.get(line.session, line.time))
    return sorted(
        (
            line.time.replace(tzinfo=None),
            line.seconds,
            line.path,
            str(uuid_of("the other tool", line.visitor)),
            began[line.session].replace(tzinfo=None),
        )
        for line in lines
    )


@pytest.mark.parametrize("number", [500, pytest.param(5_000, marks=pytest.mark.long)])
def test_a_year_imported_twice_makes_the_rows_of_the_truth(
    installation: Installation, tmp_path: Path, number: int
) -> None:
    lines = a_year(number)
    write(lines, file := tmp_path / "pageviews.csv")

    for times in (1, 2):
        assert imported(installation, file) == f"{2 * number} facts are kept"
        read_up_to(installation, times * 2 * number)
        rows = installation.ask(
            """
            select visitor_id::varchar, started_at, last_seen_at, pageviews, browser_agent
            from tracking_session order by all
            """
        )
        assert rows == sessions(lines)
        rows = installation.ask(
            """
            select
                pageview.started_at, engagement_time, identity->>'path',
                visitor_id::varchar, tracking_session.started_at
            from pageview join tracking_session using (session_id, visitor_id) order by all
            """
        )
        assert rows == pageviews(lines)
    assert installation.ask("select count(*) from dead_letter") == [(0,)]
    assert installation.ask("select count(*) from visibility_change") == [(2 * number,)]
    lost = "select count(*) from pageview_ledger where facts_lost > 0 or tail_lost or not end_seen"
    assert installation.ask(lost) == [(0,)]


def test_lines_that_are_wrong_are_named(installation: Installation, tmp_path: Path) -> None:
    lines = a_year(20)
    write(lines, file := tmp_path / "pageviews.csv")
    text = file.read_text("utf-8").splitlines()
    text[7] = text[7].replace(lines[6].path, "/" + "x" * 300, 1)
    file.write_text("\n".join(text), "utf-8")

    with pytest.raises(AssertionError, match=r"pageviews.csv, line 8: view is .*expected a string"):
        imported(installation, file)
    assert list(installation.data.glob("live/log.sqlite")) == []


def test_a_longer_export_in_another_order_adds_what_is_new(
    installation: Installation, tmp_path: Path
) -> None:
    lines = a_year(30)
    write(lines[1:], file := tmp_path / "pageviews.csv")
    whole = [each for each in lines[1:] if each.session != lines[0].session]
    assert imported(installation, file) == "58 facts are kept"
    write([lines[0], *reversed(whole)], file)
    assert imported(installation, file) == f"{2 * (1 + len(whole))} facts are kept"
    read_up_to(installation, 58 + 2 * (1 + len(whole)))
    found = "select count(*) from pageview"
    assert installation.ask(found) == [(30,)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2025-11-23T12:00,1,v,s,/,t,,", "line 4: time is '2025-11-23T12:00': expected one with"),
        ("yesterday,1,v,s,/,t,,", "line 4: time is 'yesterday': expected one with its zone"),
        ("2025-11-23T12:00Z,,v,s,/,t,,", "line 4: seconds is '': expected a number from 0 to"),
        ("2025-11-23T12:00Z,-3,v,s,/,t,,", "line 4: seconds is '-3': expected a number from"),
        ("2025-11-23T12:00Z,nan,v,s,/,t,,", "line 4: seconds is 'nan': expected a number from"),
        ("9999-12-31T12:00Z,1,v,s,/,t,,", "line 4: time is '9999-12-31T12:00Z': expected one from"),
        ("2025-11-23T12:00Z,inf,v,s,/,t,,", "line 4: seconds is 'inf': expected a number from"),
        ("2025-11-23T12:00Z,1e12,v,s,/,t,,", "line 4: seconds is '1e12': expected a number from"),
        ("2025-11-23T12:00Z,1", "line 4 has another number of fields than the header"),
    ],
)
def test_a_line_that_cannot_be_right_is_named_before_anything_is_sent(
    line: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "pageviews.csv"
    two = '2025-11-23T12:00Z,1,v,s,/?q=1,"Two\nlines",,'
    file.write_text("\n".join([",".join(COLUMNS), two, line]), "utf-8-sig")  # as Excel does
    assert refused("http://127.0.0.1:9", str(file), tmp_path).startswith(f"{file}, {said}")


def test_a_file_of_another_kind_and_one_that_is_not_there_are_named(tmp_path: Path) -> None:
    file = tmp_path / "pageviews.csv"
    assert "No such file" in refused("http://127.0.0.1:9", str(file), tmp_path)
    file.write_text("time;seconds\n", "utf-8")
    assert f"{file} has no column time, seconds" in refused("http://x", str(file), tmp_path)
    none = tmp_path / "none"
    assert f"No such file or directory: '{none}'" in refused("http://x", str(file), tmp_path, none)


def refused(url: str, file: str, folder: Path, key: Path | None = None) -> str:
    """The one thing that the example says on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), url, file],
        cwd=folder,
        env=os.environ | {"DWELL_API_KEY_FILE": str(key or key_file(folder))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr
