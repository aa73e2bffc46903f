"""A browser for the tests that need one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from selenium.webdriver import Chrome

from tests.support.axe import prefer
from tests.support.browsers import NoBrowser, open_browser

SCREENS = {"phone": (360, 780), "desktop": (1440, 900)}
CROSSED = {("phone", "dark"), ("desktop", "light")}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Each screen and each scheme is looked at; each screen in each scheme with --long."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if (params.get("screen"), params.get("scheme")) in CROSSED:
        item.add_marker(pytest.mark.long)


def _open(stack: ExitStack, **options: object) -> Chrome:
    try:
        return stack.enter_context(open_browser(**options))  # type: ignore[arg-type]
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def new_browser() -> Iterator[Callable[..., Chrome]]:
    """Opens Chromium with a fresh profile, as often as called; see `open_browser` for the options."""
    with ExitStack() as stack:
        yield lambda **options: _open(stack, **options)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """One Chromium for the tests of a worker."""
    with ExitStack() as stack:
        yield _open(stack)


@pytest.fixture(scope="module")
def browser(chromium: Chrome) -> Chrome:
    """It, as a module finds it: with one tab, which is blank, and without cookies."""
    first, *others = chromium.window_handles
    for handle in others:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(first)
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return chromium


@pytest.fixture(params=SCREENS)
def screen(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[str]:
    """A phone's or a desktop's."""
    width, height = SCREENS[request.param]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", metrics | {"mobile": request.param == "phone"}
    )
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(params=["light", "dark"])
def scheme(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[str]:
    """What the visitor prefers."""
    prefer(browser, "prefers-color-scheme", request.param)
    yield request.param
    prefer(browser, "prefers-color-scheme", "")
