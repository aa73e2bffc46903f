"""`dwell rules`, and `dwell replay --rules`: what would change if."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from dwell.cli import run
from dwell.commands.simulate.delivery import in_bulk
from dwell.commands.simulate.journeys import Fact, Pageview, Visit, Visits
from dwell.consumers.extent import Point
from dwell.consumers.replaying import PLAN, Replay
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.rules import Rules
from dwell.schemas.facts import PageViewed, VisibilityChanged
from dwell.schemas.records import record_of_glimpse
from dwell.settings import Settings
from dwell.warehouse import snapshot
from tests.support.facts import NOW, Projected, Stored
from tests.support.ruling import Seen, check_split, parts_of

RULES = Rules(session_timeout=600)
DAY = 86_400_000
ONE = ("--processes", "1")


def month(visitors: int) -> list[Visit]:
    return list(Visits(seed=7, visitors=visitors, since=NOW - 30 * DAY, until=NOW))


def stored(visit: Visit, pageview: Pageview, fact: Fact, received_at: int) -> Stored:
    """A fact of a simulated visit as the collector stores it."""
    fields = {
        "type": "page.visibility_changed" if fact.seq else "page.viewed",
        "pageview_id": pageview.pageview_id,
        "seq": fact.seq,
        "session_id": pageview.session_id,
        "view": pageview.page.view,
        "identity": pageview.page.identity,
        "previous_pageview_id": pageview.previous_pageview_id,
        "previous_seq": pageview.previous_seq,
        "referrer": pageview.referrer,
        "visibility": fact.visibility,
        "engagement_ms": fact.engagement_ms,
        "age_ms": fact.age_ms,
        "delay_ms": received_at - fact.occurred_at,
    }
    model = VisibilityChanged if fact.seq else PageViewed
    value = record_of_glimpse(
        model.model_validate(fields),
        visitor_id=visit.visitor_id,
        browser_agent=visit.agent,
        received_at=received_at,
    )
    return Stored(value, received_at, visit.visitor_id.encode())


def told(visits: list[Visit]) -> Iterator[Stored]:
    """Their facts, as a browser sends them that was offline until the end of the visit."""
    for visit in visits:
        end = max(fact.occurred_at for pageview in visit.pageviews for fact in pageview.facts)
        for lane in in_bulk(visit):
            for request in lane:
                yield from (stored(visit, pageview, fact, end) for pageview, fact in request)


def split_by_hand(visits: list[Visit]) -> dict[str, list[str]]:
    """By the id of each session that the rules split, the ids of its parts, from the truth alone."""
    assert RULES.session_timeout
    seen = [
        Seen(each.session_id, each.pageview_id, _moment(each.started_at), _moment(each.facts[-1].occurred_at))
        for visit in visits
        for each in visit.pageviews
    ]  # fmt: skip
    found: dict[str, list[str]] = {}
    for pageview, part in parts_of(seen, RULES.session_timeout).items():
        session = next(each.session for each in seen if each.pageview == pageview)
        found.setdefault(session, []).append(part)
    return {session: sorted(set(parts)) for session, parts in found.items() if len(set(parts)) > 1}


def _moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


async def append(settings: Settings, records: list[Stored]) -> None:
    writer = open_writer(settings)
    await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
    await writer.close()


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.timeout(600)
def test_ten_minutes_over_a_month_split_exactly_the_sessions_that_have_such_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = month(visitors=60)
    monkeypatch.setenv("DWELL_DATA", str(tmp_path))
    asyncio.run(append(Settings.read({}), list(told(visits))))
    (tmp_path / "rules.toml").write_text(RULES.toml())
    plain, ruled = tmp_path / "plain.duckdb", tmp_path / "ruled.duckdb"
    assert run(["replay", str(plain), *ONE]) == 0
    assert run(["replay", str(ruled), "--rules", str(tmp_path / "rules.toml"), *ONE]) == 0

    expected = split_by_hand(visits)
    assert len(expected) > 3
    sessions = "select session_id::varchar, * exclude (session_id) from tracking_session"
    before, after = ({row[0]: row[1:] for row in rows(path, sessions)} for path in (plain, ruled))
    gone_or_changed = {id_ for id_, row in before.items() if after.get(id_) != row}
    assert gone_or_changed == set(expected)
    parts = {part for several in expected.values() for part in several}
    assert after.keys() == (before.keys() - set(expected)) | parts


@pytest.mark.timeout(600)
def test_a_warehouse_that_was_replayed_by_rules_goes_on_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = list(told(month(visitors=30)))
    half = len(records) // 2
    monkeypatch.setenv("DWELL_DATA", str(tmp_path))
    asyncio.run(append(Settings.read({}), records[:half]))
    (tmp_path / "rules.toml").write_text(RULES.toml())
    replayed = tmp_path / "replayed.duckdb"
    assert run(["replay", str(replayed), "--rules", str(tmp_path / "rules.toml"), *ONE]) == 0
    with (
        Projected(replayed) as goes_on,
        Projected(tmp_path / "projected.duckdb", rules=RULES) as projected,
    ):
        assert goes_on.warehouse.rules == RULES
        goes_on.append(records[half - 9 :]).project(batch=400)
        check_split(goes_on)
        Random(3).shuffle(records)
        projected.append(records + records[:100]).project(batch=400)
        check_split(projected)
        assert projected.rows("select count(*) > 0 from session_split") == [(True,)]
        assert goes_on.tables() == projected.tables()


def test_a_replay_that_was_begun_with_other_rules_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DWELL_DATA", str(tmp_path))
    asyncio.run(append(Settings.read({}), list(told(month(visitors=1)))))
    (tmp_path / "rules.toml").write_text(RULES.toml())
    out = tmp_path / "new.duckdb"
    ends = Point("earliest"), Point("latest")
    begun = Replay(Settings.read({}), out, since=ends[0], until=ends[1], processes=1)
    plan = replace(asyncio.run(begun.plan()), asked=("earliest", "latest"), rules=RULES.text())
    begun.work.mkdir()
    (begun.work / PLAN).write_text(json.dumps(plan.raw()))
    assert run(["replay", str(out), *ONE]) == 2
    assert f"the rules {RULES.text()}: expected none; give the same" in capsys.readouterr().err


def test_a_shard_is_not_replayed_by_rules(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--rules", str(data / "rules.toml"), "--shard", "1/3"]
    assert run(["replay", str(data / "new.duckdb"), *given]) == 2
    assert "rules.toml is given with shard 1/3: expected none" in capsys.readouterr().err


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a rules file, and a ruled warehouse that is published."""
    monkeypatch.setenv("DWELL_DATA", str(tmp_path))
    (tmp_path / "rules.toml").write_text(RULES.toml())
    with Projected(tmp_path / "live" / "warehouse.duckdb", rules=RULES) as projected:
        projected.warehouse.checkpoint()
        snapshot.copy(projected.warehouse.path, tmp_path / "warehouse.duckdb")
    return tmp_path


def test_the_rules_of_a_warehouse_are_shown_as_a_file_has_them(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = f"# rules {RULES.digest}\n{(data / 'rules.toml').read_text()}"
    assert run(["rules", "show"]) == 0
    assert capsys.readouterr().out == shown
    assert run(["rules", "show", str(data / "warehouse.duckdb")]) == 0
    assert capsys.readouterr().out == shown
    assert run(["rules", "check", str(data / "rules.toml")]) == 0
    assert capsys.readouterr().out == shown


def test_a_warehouse_without_rules_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Projected(tmp_path / "plain.duckdb").warehouse.close()
    assert run(["rules", "show", str(tmp_path / "plain.duckdb")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "plain.duckdb has no rules: sessions and seconds are as the browsers told" in said.err


def test_a_file_that_cannot_be_used_is_told_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.toml").write_text("session_timeout = -1")
    assert run(["rules", "check", str(tmp_path / "rules.toml")]) == 1
    assert "session_timeout is -1: expected a whole number" in capsys.readouterr().err
    for command in ("check", "show"):
        assert run(["rules", command, str(tmp_path / "none")]) == 2
        assert "none is missing: expected" in capsys.readouterr().err
    assert run(["rules", "show", str(tmp_path / "rules.toml")]) == 2
    assert capsys.readouterr().err.endswith("rules.toml is no DuckDB file: expected a warehouse\n")


def test_a_file_that_begins_with_a_byte_order_mark_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.toml").write_text("session_timeout = 600", "utf-8-sig")
    assert run(["rules", "check", str(tmp_path / "rules.toml")]) == 0
    assert "session_timeout = 600" in capsys.readouterr().out
