"""A warehouse for those who ask: half a year of a site or a whole one, made in SQL within a minute.

The traffic of `benchmarks.traffic` is what a projector sees within some hours; here visitors come
again, week after week. `visibility_change` has the last week alone: a session's timeline reads it,
and nothing else.
"""

from hashlib import md5
from pathlib import Path

from benchmarks.filled import CACHE
from dwell.commands.simulate.people import AGENTS, BOTS
from dwell.consumers.agents import AGENT_DATA, describe
from dwell.warehouse.live import LiveWarehouse

BEGAN = 1_764_000_000_000
"""When the first visitor came, in milliseconds since 1970."""
WEEKS = 26
VISITORS = 782_000
"""So many make 5 million pageviews in 1.6 million sessions."""
YEAR = (1_850_000, 52)
"""Visitors and weeks: 12 million pageviews in 3.9 million sessions."""
VIEWS = (
    "site.front.Front",
    "site.article.Article",
    "site.section.Section",
    "site.page_c.tab_1.Tab1",
    "site.page_c.tab_2.Tab2",
    "site.author.Author",
    "shop.product.Product",
    "shop.basket.Basket",
    "shop.checkout.Checkout",
    "site.search.Search",
    "site.about.About",
    "site.help.Help",
)
"""From the one that is looked at most to the one that is looked at least."""
HERE = Path(__file__).parent


def kept(visitors: int = VISITORS, weeks: int = WEEKS) -> Path:
    """That warehouse under `.cache`, made if it is not there yet; to be read, not to be written."""
    path = CACHE / f"audience-{_made_of()}-{visitors}-{weeks}.duckdb"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        fill(draft, visitors, weeks)
        draft.rename(path)
        draft.with_name(f"{draft.name}.lock").unlink()
    return path


def fill(path: Path, visitors: int, weeks: int = WEEKS, facts_from: int | None = None) -> None:
    """Make that warehouse, which is not there yet.

    Args:
        facts_from: the week from which on the facts of pageviews are in it; by default the last one.
    """
    agents, bots = ([agent for _, agent in some] for some in (AGENTS, BOTS))
    values = {
        "began": BEGAN,
        "weeks": weeks,
        "facts_from": weeks - 1 if facts_from is None else facts_from,
        "visitors": visitors,
        "views": list(VIEWS),
        "agents": agents,
        "bots": bots,
    }
    with LiveWarehouse(path) as warehouse:
        warehouse.connection.execute("set memory_limit = '8GiB'; set threads = 2")
        for name, value in values.items():
            warehouse.connection.execute(f"set variable {name} = ?", [value])
        with warehouse.transaction() as connection:
            connection.execute((HERE / "audience.sql").read_text())
            seen = connection.execute("select distinct browser_agent from tracking_session")
            connection.executemany(
                "insert into browser_agent values (?, ?, ?, ?, ?)",
                [(agent, *describe(agent)) for (agent,) in seen.fetchall()],
            )
            warehouse.note("agent_data", AGENT_DATA)
        warehouse.checkpoint()


def _made_of() -> str:
    """Another one when the schema, a view or the audience is."""
    files = [HERE / "audience.sql", HERE / "audience.py"]
    for folder in ("migrations", "views"):
        files += sorted((HERE.parent / "warehouse" / folder).glob("*.sql"))
    return md5(b"".join(file.read_bytes() for file in files), usedforsecurity=False).hexdigest()[:8]
