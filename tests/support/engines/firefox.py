"""Firefox: geckodriver lets its own scripts do what a person's hand does."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Firefox as Driver
from selenium.webdriver import FirefoxOptions, FirefoxService

from tests.support.browsers import NoBrowser
from tests.support.engines.browser import Browser, Tab
from tests.support.engines.clock import Clock
from tests.support.running import wait_until

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
BROUGHT = CACHE / "dwell/geckodriver/bin/geckodriver"
"""Where `./dev test --long` lets cargo build it."""

CLOSE_BEHIND = "gBrowser.removeTab(gBrowser.tabs.at(-1))"
ADD_BEHIND = """
    const triggeringPrincipal = Services.scriptSecurityManager.createContentPrincipal(
        Services.io.newURI(arguments[0]), {});
    const tab = gBrowser.addTab(arguments[0], { inBackground: true, triggeringPrincipal });
    return tab.linkedBrowser.browserId;
"""
CLICK = "[...document.links].find(link => link.textContent.trim() === arguments[0]).click()"
DISCARD = """
    const tab = gBrowser.tabs.find(each => each.linkedBrowser.currentURI.spec === arguments[0]);
    gBrowser.discardBrowser(tab, true);
    return tab.hasAttribute("pending");
"""


class Firefox(Browser):
    """Firefox with geckodriver."""

    engine = "firefox"
    # It writes its arguments over as one word.
    content = staticmethod(lambda process: " ".join(process.command).endswith(" tab"))

    def _tell(self, script: str, *values: object) -> Any:
        assert isinstance(self.driver, Driver)
        with self.driver.context(Driver.CONTEXT_CHROME):
            return self.driver.execute_script(script, *values)

    def click(self, tab: Tab, text: str) -> None:
        """Click a link. A page of which the driver holds an element is kept out of the back/forward
        cache, so a script of the page finds it."""
        before = tab.run("return location.href")
        tab.run(CLICK, text)
        there = "return location.href !== arguments[0] && document.readyState === 'complete'"
        wait_until(lambda: tab.run(there, before), every=0.01)

    def open_behind(self, url: str) -> Tab:
        """A tab behind."""
        before = set(self.driver.window_handles)
        self._tell(ADD_BEHIND, url)
        wait_until(lambda: len(self.driver.window_handles) > len(before))
        (handle,) = set(self.driver.window_handles) - before
        return Tab(self, handle)

    def close_behind(self, tab: Tab) -> None:
        """The last tab of the row; it stays behind."""
        self._tell(CLOSE_BEHIND)

    def restore(self, tab: Tab) -> None:
        """Bring a minimised window back."""
        self.turn_to(tab)
        self._tell("window.restore()")
        self.await_visible(tab)

    def discard(self, url: str) -> None:
        """Unload a page."""
        assert self._tell(DISCARD, url), "the tab was not discarded"


@contextmanager
def firefox(
    *, hasty: bool = False, forgetful: bool = False, clock: Clock | None = None
) -> Iterator[Browser]:
    """A Firefox for the time of a `with`."""
    options = FirefoxOptions()
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    driver = shutil.which("geckodriver") or (str(BROUGHT) if BROUGHT.exists() else None)
    if not program or not driver:
        raise NoBrowser(
            "firefox-esr and geckodriver are not both here; ./dev test --long brings them"
        )
    options.binary_location = program
    options.add_argument("-headless")
    options.page_load_strategy = "none" if hasty else "normal"
    if forgetful:
        options.set_preference("network.cookie.cookieBehavior", 2)
    service = FirefoxService(
        driver, service_args=["--allow-system-access"], env=clock.environ if clock else None
    )
    browser = Driver(options, service)
    try:
        yield Firefox(browser)
    finally:
        browser.quit()
