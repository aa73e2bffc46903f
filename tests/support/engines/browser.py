"""What a person does with a browser, for every engine that a WebDriver drives."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.support.processes import Seen, descendants
from tests.support.running import wait_until


class Cannot(Exception):
    """This engine has no way to do it; the message says why."""


class Tab:
    """A tab, by the driver's handle for it. What is asked of a tab behind others brings it to the
    front in some engines, so only `show` and `close` are for those."""

    def __init__(self, browser: "Browser", handle: str) -> None:
        self.handle = handle
        self._browser = browser

    @property
    def _driver(self) -> WebDriver:
        driver = self._browser.driver
        self._browser.turn_to(self)
        return driver

    def show(self) -> None:
        """Bring it to the front of its window."""
        self._browser.bring_to_front(self)

    def hide(self) -> None:
        """Put the blank tab in front of it."""
        self._browser.blank.show()

    def go(self, url: str) -> None:
        """Enter an address, and wait for the page unless the browser is hasty."""
        self._driver.get(url)

    def click(self, text: str) -> None:
        """Click the link of that text."""
        self._browser.click(self, text)

    def back(self) -> None:
        """The button Back."""
        self._driver.back()

    def reload(self) -> None:
        """The button Reload."""
        self._driver.refresh()

    def run(self, script: str, *values: object) -> Any:
        """What a script of the page returns."""
        return self._driver.execute_script(script, *values)

    def minimise(self) -> None:
        """Minimise its window."""
        self._driver.minimize_window()

    def restore(self) -> None:
        """Bring its minimised window back."""
        self._browser.restore(self)

    def close(self) -> None:
        """Close it, as a person does: the page has its say."""
        self._browser.close(self)


class Browser:
    """A running browser.

    Attributes:
        engine: its name.
        driver: Selenium's.
        blank: the tab that it began with. It stays blank, and is what hides other tabs.
    """

    engine = ""
    content: Callable[[Seen], bool] = staticmethod(lambda process: False)
    """Whether a process runs pages."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver
        self.blank = Tab(self, driver.current_window_handle)
        self._current = self.blank.handle

    @property
    def version(self) -> str:
        """The engine's name and version, as it tells them."""
        said = self.driver.capabilities
        return f"{said['browserName']} {said['browserVersion']}"

    def turn_to(self, tab: Tab) -> None:
        """Let the driver talk to a tab."""
        if self._current != tab.handle:
            self.driver.switch_to.window(tab.handle)
            self._current = tab.handle

    def bring_to_front(self, tab: Tab) -> None:
        """Show a tab; the driver does so by turning to it."""
        self._current = ""
        self.turn_to(tab)

    def new_tab(self) -> Tab:
        """A blank tab in front."""
        return self._new("tab")

    def new_window(self) -> Tab:
        """A blank tab in a window of its own, which has the focus."""
        return self._new("window")

    def _new(self, kind: str) -> Tab:
        if not self._current:
            self.turn_to(self.blank)
        self.driver.switch_to.new_window(kind)
        self._current = self.driver.current_window_handle
        return Tab(self, self._current)

    def click(self, tab: Tab, text: str) -> None:
        """Click a link."""
        self.turn_to(tab)
        self.driver.find_element(By.LINK_TEXT, text).click()

    def open_behind(self, url: str) -> Tab:
        """A tab behind the one in front, as a middle click opens it."""
        raise Cannot(f"no way is known to open a tab behind in {self.engine}")

    def restore(self, tab: Tab) -> None:
        """Bring a minimised window back."""
        self.turn_to(tab)
        self.driver.set_window_rect(0, 0, 900, 700)

    def close(self, tab: Tab) -> None:
        """Close a tab."""
        self.turn_to(tab)
        self._current = ""
        self.driver.close()

    def close_behind(self, tab: Tab) -> None:
        """Close a tab behind others, without showing it."""
        raise Cannot(f"no way is known to close a tab behind in {self.engine}")

    def clear(self, origin: str) -> None:
        """Close all but the blank tab and forget all that pages of `origin` have stored."""
        self._current = ""
        for handle in self.driver.window_handles:
            if handle != self.blank.handle:
                with suppress(WebDriverException):  # it is being closed already
                    self.close(Tab(self, handle))
        self.blank.show()
        self._forget(origin)

    def _forget(self, origin: str) -> None:
        """What pages of `origin` have stored."""
        self.blank.go(f"{origin}/dwell/beacon.js")
        self.blank.run("localStorage.clear(), sessionStorage.clear()")
        self.driver.delete_all_cookies()
        self.blank.go("about:blank")

    def freeze(self, tab: Tab) -> None:
        """Freeze a page, as a browser does to save power."""
        raise Cannot(f"no way is known to freeze a page in {self.engine}")

    def discard(self, url: str) -> None:
        """Take that page, in a tab behind, from memory; it is loaded again when it is shown."""
        raise Cannot(f"no way is known to discard a tab in {self.engine}")

    def prerenders(self) -> None:
        """Passes if speculation rules prerender pages."""
        raise Cannot(f"{self.engine} prerenders no pages")

    def quit(self) -> None:
        """Close the whole browser, as a person does."""
        self.driver.quit()

    def processes(self) -> list[Seen]:
        """Those of the browser, without its driver's."""
        return descendants(self.driver.service.process.pid)  # type: ignore[attr-defined]

    def crash_pages(self) -> None:
        """Kill the processes that run pages: they cannot say anything any more."""
        self._signal(signal.SIGKILL, self._pages())

    def stop_pages(self, seconds: float) -> None:
        """Stop the processes that run pages for a while."""
        self._pause(seconds, self._pages())

    def sleep(self, seconds: float) -> None:
        """Stop every process of the browser for a while, as a sleeping computer does."""
        self._pause(seconds, self.processes())

    def _pages(self) -> list[Seen]:
        found = [each for each in self.processes() if self.content(each)]
        assert found, f"{self.engine} has no process that runs pages"
        return found

    def _pause(self, seconds: float, processes: list[Seen]) -> None:
        self._signal(signal.SIGSTOP, processes)
        try:
            time.sleep(seconds)
        finally:
            self._signal(signal.SIGCONT, processes)

    def _signal(self, number: signal.Signals, processes: list[Seen]) -> None:
        for each in processes:
            with suppress(ProcessLookupError):
                os.kill(each.pid, number)

    def await_visible(self, tab: Tab, within: float = 5) -> None:
        """Wait until a page says that it can be seen."""
        wait_until(lambda: tab.run("return !document.hidden"), within, every=0.01)
