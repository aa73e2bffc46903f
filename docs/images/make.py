"""Draws the pictures of the docs from the running site and dashboard, which looks at simulated visits:
`.venv/bin/python -m docs.images.make` in the project's folder, with the names of some for these alone.
"""

import base64
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome

from dwell.commands.simulate.journeys import Visits
from dwell.commands.simulate.people import DAY
from dwell.settings import Settings
from dwell.site.app import create_app
from dwell.site.dashboard import create_dashboard
from tests.support.browsers import open_browser
from tests.support.facts import Projected
from tests.support.publishing import copy_of
from tests.support.running import wait_until
from tests.support.serving import serving
from tests.support.simulated import stored

HERE = Path(__file__).parent
SHEET = """<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; width: %dpx; height: %dpx; position: relative; background: #cfdcd7 }
  img { position: absolute; border-radius: 14px; box-shadow: 0 12px 32px #0c1f1b40 }
  .desktop { left: 48px; top: 48px } .phone { right: 48px; top: 104px; border-radius: 24px }
</style>"""


def picture(browser: Chrome, width: int, height: int, scheme: str = "light") -> str:
    """What the browser shows on a screen of that size, as PNG in base64."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_script("document.documentElement.style.scrollbarWidth = 'none'")
    data: str = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    return data


def composed(browser: Chrome, desktop: str, phone: str, size: tuple[int, int]) -> bytes:
    """A desktop's picture and a phone's on one sheet of that size, as PNG."""
    images = (
        f'<img class="{name}" src="data:image/png;base64,{image}">'
        for name, image in (("desktop", desktop), ("phone", phone))
    )
    sheet = SHEET % size + "".join(images)
    browser.get(f"data:text/html;base64,{base64.b64encode(sheet.encode()).decode()}")
    return base64.b64decode(picture(browser, *size))


def site(browser: Chrome) -> bytes:
    """The front page on a desktop, and page C on a phone in the dark."""
    with (
        tempfile.TemporaryDirectory() as data,
        serving(create_app(Settings(data=Path(data)))) as origin,
    ):
        browser.get(origin)
        desktop = picture(browser, 860, 704)
        browser.get(f"{origin}/page_c/tab_2")
        phone = picture(browser, 360, 648, "dark")
    return composed(browser, desktop, phone, (1240, 800))


@contextmanager
def dashboard() -> Iterator[str]:
    """Where a dashboard of eight simulated weeks is, for the time of a `with`."""
    now = round(time.time() * 1000)
    visits = Visits(seed=7, visitors=3000, since=now - 56 * DAY, until=now)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with Projected(data / "live" / "warehouse.duckdb") as projected:
            projected.append(stored(visits)).project(40_000)
            copy_of(projected.warehouse, data)
        app = create_dashboard(Settings(data=data))
        with serving(app) as origin:
            yield origin
            app.state.streams.close()


def drawn(browser: Chrome, address: str, size: tuple[int, int], scheme: str = "light") -> str:
    """A page of the dashboard when everything is drawn."""
    picture(browser, *size, scheme)
    browser.get(address)
    ready = "return 'ready' in document.documentElement.dataset"
    wait_until(lambda: bool(browser.execute_script(ready)), 60)
    return picture(browser, *size, scheme)


def board(browser: Chrome) -> bytes:
    """The dashboard on a desktop, and on a phone in the dark."""
    with dashboard() as origin:
        desktop = drawn(browser, origin, (1160, 1240))
        phone = drawn(browser, f"{origin}/?since=7d&measure=visitors", (360, 780), "dark")
    return composed(browser, desktop, phone, (1440, 1336))


def session(browser: Chrome) -> bytes:
    """One session with several pageviews, as a timeline."""
    with dashboard() as origin:
        drawn(browser, origin, (1160, 900))
        longest = browser.execute_script(
            "return [...document.querySelectorAll('#sessions tbody tr')].sort((one, other) => "
            "other.cells[3].dataset.value - one.cells[3].dataset.value)[0].querySelector('a').href"
        )
        return base64.b64decode(drawn(browser, longest, (1160, 880)))


PICTURES = {"site": site, "dashboard": board, "session": session}


def main() -> None:
    """Those that are named, or all."""
    with open_browser() as browser:
        for name in sys.argv[1:] or PICTURES:
            (HERE / f"{name}.png").write_bytes(PICTURES[name](browser))
            browser.get("about:blank")


if __name__ == "__main__":
    main()
