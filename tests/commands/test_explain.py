"""`dwell explain`, on real logs and the warehouses that were made from them."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwell.cli import run
from dwell.commands.explain import law
from dwell.commands.explain.looks import looks_of
from dwell.consumers.projector import Projector
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.schemas.records import VisitorForgottenRecord, read_record
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.snapshot import copy
from tests.support.facts import NOW, Projected, Stored, forgotten, glimpse, uuid7
from tests.support.running import environment
from tests.support.terminal import in_terminal
from tests.warehouse.test_law import FILES, any_glimpses, examples

Said = Callable[..., tuple[int, str, str]]
SECOND = 1000
NASTY = "\x1b[2J\u202e"


def visit() -> list[Stored]:
    """A pageview with a repeated fact and a missing one, among others; another one before it."""
    return [
        glimpse(8, received_at=NOW - 60 * SECOND, visitor=8, session=8),
        glimpse(1, received_at=NOW, previous=8, previous_seq=0),
        glimpse(2, visitor=2, session=2, received_at=NOW),
        glimpse(1, 1, received_at=NOW + 5 * SECOND, engagement_ms=5000),
        glimpse(1, 1, received_at=NOW + 7 * SECOND, engagement_ms=5000, delay_ms=2000),
        glimpse(1, 2, received_at=NOW + 8 * SECOND, engagement_ms=8000, visibility="hidden"),
        glimpse(1, 3, received_at=NOW + 20 * SECOND, engagement_ms=8000, age_ms=20_000),
        glimpse(1, 5, received_at=NOW + 40 * SECOND, engagement_ms=18_000, age_ms=40_000),
    ]


async def append(to: Settings, records: Iterable[Stored]) -> None:
    writer = open_writer(to)
    await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
    await writer.close()


async def project(to: Settings) -> None:
    """What the projector does until it is at the end of the log, and a publication."""
    with LiveWarehouse(to.warehouse) as warehouse:
        reader = open_reader(to)
        projector = Projector(to, reader, warehouse)
        ends = {each: await reader.end(each) for each in await reader.partitions()}
        running = asyncio.create_task(projector.run())
        async with asyncio.timeout(60):
            while any(projector.positions.get(each, 0) < end for each, end in ends.items()):
                await asyncio.sleep(0.02)
        projector.stop()
        await running
        await reader.close()


def have(to: Settings, records: Iterable[Stored]) -> None:
    """Append, project and publish."""
    asyncio.run(append(to, records))
    asyncio.run(project(to))


def change(to: Settings, sql: str) -> None:
    """Have the published warehouse say something else."""
    with LiveWarehouse(to.warehouse) as warehouse:
        with warehouse.transaction() as connection:
            connection.execute(sql)
        warehouse.checkpoint()
        copy(warehouse.path, to.published)


@pytest.fixture
def at(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def said(at: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs `dwell explain` for the pageview of that number: exit status, output and error."""
    monkeypatch.setenv("DWELL_DATA", str(at.data))

    def say(pageview: int = 1, *arguments: str) -> tuple[int, str, str]:
        return run(["explain", uuid7(pageview), *arguments]), *capsys.readouterr()

    return say


def told(said: Said, pageview: int = 1) -> dict[str, Any]:
    """The same for programs."""
    given: dict[str, Any] = json.loads(said(pageview, "--format", "json")[1])
    return given


@pytest.mark.parametrize(
    ("written", "foreign"),
    [
        (b'"engagement_ms":5000', b'"engagement_ms":"5000"'),
        (b'{"path":"/page_a"}', b'{"path":"/page_a","odd":nan}'),
        (b'{"path":"/page_a"}', b'{"path":"/page_a","odd":1e999}'),
        (b'{"path":"/page_a"}', b'{"odd":' + 600 * b"[" + 600 * b"]" + b"}"),
    ],
)
def test_what_the_projector_reads_more_generously_is_not_called_wrong(
    at: Settings, said: Said, written: bytes, foreign: bytes
) -> None:
    facts = [glimpse(1), glimpse(1, 1, engagement_ms=5000, received_at=NOW + 5 * SECOND)]
    values = [each.value.replace(written, foreign) for each in facts]
    assert values != [each.value for each in facts]
    have(
        at,
        [
            Stored(value, each.timestamp, each.key)
            for value, each in zip(values, facts, strict=True)
        ],
    )
    for form in ((), ("--format", "json")):
        status, out, err = said(1, *form)
        assert (status, err) == (0, ""), out


def test_a_pageview_is_explained_fact_by_fact(at: Settings, said: Said) -> None:
    have(at, visit())
    status, out, err = said()
    assert (status, err) == (0, "")
    facts = out.partition("by seq (times are UTC)\n\n")[2].partition("\n\n")[0]
    assert [line.split() for line in facts.splitlines()[1:]] == [
        ["0", "0:1", "2025-11-24", "16:00:00.000", "2025-11-24", "16:00:00.000", "visible", "0.000", "s"],
        ["1", "0:3", "2025-11-24", "16:00:05.000", "2025-11-24", "16:00:05.000", "visible", "5.000", "s"],
        ["1", "0:4", "2025-11-24", "16:00:07.000", "2025-11-24", "16:00:05.000", "visible", "5.000", "s", "again"],
        ["2", "0:5", "2025-11-24", "16:00:08.000", "2025-11-24", "16:00:08.000", "hidden", "8.000", "s"],
        ["3", "0:6", "2025-11-24", "16:00:20.000", "2025-11-24", "16:00:20.000", "visible", "8.000", "s"],
        ["4", "missing", "lost,", "or", "still", "under", "way"],
        ["5", "0:7", "2025-11-24", "16:00:40.000", "2025-11-24", "16:00:40.000", "visible", "18.000", "s", "the", "greatest"],
    ]  # fmt: skip
    assert re.search(rf"^before it +{uuid7(8)}, dwell.site.pages.page_a.PageA, 0.000 s$", out, re.M)
    assert re.search(rf"^session +{uuid7(1)}, pageview 1 of 1, begun 2025-11-24 16:00", out, re.M)
    assert "18.000 s: the greatest engagement_ms among its facts, of seq 5 at 0:7." in out
    assert "At most 21.000 s: the end was not seen" in out
    assert (
        "6 facts were made, as far as is known; 1 of them did not arrive, or have not yet." in out
    )
    assert out.endswith("\n\nThe warehouse says what the facts say.\n")


def test_its_visible_stretches_are_told_and_what_is_not_told(at: Settings, said: Said) -> None:
    have(at, visit())
    looks = said()[1].partition("as they tell\n\n")[2].partition("\n\n")[0]
    day = "2025-11-24"
    assert [re.split(r"  +", line.strip()) for line in looks.splitlines()] == [
        ["visible", f"{day} 16:00:00.000", f"{day} 16:00:08.000", "8.000 s"],
        ["hidden", f"{day} 16:00:08.000", f"{day} 16:00:20.000", "12.000 s"],
        ["not told", f"{day} 16:00:20.000", f"{day} 16:00:40.000", "20.000 s", "facts between are missing; 10.000 s counted"],
        ["not told", f"{day} 16:00:40.000", "the last fact says visible: what came then has not been told"],
    ]  # fmt: skip


def test_programs_get_the_same(at: Settings, said: Said) -> None:
    have(at, visit())
    given = told(said)
    assert (given["agrees"], given["differences"]) == (True, [])
    assert given["engagement_from"] == "0:7"
    assert (given["missing"], given["gone"], given["dead_letters"]) == ([[4, 4]], [], [])
    assert [each["place"] for each in given["facts"]] == ["0:1", "0:3", "0:4", "0:5", "0:6", "0:7"]
    assert given["row"]["engagement_time"] == given["row_of_facts"]["engagement_time"] == 18
    assert given["row"]["identity"] == {"path": "/page_a"}
    assert given["looks"][0] == {
        "state": "visible",
        "begin": "2025-11-24T16:00:00.000",
        "end": "2025-11-24T16:00:08.000",
        "counted_ms": 8000,
        "first_seq": -1,
        "last_seq": 2,
    }
    assert given["previous"]["pageview_id"] == uuid7(8)
    assert told(said, 8)["following"][0]["pageview_id"] == uuid7(1)


def test_a_warehouse_that_says_something_else_is_found_out(at: Settings, said: Said) -> None:
    have(at, visit())
    change(at, f"update pageview set engagement_time = 17 where pageview_id = '{uuid7(1)}'")
    status, out, err = said()
    assert (status, err) == (1, "")
    assert "17.000 s: so says the row of the warehouse." in out
    verdict = out.partition("The warehouse does not say what the facts say:\n\n")[2]
    assert [line.split() for line in verdict.splitlines()] == [
        ["warehouse", "facts"],
        ["engagement_time", "17.0", "18.0"],
    ]
    change(at, f"delete from visibility_change where pageview_id = '{uuid7(1)}' and seq = 2")
    columns = [each["column"] for each in told(said)["differences"]]
    assert columns == ["engagement_time", "visibility_change 2"]


def test_what_is_not_published_yet_is_shown_and_not_counted(at: Settings, said: Said) -> None:
    have(at, visit())
    more = [
        glimpse(1, 6, received_at=NOW + 60 * SECOND, engagement_ms=20_000, age_ms=42_000),
        glimpse(3, received_at=NOW + 60 * SECOND),
    ]
    asyncio.run(append(at, more))
    status, out, err = said()
    assert (status, err) == (0, "")
    assert re.search(r"^ +6 +0:8 .* 20.000 s +not in the published warehouse yet$", out, re.M)
    assert "18.000 s: the greatest" in out
    assert out.endswith("The warehouse says what the facts say.\n")
    status, out, err = said(3)
    assert (status, err) == (0, "")
    assert out.endswith("The published warehouse has no row of it yet.\n")


def test_a_pageview_that_nobody_knows_is_answered_with_1(at: Settings, said: Said) -> None:
    broken = Stored(glimpse(4).value.replace(b'"age_ms":0', b'"age_ms":-1'), NOW)
    have(at, [*visit(), broken])
    status, out, err = said(5)
    assert (status, out) == (1, "")
    assert err.startswith(
        f"dwell: there is no pageview {uuid7(5)} in {at.published}, nor among the 0"
    )
    assert "the dead letter 0:8 names it: `dwell dead-letters show 0:8`" in said(4)[2]


def test_of_a_pageview_that_may_have_been_dropped_it_says_where_its_facts_are(
    at: Settings, said: Said
) -> None:
    keeping = Settings(data=at.data, keep_rows="9d")
    have(keeping, [glimpse(1), glimpse(2, received_at=NOW + 10 * 86_400 * SECOND)])
    status, out, err = said(1)
    assert (status, out) == (1, "")
    assert "sessions that began before 2025-11-25 were dropped by DWELL_KEEP_ROWS" in err
    assert f"--pageview {uuid7(1)} --from-datetime 2025-11-24` shows its facts" in err


async def lose(to: Settings, before: int) -> None:
    """As retention does, if the embedded log had one."""
    from dwell.events.log_file import open_to_append

    connection = open_to_append(to.embedded_log, 1)
    connection.execute('delete from record where "offset" < ?', (before,))
    connection.close()


def test_facts_that_the_log_has_no_more_are_told_by_the_warehouse(at: Settings, said: Said) -> None:
    have(at, visit())
    asyncio.run(lose(at, 5))
    status, out, err = said()
    assert (status, err) == (0, "")
    assert re.search(r"^ +1 +gone .* 5.000 s +no longer in the log; by the warehouse$", out, re.M)
    assert out.endswith(
        "Whether the warehouse says what the facts said cannot be told:\n"
        "  2 of its facts are no longer in the log.\n"
    )
    given = told(said)
    assert (given["agrees"], given["gone"], given["missing"]) == (None, [0, 1], [[4, 4]])
    assert given["looks"][0]["counted_ms"] == 8000


def test_what_an_erasure_covers_is_left_out(at: Settings, said: Said) -> None:
    shared = [
        glimpse(1, visitor=1, received_at=NOW, engagement_ms=9000),
        glimpse(1, 1, visitor=2, received_at=NOW + 10, engagement_ms=4000),
        glimpse(1, 1, visitor=1, received_at=NOW + 20, engagement_ms=6000),
        glimpse(1, 1, visitor=2, received_at=NOW + 30, engagement_ms=4000),
    ]
    have(at, [*shared, forgotten(1, NOW + 25)])
    status, out, err = said()
    assert (status, err) == (0, "")
    assert "4.000 s: the greatest" in out
    assert re.search(r"^ +1 +0:2 .* 6.000 s +left out: this visitor was forgotten", out, re.M)
    assert out.endswith("The warehouse says what the facts say.\n")


def test_another_log_is_refused(at: Settings, said: Said, tmp_path: Path) -> None:
    have(at, visit())
    other = Settings(data=at.data, log=f"embedded:{tmp_path / 'other.sqlite'}")
    asyncio.run(append(other, visit()))
    status, out, err = said(1, "--log", other.log)
    assert (status, out) == (2, "")
    assert err.startswith(f"dwell: DWELL_LOG is '{other.log}', the log embedded:")
    assert err.endswith(f", which {at.published} was made from\n")


def test_without_a_warehouse_one_line_says_what_to_do(said: Said) -> None:
    status, out, err = said()
    assert (status, out) == (2, "")
    assert err.startswith("dwell: there is no warehouse at ")


def test_no_fact_steers_a_terminal(at: Settings) -> None:
    title = {"title": NASTY}
    fact = glimpse(view=NASTY, referrer=NASTY, browser_agent=NASTY, identity=title)
    have(at, [fact])
    for more in ([], ["--format", "json"]):
        asked = ("explain", uuid7(1), *more)
        with in_terminal(*asked, environ=environment(at.data, 1)) as screen:
            assert screen.wait() == 0
        assert ("not_looked_at" if more else "says what the facts say") in screen.shown
        assert "\x1b[2J" not in screen.raw
        assert "\u202e" not in screen.raw


@pytest.mark.long  # what `dwell facts` shows of a topic is looked up the same way
@pytest.mark.real_broker
def test_on_kafka_too(
    kafka: str,
    topic: str,
    at: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = f"kafka://{kafka}/{topic}"
    there = Settings.read({"data": at.data, "log": log, "topic_partitions": 3}, environ={})
    have(there, [*visit(), *(glimpse(n, visitor=n, session=n) for n in range(20, 60))])
    assert run(["explain", uuid7(1), "--data", str(at.data), "--log", log]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"^ +\d +\d:\d+ ", out, re.M)) == 6
    assert out.endswith("The warehouse says what the facts say.\n")


@examples(2)
@given(records=st.lists(any_glimpses(), min_size=20, max_size=60), batch=st.integers(5, 60))
def test_the_law_in_python_is_the_law_in_sql(
    records: list[Stored], batch: int, tmp_path: Path
) -> None:
    """Whatever facts say, those that contradict each other included."""
    events = [read_record(each.value) for each in records]
    facts = [each.data for each in events if not isinstance(each, VisitorForgottenRecord)]
    with Projected(tmp_path / f"{next(FILES)}.duckdb") as projected:
        projected.append(records).project(batch)
        for row in rows(projected, "pageview"):
            changes = rows(projected, "visibility_change", row["pageview_id"])
            own = [each for each in facts if each.pageview_id == str(row["pageview_id"])]
            assert law.differences(row, changes, own) == []
            assert looks_of(min(each.started_at for each in own), law.changes_of(own))


def rows(projected: Projected, table: str, pageview: object = None) -> list[dict[str, Any]]:
    where = "" if pageview is None else f" where pageview_id = '{pageview}'"
    found = projected.connection.execute(f"from {table}{where}")
    columns = [column for column, *_ in found.description]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
