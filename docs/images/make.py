"""Draws site.png from the running site: `.venv/bin/python -m docs.images.make` in the project's folder."""

import base64
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome

from dwell.settings import Settings
from dwell.site.app import create_app
from tests.support.browsers import open_browser
from tests.support.serving import serving

HERE = Path(__file__).parent
SHEET = """<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; width: 1240px; height: 800px; position: relative; background: #cfdcd7 }
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


def main() -> None:
    """The front page on a desktop, and page C on a phone in the dark."""
    with tempfile.TemporaryDirectory() as data, open_browser() as browser:
        with serving(create_app(Settings(data=Path(data)))) as origin:
            browser.get(origin)
            desktop = picture(browser, 860, 704)
            browser.get(f"{origin}/page_c/tab_2")
            phone = picture(browser, 360, 648, "dark")
            browser.get("about:blank")
        images = (
            f'<img class="{name}" src="data:image/png;base64,{image}">'
            for name, image in (("desktop", desktop), ("phone", phone))
        )
        sheet = base64.b64encode((SHEET + "".join(images)).encode()).decode()
        browser.get(f"data:text/html;base64,{sheet}")
        (HERE / "site.png").write_bytes(base64.b64decode(picture(browser, 1240, 800)))


if __name__ == "__main__":
    main()
