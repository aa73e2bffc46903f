"""Every page against axe's rules, in both colour schemes and both sizes."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from dwell.settings import Settings
from dwell.site.app import create_app
from tests.support.axe import prefer, source, violations
from tests.support.serving import serving

pytestmark = pytest.mark.browser

PATHS = ("/", "/page_a", "/page_b", "/page_c/tab_1", "/page_c/tab_2", "/nowhere")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the site is, Dwell and its note included."""
    with serving(create_app(Settings(data=tmp_path_factory.mktemp("data")))) as origin:
        yield origin


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe."""
    return source()


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(
    browser: Chrome, origin: str, axe: str, screen: str, scheme: str, path: str
) -> None:
    browser.get(origin + path)
    assert violations(browser, axe) == []


def test_axe_finds_nothing_after_a_switch(browser: Chrome, origin: str, axe: str) -> None:
    browser.get(f"{origin}/page_c/tab_1")
    browser.find_element(By.LINK_TEXT, "Tab 2").send_keys(Keys.ENTER)
    assert browser.title == "Page C, Tab 2"
    assert violations(browser, axe) == []


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_the_screen(
    browser: Chrome, origin: str, screen: str, path: str
) -> None:
    browser.get(origin + path)
    root = "document.documentElement"
    width, room = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert width <= room


def test_dark_and_light_differ(browser: Chrome, origin: str) -> None:
    browser.get(origin)
    papers = set()
    for value in ("light", "dark"):
        prefer(browser, "prefers-color-scheme", value)
        papers.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    prefer(browser, "prefers-color-scheme", "")
    assert len(papers) == 2


def test_nothing_moves_for_those_who_ask_for_it(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/page_c/tab_1")
    longest = """
        return Math.max(...[...document.querySelectorAll("*")].flatMap((element) => {
          const style = getComputedStyle(element);
          return `${style.transitionDuration},${style.animationDuration}`.split(",").map(parseFloat);
        }));
    """
    prefer(browser, "prefers-reduced-motion", "no-preference")
    assert browser.execute_script(longest) > 0
    prefer(browser, "prefers-reduced-motion", "reduce")
    assert browser.execute_script(longest) == 0
    prefer(browser, "prefers-reduced-motion", "")


def test_the_focus_can_be_seen(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/page_c/tab_1")
    for stop in ("front page", "tab", "panel", "sample", "next page"):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        outlined = browser.execute_script(
            """
            const at = document.activeElement;
            const outline = (pseudo) => parseFloat(getComputedStyle(at, pseudo).outlineWidth);
            return at !== document.body && Math.max(outline(null), outline("::before"));
            """
        )
        assert outlined >= 2, stop
