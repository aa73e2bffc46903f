import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dwell.reference import settings_page
from dwell.schemas.facts import Glimpse, PageViewed, VisibilityChanged, VisitorForgotten
from dwell.schemas.records import ReceivedGlimpse
from dwell.settings import Settings, default_of, option_of, variable_of
from dwell.warehouse.panels import panels
from dwell.warehouse.panels.page import panels_page
from dwell.warehouse.queries import queries
from tests.support.house import ROOT, every_command, files
from tests.support.query_page import page as query_page

PAGES = [name for name in files() if name.endswith(".md")]
FACTS = (PageViewed, VisibilityChanged, VisitorForgotten)
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?:src|href|srcset)=\"([^\"]+)\"")


def prose(name: str) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", (ROOT / name).read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", text)


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as they are turned into anchors."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(name: str) -> Iterator[str]:
    """The links of a page that stay in the tree."""
    for markdown, html in LINK.findall(prose(name)):
        if not re.match(r"[a-z]+:", markdown or html):
            yield markdown or html


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in links(name):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name} links to {link}"
        assert target.resolve().is_relative_to(ROOT), f"{name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name} links to {link}"


def test_every_command_is_in_the_docs() -> None:
    written = "\n".join((ROOT / name).read_text() for name in PAGES)
    for command in every_command():
        assert re.search(rf"\bdwell {command}\b", written), f"dwell {command} is in no page"


def test_every_setting_is_in_the_docs() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    assert page == settings_page(), "docs/settings.md is not what the settings say: run ./dev docs"
    for name in Settings.model_fields:
        assert f"## {variable_of(name)}\n" in page
        assert f"`{option_of(name)} VALUE`" in page
        assert default_of(name) in page


def test_every_query_is_in_the_docs() -> None:
    page = (ROOT / "docs/queries.md").read_text()
    assert page == query_page(), "docs/queries.md is not what the queries say: run ./dev docs"
    for query in queries():
        assert f"## {query.name}\n" in page
        assert query.question in page
        for column, meaning in query.columns.items():
            assert f"| `{column}` | {meaning} |\n" in page


def test_every_panel_is_in_the_docs() -> None:
    page = (ROOT / "docs/panels.md").read_text()
    assert page == panels_page(), "docs/panels.md is not what the panels say: run ./dev docs"
    for panel in panels():
        assert f"## {panel.name}\n" in page
        for column in panel.columns:
            assert f"| `{column.name}` | {column.unit} | {column.meaning} |\n" in page


def test_every_fact_and_field_is_in_the_docs() -> None:
    page = (ROOT / "docs/facts.md").read_text()
    fields = {name for fact in (*FACTS, ReceivedGlimpse) for name in fact.model_fields}
    assert fields > Glimpse.model_fields.keys()
    for word in (*fields, *(fact.event for fact in FACTS)):
        assert f"`{word}`" in page, f"{word} is not in docs/facts.md"


def test_every_decision_says_what_was_decided_and_why() -> None:
    records = [name for name in PAGES if name.startswith("docs/decisions/")]
    numbers = [Path(name).name.partition("-")[0] for name in sorted(records)]
    assert numbers == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for name in records:
        text = (ROOT / name).read_text()
        assert text.startswith("# ")
        assert "\n## Why\n" in text, name
