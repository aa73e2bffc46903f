"""A live warehouse that has millions of pageviews already, made in SQL within a minute or two."""

import shutil
from hashlib import md5
from pathlib import Path

import duckdb

from benchmarks.traffic import AGENTS, BEGAN, FACTS, VIEWS, Traffic
from dwell.consumers.agents import AGENT_DATA, describe
from dwell.warehouse.live import LiveWarehouse

CACHE = Path(__file__).parents[1] / ".cache" / "benchmarks"
STRETCH = 500_000
"""Pageviews that are made in one transaction."""
HERE = Path(__file__).parent


def filled(path: Path, traffic: Traffic, pageviews: int) -> None:
    """Make a live warehouse at `path` of what the traffic was until so many pageviews had begun.

    It is as a projector leaves it that has read the log up to there: pageviews in flight and their
    sessions are unfinished, every table is filled, offsets and all.
    """
    shutil.copyfile(kept(traffic, pageviews), path)


def kept(traffic: Traffic, pageviews: int) -> Path:
    """That warehouse under `.cache`, made if it is not there yet; to be copied, not to be opened."""
    name = f"{_made_of()}-{traffic.pageviews_per_second}-{traffic.skewed}-{pageviews}.duckdb"
    if not (CACHE / name).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = CACHE / f"{name}.draft"
        draft.unlink(missing_ok=True)
        fill(draft, traffic, pageviews)
        draft.rename(CACHE / name)
        draft.with_name(f"{draft.name}.lock").unlink()
    return CACHE / name


def _made_of() -> str:
    """Another one when the schema or the traffic is."""
    files = [HERE / "traffic.sql", HERE / "traffic.py", HERE / "filled.py"]
    files += sorted((HERE.parent / "warehouse" / "migrations").glob("*.sql"))
    return md5(b"".join(file.read_bytes() for file in files), usedforsecurity=False).hexdigest()[:8]


def fill(path: Path, traffic: Traffic, pageviews: int) -> None:
    """Make that warehouse, which is not there yet."""
    with LiveWarehouse(path) as warehouse:
        connection = warehouse.connection
        connection.execute("set memory_limit = '4GiB'; set threads = 2")
        _explain(connection, traffic)
        for begin in range(0, pageviews, STRETCH):
            with warehouse.transaction():
                _stretch(connection, begin, min(begin + STRETCH, pageviews), pageviews)
            warehouse.checkpoint()
        with warehouse.transaction():
            connection.execute((HERE / "traffic_sessions.sql").read_text())
            _agents(connection)
            connection.execute(
                "insert into warehouse.log_offset values (0, ?)", [traffic.offset_after(pageviews)]
            )
            warehouse.note("agent_data", AGENT_DATA)
        warehouse.checkpoint()


def _explain(connection: duckdb.DuckDBPyConnection, traffic: Traffic) -> None:
    """Tell SQL which traffic it is."""
    values = {
        "began": BEGAN,
        "pageviews_per_second": traffic.pageviews_per_second,
        "skewed": traffic.skewed,
        "apart": traffic.apart,
        "views": list(VIEWS),
        "agents": list(AGENTS),
    }
    for name, value in values.items():
        connection.execute(f"set variable {name} = ?", [value])
    connection.execute(
        "create or replace temp table windows "
        "(seq bigint, waits bigint, stretch_length bigint, multiplier bigint, inverse bigint)"
    )
    connection.executemany(
        "insert into windows values (?, ?, ?, ?, ?)",
        [
            (seq, least + (window if seq else 0), window, multiplier, inverse)
            for seq, (least, window, multiplier, inverse) in enumerate(traffic.windows)
        ],
    )
    connection.execute((HERE / "traffic.sql").read_text())


def _stretch(connection: duckdb.DuckDBPyConnection, begin: int, end: int, pageviews: int) -> None:
    assert FACTS == 5, "traffic.sql knows five facts a pageview"
    connection.execute(
        "insert into warehouse.pageview from traffic_pageviews(?, ?, ?)", [begin, end, pageviews]
    )
    connection.execute(
        "insert into warehouse.visibility_change from traffic_changes(?, ?)", [begin, end]
    )


def _agents(connection: duckdb.DuckDBPyConnection) -> None:
    agents = connection.execute(
        "select distinct browser_agent from warehouse.tracking_session"
    ).fetchall()
    connection.executemany(
        "insert into warehouse.browser_agent values (?, ?, ?, ?, ?)",
        [(agent, *describe(agent)) for (agent,) in agents],
    )
