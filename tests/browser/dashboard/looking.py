"""The dashboard as a test looks at it: what it says, in words and in exact values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from selenium.webdriver import Chrome
from selenium.webdriver.remote.webelement import WebElement

from dwell.warehouse.published import open_published
from tests.support.running import wait_until

ZONE = "Europe/Berlin"
SINCE, UNTIL = "2025-10-20T00:00:00+02:00", "2025-11-17T00:00:00+01:00"
PERIOD = "?since=2025-10-20&until=2025-11-17"
"""Four weeks, in the middle of which the clocks go back."""


@dataclass(frozen=True)
class Month:
    """A folder with a published warehouse, whose visits begin in October 2025."""

    folder: Path

    @property
    def published(self) -> Path:
        return self.folder / "warehouse.duckdb"


@dataclass
class Board:
    """One page of the dashboard, in a browser."""

    browser: Chrome
    origin: str

    def open(self, address: str) -> Self:
        """Load an address, and wait until every panel is drawn."""
        self.browser.get(f"{self.origin}/{address}")
        self.wait("'ready' in document.documentElement.dataset")
        return self

    def wait(self, condition: str) -> None:
        """Until an expression of JavaScript is true."""
        wait_until(lambda: self.ask(condition), 60, every=0.1)

    def ask(self, expression: str) -> Any:
        """What an expression of JavaScript comes to."""
        return self.browser.execute_script(f"return ({expression})")

    def find(self, selector: str) -> WebElement:
        """The element, on the screen."""
        element: WebElement = self.ask(f"document.querySelector({selector!r})")
        assert element is not None, f"there is no {selector}"
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def texts(self, selector: str) -> list[str]:
        """What all such elements say."""
        # What is far from the screen is not laid out, and then has no `innerText`.
        texts: list[str] = self.ask(
            f"[...document.querySelectorAll({selector!r})].map((each) => "
            "(each.checkVisibility({contentVisibilityAuto: true}) ? each.innerText : each.textContent)"
            ".trim())"
        )
        return texts

    def drawn(self, figure: str, answers: dict[str, Any], selector: str) -> list[str]:
        """What such elements say in a figure that is drawn from these answers."""
        texts: list[str] = self.browser.execute_async_script(
            """
            const [name, answers, selector, done] = arguments;
            import(document.querySelector("link[href$='/figures.js']").href).then((figures) => {
                const figure = document.createElement("div");
                figures[name](figure, answers);
                done([...figure.querySelectorAll(selector)].map(({textContent}) => textContent));
            });
            """,
            figure,
            answers,
            selector,
        )
        return texts

    def click(self, selector: str) -> None:
        """Click it, and wait for everything that is asked anew."""
        self.find(selector)
        self.browser.execute_script(
            "for (const each of document.querySelectorAll('.card')) delete each.dataset.state"
        )
        self.find(selector).click()
        self.wait("[...document.querySelectorAll('.card')].every((each) => each.dataset.state)")

    @property
    def search(self) -> str:
        """The query of the address."""
        search: str = self.ask("location.search")
        return search

    def headline(self) -> dict[str, float]:
        """The exact headline figures, by name; a median of nothing is left out."""
        values: dict[str, str | None] = self.ask(
            "Object.fromEntries([...document.querySelectorAll('.tile')]"
            ".map(({dataset}) => [dataset.measure, dataset.value]))"
        )
        return {name: float(value) for name, value in values.items() if value is not None}

    def rows(self, panel: str) -> dict[str, list[float]]:
        """The exact values of a ranked panel, by the name of the row."""
        found: list[tuple[str, list[str]]] = self.ask(
            f"[...document.querySelectorAll('#{panel} tbody tr')].map((row) => [row.dataset.name, "
            "[...row.querySelectorAll('[data-value]')].map((cell) => cell.dataset.value)])"
        )
        return {name: [float(value) for value in values] for name, values in found}


def asked(published: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Rows that SQL says itself; `seen` are people's pageviews of the period."""
    seen = f"""
        with seen as (
            select pageview.*, device
            from pageview
            join session_with_agent using (session_id)
            where
                not is_bot
                and pageview.started_at >= (timestamptz '{SINCE}' at time zone 'UTC')
                and pageview.started_at < (timestamptz '{UNTIL}' at time zone 'UTC')
        )
    """
    with open_published(published) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(seen + sql, parameters).fetchall()
        return rows
