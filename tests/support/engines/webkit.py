"""WebKitGTK's MiniBrowser: without a headless mode, so on a screen of its own, with a keyboard."""

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import WebKitGTK, WebKitGTKOptions, WebKitGTKService

from tests.support.browsers import NoBrowser
from tests.support.engines.browser import Browser, Cannot, Tab
from tests.support.engines.clock import Clock

NEEDED = ("WebKitWebDriver", "Xvfb", "xdotool")
LIBRARIES = ("/usr/lib", "/usr/libexec")


class WebKit(Browser):
    """MiniBrowser with WebKitWebDriver, on a screen of its own."""

    engine = "webkit"
    content = staticmethod(lambda process: process.command[0].endswith("WebKitWebProcess"))

    def __init__(self, driver: WebKitGTK, display: str) -> None:
        super().__init__(driver)
        self._display = display
        self._row = [self.blank.handle]

    @property
    def version(self) -> str:
        """WebKitGTK's version is its MiniBrowser's."""
        return f"WebKitGTK {self.driver.capabilities['browserVersion']}"

    def new_tab(self) -> Tab:
        """The driver opens it behind."""
        self.blank.show()
        tab = self._new("tab")
        self._row.append(tab.handle)
        self.bring_to_front(tab)
        return tab

    def open_behind(self, url: str) -> Tab:
        """A tab behind."""
        self.blank.show()
        tab = self._new("tab")
        self._row.append(tab.handle)
        tab.go(url)
        return tab

    def close(self, tab: Tab) -> None:
        """Close a tab."""
        super().close(tab)
        if tab.handle in self._row:
            self._row.remove(tab.handle)

    def close_behind(self, tab: Tab) -> None:
        """The driver raises no tab that it turns to."""
        self.close(tab)

    def bring_to_front(self, tab: Tab) -> None:
        """The driver raises no tab: keys do, one place along the row at a time."""
        self.turn_to(tab)
        if not tab.run("return document.hidden"):
            return
        front = next(handle for handle in self._row if self._in_front(handle))
        steps = self._row.index(tab.handle) - self._row.index(front)
        key = "ctrl+Page_Down" if steps > 0 else "ctrl+Page_Up"
        self.turn_to(tab)
        self._press(*[key] * abs(steps))
        self.await_visible(tab)

    def _in_front(self, handle: str) -> bool:
        return bool(Tab(self, handle).run("return !document.hidden"))

    def _press(self, *keys: str) -> None:
        environ = dict(os.environ) | {"DISPLAY": self._display}
        subprocess.run(["xdotool", "key", *keys], env=environ, check=True)


def _minibrowser() -> str | None:
    for folder in LIBRARIES:
        for found in sorted(Path(folder).glob("**/webkit2gtk-4.*/MiniBrowser")):
            return str(found)
    return None


@contextmanager
def _screen() -> Iterator[str]:
    """A screen in memory; yields the display's name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            with os.fdopen(read) as number:
                yield f":{number.readline().strip()}"
        finally:
            server.terminate()


@contextmanager
def webkit(
    *, hasty: bool = False, forgetful: bool = False, clock: Clock | None = None
) -> Iterator[Browser]:
    """A MiniBrowser for the time of a `with`."""
    program = _minibrowser()
    if not program or not all(map(shutil.which, NEEDED)):
        raise NoBrowser(
            f"MiniBrowser, {', '.join(NEEDED)} are not all here; ./dev test --long brings them"
        )
    if forgetful:
        raise Cannot("WebKitGTK's MiniBrowser has no setting that forbids storage")
    options = WebKitGTKOptions()
    options.binary_location = program
    options.add_argument("--automation")
    options.page_load_strategy = "none" if hasty else "normal"
    with _screen() as display, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environ = dict(clock.environ if clock else os.environ)
        environ |= {"DISPLAY": display, "HOME": home, "XDG_RUNTIME_DIR": home}
        environ |= {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "NO_AT_BRIDGE": "1"}
        service = WebKitGTKService(str(shutil.which("WebKitWebDriver")), env=environ)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Selenium's own
            driver = WebKitGTK(options, service=service)
        try:
            yield WebKit(driver, display)
        finally:
            driver.quit()
