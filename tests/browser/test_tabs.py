"""The tabs of page C, as a person uses them: mouse, keyboard, Back and Forward, with and without script."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from dwell.settings import Settings
from dwell.site.app import create_app
from tests.support.browsers import complaints
from tests.support.serving import serving

pytestmark = pytest.mark.browser


class Seen(NamedTuple):
    """What a person and the beacon can tell a page by."""

    path: str
    title: str
    heading: str
    view: str
    identity: str | None


TAB_1 = Seen(
    "/page_c/tab_1",
    "Page C, Tab 1",
    "Page C, Tab 1",
    "dwell.site.pages.page_c.tab_1.Tab1",
    '{"tab": "1"}',
)
TAB_2 = Seen(
    "/page_c/tab_2",
    "Page C, Tab 2",
    "Page C, Tab 2",
    "dwell.site.pages.page_c.tab_2.Tab2",
    '{"tab": "2"}',
)
PAGE_A = Seen("/page_a", "Page A", "Page A", "dwell.site.pages.page_a.PageA", None)
PAGE_B = Seen("/page_b", "Page B", "Page B", "dwell.site.pages.page_b.PageB", None)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the site is, Dwell included."""
    data: Path = tmp_path_factory.mktemp("data")
    with serving(create_app(Settings(data=data))) as origin:
        yield origin


@pytest.fixture
def tab_1(browser: Chrome, origin: str) -> Chrome:
    """A browser that came to tab 1 by its address, in a tab without a past."""
    browser.get(origin + TAB_1.path)
    browser.execute_cdp_cmd("Page.resetNavigationHistory", {})
    complaints(browser)
    browser.execute_script("window.untouched = true")
    return browser


def seen(browser: Chrome) -> Seen:
    """What the browser shows now."""
    read = """
        const root = document.documentElement;
        return [location.pathname, document.title,
                [...document.querySelectorAll("h1")].find(h => h.checkVisibility()).textContent,
                root.dataset.dwellView, root.dataset.dwellIdentity ?? null];
    """
    return Seen(*browser.execute_script(read))


def comes_to(browser: Chrome, expected: Seen) -> None:
    """Wait until the browser shows what is expected."""
    WebDriverWait(browser, 5, 0.02).until(lambda _: seen(browser) == expected, f"not {expected}")


def reloaded(browser: Chrome) -> bool:
    """Whether the document is another one than the fixture's."""
    return browser.execute_script("return window.untouched") is not True


def link(browser: Chrome, text: str) -> WebElement:
    """The link of that text, as a person finds it."""
    return browser.find_element(By.LINK_TEXT, text)


def focused(browser: Chrome) -> str:
    """The text of what has the focus."""
    return browser.switch_to.active_element.text


def press(browser: Chrome, *keys: str) -> None:
    """Keys, held together."""
    chain = ActionChains(browser)
    for key in keys[:-1]:
        chain.key_down(key)
    chain.send_keys(keys[-1])
    for key in keys[:-1]:
        chain.key_up(key)
    chain.perform()


def opened_by(browser: Chrome, act: Callable[[], object]) -> str:
    """The handle of the one window that `act` opens."""
    before = set(browser.window_handles)
    act()
    WebDriverWait(browser, 5, 0.02).until(lambda _: set(browser.window_handles) - before)
    (handle,) = set(browser.window_handles) - before
    return handle


def test_a_click_switches_in_place(tab_1: Chrome) -> None:
    assert seen(tab_1) == TAB_1
    link(tab_1, "Tab 2").click()
    assert seen(tab_1) == TAB_2
    link(tab_1, "Tab 1").click()
    assert seen(tab_1) == TAB_1
    assert not reloaded(tab_1)


def test_a_switch_is_one_task(tab_1: Chrome) -> None:
    told = tab_1.execute_async_script(
        """
        const done = arguments[0], push = history.pushState;
        history.pushState = function () {
          push.apply(history, arguments);
          const root = document.documentElement;
          queueMicrotask(() => done(
            [location.pathname, document.title, root.dataset.dwellView, root.dataset.dwellIdentity]));
        };
        document.querySelector('[href="/page_c/tab_2"]').click();
        """
    )
    assert told == [TAB_2.path, TAB_2.title, TAB_2.view, TAB_2.identity]


def test_a_switch_asks_the_network_for_nothing(tab_1: Chrome) -> None:
    tab_1.execute_script("performance.clearResourceTimings()")
    link(tab_1, "Tab 2").click()
    fetched = tab_1.execute_script(
        "return performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
    )
    assert [path for path in fetched if not path.startswith("/dwell/")] == []


def test_a_click_on_the_tab_one_is_on_changes_nothing(tab_1: Chrome) -> None:
    length = tab_1.execute_script("return history.length")
    link(tab_1, "Tab 1").click()
    assert seen(tab_1) == TAB_1
    assert tab_1.execute_script("return history.length") == length
    assert not reloaded(tab_1)


def test_each_panel_has_its_own_links(tab_1: Chrome) -> None:
    assert tab_1.find_elements(By.LINK_TEXT, "Page A") == []
    link(tab_1, "Tab 2").click()
    assert tab_1.find_elements(By.LINK_TEXT, "Page B") == []
    link(tab_1, "Page A").click()
    comes_to(tab_1, PAGE_A)


def test_back_and_forward_go_through_the_tabs(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    link(tab_1, "Tab 1").click()
    tab_1.back()
    comes_to(tab_1, TAB_2)
    tab_1.back()
    comes_to(tab_1, TAB_1)
    tab_1.forward()
    comes_to(tab_1, TAB_2)
    assert not reloaded(tab_1)


def test_back_and_forward_go_across_pages(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    link(tab_1, "Page A").click()
    comes_to(tab_1, PAGE_A)
    tab_1.back()
    comes_to(tab_1, TAB_2)
    tab_1.back()
    comes_to(tab_1, TAB_1)
    tab_1.forward()
    tab_1.forward()
    comes_to(tab_1, PAGE_A)
    tab_1.execute_script("history.go(-2)")
    comes_to(tab_1, TAB_1)


def test_the_page_returns_from_the_back_forward_cache_as_it_was_left(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    link(tab_1, "Page A").click()
    comes_to(tab_1, PAGE_A)
    tab_1.back()
    comes_to(tab_1, TAB_2)
    assert not reloaded(tab_1)
    link(tab_1, "Tab 1").click()
    assert seen(tab_1) == TAB_1


def test_back_works_without_the_back_forward_cache(
    new_browser: Callable[..., Chrome], origin: str
) -> None:
    browser = new_browser(arguments=["--disable-features=BackForwardCache"])
    browser.get(origin + TAB_1.path)
    browser.execute_script("window.untouched = true")
    link(browser, "Tab 2").click()
    link(browser, "Page A").click()
    comes_to(browser, PAGE_A)
    browser.back()
    comes_to(browser, TAB_2)
    assert reloaded(browser)
    browser.back()
    comes_to(browser, TAB_1)


def test_a_reload_stays_on_the_tab(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    tab_1.refresh()
    comes_to(tab_1, TAB_2)
    assert reloaded(tab_1)
    tab_1.back()
    comes_to(tab_1, TAB_1)


def test_a_deep_link_opens_its_tab(browser: Chrome, origin: str) -> None:
    browser.get(origin + TAB_2.path)
    assert seen(browser) == TAB_2
    assert link(browser, "Tab 2").get_attribute("aria-selected") == "true"
    link(browser, "Tab 1").click()
    assert seen(browser) == TAB_1


def test_the_notes_of_old_lead_to_tab_2(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/page_c/tab_b")
    assert seen(browser) == TAB_2


@pytest.mark.parametrize("how", ["middle", pytest.param("control", marks=pytest.mark.long)])
def test_a_new_tab_opens_beside(tab_1: Chrome, how: str) -> None:
    here = tab_1.current_window_handle
    length = tab_1.execute_script("return history.length")

    def act() -> None:
        tab = link(tab_1, "Tab 2")
        if how == "control":
            chain = ActionChains(tab_1).key_down(Keys.CONTROL).click(tab).key_up(Keys.CONTROL)
        else:
            chain = ActionChains(tab_1).move_to_element(tab)
            chain.w3c_actions.pointer_action.pointer_down(button=1)  # type: ignore[no-untyped-call]
            chain.w3c_actions.pointer_action.pointer_up(button=1)  # type: ignore[no-untyped-call]
        chain.perform()

    there = opened_by(tab_1, act)
    assert seen(tab_1) == TAB_1
    assert tab_1.execute_script("return history.length") == length
    tab_1.switch_to.window(there)
    comes_to(tab_1, TAB_2)
    tab_1.close()
    tab_1.switch_to.window(here)
    assert not reloaded(tab_1)


def test_arrow_keys_home_and_end_choose_a_tab(tab_1: Chrome) -> None:
    press(tab_1, Keys.TAB)
    press(tab_1, Keys.TAB)
    assert focused(tab_1) == "Tab 1"
    for key, then in [
        (Keys.ARROW_RIGHT, TAB_2),
        (Keys.ARROW_RIGHT, TAB_1),
        (Keys.ARROW_LEFT, TAB_2),
        (Keys.ARROW_LEFT, TAB_1),
        (Keys.END, TAB_2),
        (Keys.HOME, TAB_1),
    ]:
        press(tab_1, key)
        assert seen(tab_1) == then
        assert focused(tab_1) == then.title.removeprefix("Page C, ")
    assert not reloaded(tab_1)


def test_space_and_enter_do_no_harm(tab_1: Chrome) -> None:
    press(tab_1, Keys.TAB)
    press(tab_1, Keys.TAB)
    press(tab_1, Keys.ARROW_RIGHT)
    for key in (Keys.SPACE, Keys.ENTER):
        press(tab_1, key)
        assert seen(tab_1) == TAB_2
    assert tab_1.execute_script("return scrollY") == 0
    assert not reloaded(tab_1)


def test_arrow_keys_with_another_key_are_the_browsers_own(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    for held in (Keys.CONTROL, Keys.SHIFT, Keys.ALT, Keys.META):
        ignored = tab_1.execute_script(
            """
            const event = new KeyboardEvent("keydown", {
              key: "ArrowLeft", bubbles: true, cancelable: true, [arguments[0]]: true });
            return document.activeElement.dispatchEvent(event);
            """,
            {
                Keys.CONTROL: "ctrlKey",
                Keys.SHIFT: "shiftKey",
                Keys.ALT: "altKey",
                Keys.META: "metaKey",
            }[held],
        )
        assert ignored
        assert seen(tab_1) == TAB_2


def test_one_tab_is_in_the_tab_order_and_then_its_panel(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    press(tab_1, Keys.TAB)
    panel = tab_1.switch_to.active_element
    assert panel.get_attribute("role") == "tabpanel"
    assert panel.accessible_name == "Tab 2"
    press(tab_1, Keys.SHIFT, Keys.TAB)
    assert focused(tab_1) == "Tab 2"
    press(tab_1, Keys.SHIFT, Keys.TAB)
    assert focused(tab_1) == "Dwell"


def test_roles_and_states_are_those_of_the_pattern(tab_1: Chrome) -> None:
    def told() -> object:
        return tab_1.execute_script(
            """
            const of = (e) => [e.role, e.textContent.trim(), e.ariaSelected, e.tabIndex,
              document.getElementById(e.getAttribute("aria-controls")).checkVisibility()];
            const list = document.querySelector("[role=tablist]");
            return [list.ariaLabel, [...list.children].map(of)];
            """
        )

    assert told() == [
        "Page C",
        [["tab", "Tab 1", "true", 0, True], ["tab", "Tab 2", "false", -1, False]],
    ]
    link(tab_1, "Tab 2").click()
    assert told() == [
        "Page C",
        [["tab", "Tab 1", "false", -1, False], ["tab", "Tab 2", "true", 0, True]],
    ]


def test_focus_is_not_lost_with_the_panel_it_was_in(tab_1: Chrome) -> None:
    link(tab_1, "Tab 2").click()
    tab_1.execute_script("arguments[0].focus()", link(tab_1, "Page A"))
    tab_1.back()
    comes_to(tab_1, TAB_1)
    assert focused(tab_1) == "Tab 1"


def test_back_brings_the_place_one_was_reading(tab_1: Chrome) -> None:
    tab_1.execute_script("scrollTo(0, 60)")
    link(tab_1, "Tab 2").click()
    assert tab_1.execute_script("return scrollY") == 60
    tab_1.execute_script("scrollTo(0, 10)")
    tab_1.back()
    comes_to(tab_1, TAB_1)
    WebDriverWait(tab_1, 5, 0.02).until(lambda it: it.execute_script("return scrollY") == 60)


def test_without_javascript_tabs_are_plain_links(
    new_browser: Callable[..., Chrome], origin: str
) -> None:
    browser = new_browser(javascript=False)
    browser.get(origin + TAB_1.path)
    strip = browser.find_element(By.CSS_SELECTOR, "nav[aria-label='Page C']")
    assert strip.aria_role == "navigation"
    assert {tab.aria_role for tab in strip.find_elements(By.TAG_NAME, "a")} == {"link"}
    assert link(browser, "Tab 1").get_attribute("aria-current") == "page"
    link(browser, "Tab 2").click()
    WebDriverWait(browser, 5, 0.02).until(lambda _: browser.title == "Page C, Tab 2")
    assert browser.current_url == origin + TAB_2.path
    assert link(browser, "Tab 2").get_attribute("aria-current") == "page"
    link(browser, "Page A").click()
    WebDriverWait(browser, 5, 0.02).until(lambda _: browser.title == "Page A")
    browser.back()
    WebDriverWait(browser, 5, 0.02).until(lambda _: browser.title == "Page C, Tab 2")


def test_no_page_troubles_the_console(browser: Chrome, origin: str) -> None:
    complaints(browser)
    for path in ("/", "/page_a", "/page_b", "/page_c", TAB_1.path, TAB_2.path):
        browser.get(origin + path)
    link(browser, "Tab 1").click()
    browser.back()
    comes_to(browser, TAB_2)
    assert complaints(browser) == []
