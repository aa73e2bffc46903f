"""A real Chromium whose visibility is real, with a profile of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

ARGUMENTS = (
    "--headless=new",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-software-rasterizer",
    "--disable-sync",
    "--no-first-run",
)


class NoBrowser(Exception):
    """There is no Chromium with its driver on this machine."""


def as_root() -> tuple[str, ...]:
    """What Chromium's command line needs where root runs it."""
    return ("--no-sandbox",) if os.geteuid() == 0 else ()


def _options(
    profile: str,
    arguments: Sequence[str],
    preferences: Mapping[str, object],
    javascript: bool,
    load: str,
) -> ChromeOptions:
    options = ChromeOptions()
    for argument in (*ARGUMENTS, *as_root(), f"--user-data-dir={profile}", *arguments):
        options.add_argument(argument)
    scripts = {} if javascript else {"profile.managed_default_content_settings.javascript": 2}
    options.add_experimental_option("prefs", {**scripts, **preferences})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.page_load_strategy = load
    return options


def _start(options: ChromeOptions, environ: Mapping[str, str] | None) -> Chrome:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium and driver:
        options.binary_location = chromium
        return Chrome(options=options, service=ChromeService(driver, env=environ))
    try:
        return Chrome(options=options)  # Selenium Manager looks for both.
    except WebDriverException as error:
        raise NoBrowser(
            "chromium and chromedriver are not both on PATH, and Selenium Manager found none: "
            + str(error.msg).partition("\n")[0]
        ) from None


@contextmanager
def open_browser(
    *,
    arguments: Sequence[str] = (),
    preferences: Mapping[str, object] | None = None,
    javascript: bool = True,
    load: str = "normal",
    environ: Mapping[str, str] | None = None,
) -> Iterator[Chrome]:
    """Chromium with a fresh profile for the time of a `with`.

    Args:
        arguments: further ones for its command line.
        preferences: of the profile, as `profile.default_content_setting_values.cookies`.
        load: Selenium's page load strategy; `none` does not wait for slow scripts.
        environ: for its processes, if not this process's own.

    Raises:
        NoBrowser: the message says what is missing.
    """
    profile = tempfile.mkdtemp(prefix="dwell-chromium-")
    try:
        browser = _start(_options(profile, arguments, preferences or {}, javascript, load), environ)
        try:
            yield browser
        finally:
            browser.quit()
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def complaints(browser: Chrome) -> list[str]:
    """What the console holds since the last look: errors, warnings and policy violations."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]
