"""Somebody who looks at pages, for as long as a scenario says, and the truth about it."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from benchmarks.devtools import devtools_of
from tests.support.browsers import open_browser
from tests.support.running import wait_until
from tests.support.visits import TOLERANCE, Truth

MOVE_EVERY = 1.0
"""Seconds between two moves of the pointer: some trackers take who moves nothing for absent."""


class Visitor:
    """One who looks at the pages of an origin, in a Chromium of their own.

    Whoever looks is as active as a tracker could wish: clicks into each page, so that it has the
    focus, and moves the pointer once a second.
    """

    def __init__(self, browser: Chrome, origin: str) -> None:
        self.browser = browser
        self.origin = origin
        self.blank = browser.current_window_handle
        browser.switch_to.new_window("tab")
        self.page = browser.current_window_handle

    def opens(self, path: str) -> None:
        """Goes to a page in this tab."""
        self.browser.get(self.origin + path)
        self.arrives(path)

    def clicks(self, text: str, path: str) -> None:
        """Follows a link to `path`."""
        self.browser.find_element(By.LINK_TEXT, text).click()
        self.arrives(path)

    def arrives(self, path: str) -> None:
        """Waits until the page of that path can be read."""
        read = "return document.readyState != 'loading' && location.href"

        def there() -> bool:
            try:
                return bool(self.browser.execute_script(read) == self.origin + path)
            except WebDriverException:
                return False  # between two pages

        wait_until(there)

    def looks(self, seconds: float, *, active: bool = True) -> None:
        """Looks at the page for so long."""
        end = time.monotonic() + seconds
        if active:
            self._points("mousePressed", 3)
            self._points("mouseReleased", 3)
        while (left := end - time.monotonic()) > 0:
            if active:
                self._points("mouseMoved", 3 + int(left) % 2)
            time.sleep(max(0, min(MOVE_EVERY, end - time.monotonic())))

    def _points(self, kind: str, x: int) -> None:
        button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        at = {"type": kind, "x": x, "y": 300} | button
        self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", at)

    def turns_away(self) -> None:
        """Takes the other tab to the front."""
        self.browser.switch_to.window(self.blank)

    def turns_back(self) -> None:
        """Takes the page to the front again."""
        self.browser.switch_to.window(self.page)

    def opens_behind(self, path: str) -> None:
        """Opens a page in a background tab."""
        self.browser.close()
        self.turns_away()
        target = {"url": self.origin + path, "background": True}
        self.page = self.browser.execute_cdp_cmd("Target.createTarget", target)["targetId"]

    @contextmanager
    def without_network(self) -> Iterator[None]:
        """The page has no network for the time of a `with`, in front or behind."""
        offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1, "offline": True}
        with devtools_of(self.browser) as devtools:
            session = devtools.attached(self.page)
            devtools.call("Network.enable", session)
            devtools.call("Network.emulateNetworkConditions", session, **offline)
            yield
            devtools.call(
                "Network.emulateNetworkConditions", session, **offline | {"offline": False}
            )

    def signals(self, number: signal.Signals) -> None:
        """Sends a signal to all processes that run pages of this browser."""
        for pid in _renderers(self.browser.service.process.pid):
            os.kill(pid, number)


def _renderers(root: int) -> list[int]:
    """The processes below `root` that run pages."""
    parents: dict[int, int] = {}
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid, stat = int(folder.name), (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        parents[pid] = int(stat.rpartition(")")[2].split()[1])
        if b"--type=renderer" in command:
            found.append(pid)

    def is_below(pid: int) -> bool:
        while pid in parents and pid != root:
            pid = parents[pid]
        return pid == root

    return [pid for pid in found if is_below(pid)]


@contextmanager
def visitor_of(origin: str) -> Iterator[Visitor]:
    """A visitor who was never here, for the time of a `with`."""
    with open_browser(load="none") as browser:
        yield Visitor(browser, origin)


def read_and_close(visitor: Visitor) -> list[Truth]:
    """6 s, then the tab is closed."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(6)
    truth.hides(visitor.browser.close)
    return [truth]


def behind_another_tab(visitor: Visitor) -> list[Truth]:
    """6 s, 8 s behind another tab, 4 s more."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(6)
    truth.hides(visitor.turns_away)
    time.sleep(8)
    truth.shows(visitor.turns_back)
    visitor.looks(4)
    truth.hides(visitor.browser.close)
    return [truth]


def opened_behind(visitor: Visitor) -> list[Truth]:
    """8 s in a background tab, then 4 s in front."""
    truth = Truth()
    visitor.opens_behind("/page_a")
    time.sleep(8)
    truth.shows(visitor.turns_back)
    visitor.looks(4)
    truth.hides(visitor.browser.close)
    return [truth]


def crash(visitor: Visitor) -> list[Truth]:
    """12 s, then the page's process is killed."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(12)
    truth.hides(lambda: visitor.signals(signal.SIGKILL))
    return [truth]


def network_away(visitor: Visitor) -> list[Truth]:
    """8 s, 4 s without the network, then hidden; the network comes back, the tab is closed."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(8)
    with visitor.without_network():
        visitor.looks(4)
        truth.hides(visitor.turns_away)
        time.sleep(1)
    time.sleep(5)
    visitor.browser.execute_cdp_cmd("Target.closeTarget", {"targetId": visitor.page})
    return [truth]


def sleep(visitor: Visitor) -> list[Truth]:
    """4 s, the processes stand still for 20 s, 4 s more."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(4)
    truth.hides(lambda: visitor.signals(signal.SIGSTOP))
    time.sleep(20)
    truth.shows(lambda: visitor.signals(signal.SIGCONT))
    visitor.looks(4)
    truth.hides(visitor.browser.close)
    return [truth]


def back_from_the_cache(visitor: Visitor) -> list[Truth]:
    """5 s, 6 s on another page, Back, 5 s."""
    a, b, again = Truth(), Truth(), Truth()
    a.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(5)
    a.hands_over(lambda: visitor.clicks("Page B", "/page_b"), b)
    visitor.looks(6)

    def back() -> None:
        visitor.browser.back()
        visitor.arrives("/page_a")

    b.hands_over(back, again)
    visitor.looks(5)
    again.hides(visitor.browser.close)
    return [a, b, again]


def tabs_in_place(visitor: Visitor) -> list[Truth]:
    """Tab 1 of page C for 3 s, tab 2 for 4 s, tab 1 for 2 s, without a reload."""
    one, two, three = Truth(), Truth(), Truth()
    one.shows(lambda: visitor.opens("/page_c/tab_1"))
    visitor.looks(3)
    one.hands_over(lambda: visitor.clicks("Tab 2", "/page_c/tab_2"), two)
    visitor.looks(4)
    two.hands_over(lambda: visitor.clicks("Tab 1", "/page_c/tab_1"), three)
    visitor.looks(2)
    three.hides(visitor.browser.close)
    return [one, two, three]


def without_focus(visitor: Visitor) -> list[Truth]:
    """5 s in view, while the focus is elsewhere: it comes to a tab with the first click. (A headless
    window that has it keeps it, whatever is opened beside it.)"""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a"))
    visitor.looks(5, active=False)
    assert not visitor.browser.execute_script("return document.hasFocus()")
    truth.hides(visitor.browser.close)
    return [truth]


def late_script(visitor: Visitor) -> list[Truth]:
    """8 s, the script comes after 3 of them."""
    truth = Truth()
    truth.shows(lambda: visitor.opens("/page_a?late=3"))
    visitor.looks(8)
    truth.hides(visitor.browser.close)
    return [truth]


@dataclass(frozen=True)
class Scenario:
    """What somebody does.

    Attributes:
        act: does it, and says for how long each pageview could be seen.
        less, more: seconds that may be lost or added without fault: what a crash takes with it, and
            what nobody awake can tell from looking.
    """

    act: Callable[[Visitor], list[Truth]]
    less: float = 0
    more: float = 0

    def is_right(self, seconds: Sequence[float | None], truths: Sequence[Truth]) -> bool:
        """Whether each pageview is told, within 0.25 s beyond those, and no other one."""
        if len(seconds) != len(truths):
            return False
        return all(
            told is not None
            and truth.least - self.less - TOLERANCE <= told <= truth.most + self.more + TOLERANCE
            for told, truth in zip(seconds, truths, strict=True)
        )


SCENARIOS = {
    "read 6, close": Scenario(read_and_close),
    "6, hidden 8, 4": Scenario(behind_another_tab),
    "behind 8, then 4": Scenario(opened_behind),
    "12, crash": Scenario(crash, less=2),
    "8, offline 4, hidden": Scenario(network_away),
    "4, sleep 20, 4": Scenario(sleep, more=3),
    "5, page B 6, Back 5": Scenario(back_from_the_cache),
    "page C: 3, 4, 2": Scenario(tabs_in_place),
    "5, never in focus": Scenario(without_focus),
    "8, script 3 late": Scenario(late_script),
}
"""By what they do, in seconds."""
