"""Chromium: it can be told almost everything, through the DevTools protocol."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome

from tests.support.browsers import open_browser
from tests.support.engines.browser import Browser, Tab
from tests.support.engines.clock import Clock

FORGETFUL = {"profile.default_content_setting_values.cookies": 2}
"""Cookies forbidden: local and session storage throw."""


class Chromium(Browser):
    """Chromium with its driver."""

    engine = "chromium"
    # It writes its arguments over as one word.
    content = staticmethod(lambda process: "--type=renderer" in " ".join(process.command))

    def _tell(self, command: str, **values: object) -> dict[str, Any]:
        assert isinstance(self.driver, Chrome)
        told: dict[str, Any] = self.driver.execute_cdp_cmd(command, values)
        return told

    def _forget(self, origin: str) -> None:
        """It needs no page for that, and no process for one."""
        self._tell("Storage.clearDataForOrigin", origin=origin, storageTypes="all")
        self._tell("Network.clearBrowserCookies")

    def open_behind(self, url: str) -> Tab:
        """A tab behind."""
        made = self._tell("Target.createTarget", url=url, background=True)
        return Tab(self, made["targetId"])

    def close_behind(self, tab: Tab) -> None:
        """It stays behind."""
        self._tell("Target.closeTarget", targetId=tab.handle)

    def freeze(self, tab: Tab) -> None:
        """Freeze a page for good: one that is made active again stays hidden."""
        self.turn_to(tab)
        self._tell("Page.setWebLifecycleState", state="frozen")

    def prerenders(self) -> None:
        """It does."""


@contextmanager
def chromium(
    *, hasty: bool = False, forgetful: bool = False, clock: Clock | None = None
) -> Iterator[Browser]:
    """A Chromium for the time of a `with`."""
    preferences: Mapping[str, object] = FORGETFUL if forgetful else {}
    load = "none" if hasty else "normal"
    environ = clock.environ if clock else None
    with open_browser(preferences=preferences, load=load, environ=environ) as driver:
        yield Chromium(driver)
