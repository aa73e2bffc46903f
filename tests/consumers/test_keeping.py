"""Rows are kept for a while: live and in a replay, whatever is killed when, and the log keeps the facts."""

import logging
import os
import time
from pathlib import Path
from random import Random

import pytest

from dwell.commands.verify.verdict import verify
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from tests.consumers.test_replaying import visits
from tests.support.facts import Stored, forgotten, glimpse
from tests.support.replaying import append, project, replay, settings_of, tables
from tests.support.running import piped
from tests.warehouse.test_horizon import DAY, MIDNIGHT, MINUTE, ORPHANS

KEEP = "3d"
TABLES = ("tracking_session", "pageview", "visibility_change", "browser_agent", "erasure")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "data", keep_rows=KEEP)


def some_days(days: int, *, each: int = 4) -> list[Stored]:
    """So many visits a day, and a session that goes on past each midnight."""
    facts: list[Stored] = []
    for day in range(days):
        midnight = MIDNIGHT + day * DAY
        facts += [
            glimpse(1000 + 2 * day, session=1000 + day, visitor=7, received_at=midnight - MINUTE),
            glimpse(1001 + 2 * day, session=1000 + day, visitor=7, received_at=midnight + MINUTE),
            *visits(each, first=1 + day * each, at=midnight + 2 * MINUTE),
        ]
    return facts


def same(a: Path, b: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = verify(a, b, TABLES, provenance=False, limit=0, form="table")
    assert status == 0, capsys.readouterr().out


def sessions(path: Path) -> int:
    return len(tables(path)["tracking_session"])


def test_a_replay_with_the_setting_is_the_live_warehouse_and_without_it_has_every_row(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = some_days(12)
    for first in range(0, len(facts), 60):
        append(settings, facts[first : first + 60])
        project(settings)
    go_on(settings)
    replay(settings, tmp_path / "new.duckdb")
    same(settings.published, tmp_path / "new.duckdb", capsys)
    kept = sessions(settings.published)
    assert 3 * 5 <= kept < 5 * 5

    replay(settings_of(settings.data), tmp_path / "whole.duckdb")
    assert sessions(tmp_path / "whole.duckdb") == 12 * 5 + 1
    capsys.readouterr()
    assert verify(settings.published, tmp_path / "whole.duckdb", TABLES, provenance=False, limit=0, form="table") == 1  # fmt: skip
    assert "note: horizon is " in capsys.readouterr().out


def go_on(settings: Settings) -> None:
    """Have the projector read one more fact, and drop what is due by then."""
    append(settings, [glimpse(9999, session=9999, received_at=MIDNIGHT + 12 * DAY)])
    project(settings)


def test_a_replay_after_an_erasure_is_the_live_warehouse_too(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append(settings, some_days(12))
    append(settings, [forgotten(7, MIDNIGHT + 12 * DAY)])
    project(settings)
    go_on(settings)
    replay(settings, tmp_path / "new.duckdb")
    same(settings.published, tmp_path / "new.duckdb", capsys)


def test_the_projector_says_what_went_and_that_late_facts_are_left_out(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    append(settings, some_days(12))
    project(settings)
    append(settings, [glimpse(1, 9, age_ms=9 * DAY, received_at=MIDNIGHT + 12 * DAY)])
    go_on(settings)
    assert "longer ago than DWELL_KEEP_ROWS: their rows are gone" in caplog.text
    assert "are left out, as DWELL_KEEP_ROWS has it" in caplog.text


PROJECTOR = """
import asyncio, sys
from pathlib import Path
from dwell.consumers import process, projector
from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse import horizon, projection

horizon.SESSIONS_AT_ONCE = 2
let_go = projection.Projection.let_go


def told(self):
    dropped = let_go(self)
    print("a piece", file=sys.stderr, flush=True)
    return dropped


projection.Projection.let_go = told
projector.IDLE_WAIT = 0.05
settings = Settings.read({"data": Path(sys.argv[1]), "keep_rows": sys.argv[2]}, environ={})
asyncio.run(process.run(settings))
"""
"""A projector that drops two sessions a transaction."""


def whole(live: Path) -> int:
    """How many sessions there are, each of them whole."""
    with LiveWarehouse(live) as warehouse:
        assert warehouse.connection.execute(ORPHANS).fetchall() == []
        [(pageviews, all_of_them, left)] = warehouse.connection.execute(
            "select sum(pageviews), (select count(*) from pageview), count(*) from tracking_session"
        ).fetchall()
    assert pageviews == all_of_them
    return int(left)


def test_whoever_is_killed_in_between_leaves_whole_sessions_and_the_next_one_goes_on(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append(settings, some_days(12))
    project(settings_of(settings.data))
    left = [whole(settings.warehouse)]
    for seed in range(3):
        given = (str(settings.data), KEEP)
        with piped(*given, environ=os.environ, lines=PROJECTOR) as killed:
            while b"a piece" not in killed.stderr.readline():
                assert killed.process.poll() is None
            time.sleep(Random(seed).random() / 10)  # at any moment of the next piece or two
            killed.process.kill()
        left.append(whole(settings.warehouse))
    assert left == sorted(set(left), reverse=True)  # each dropped some
    go_on(settings)
    replay(settings, tmp_path / "new.duckdb")
    same(settings.published, tmp_path / "new.duckdb", capsys)
