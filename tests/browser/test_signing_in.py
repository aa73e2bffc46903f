"""Signing in to the dashboard, in a real browser: the form, the cookie, links and forms of others."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.support.dashboards import PASSWORD, password_file
from tests.support.running import wait_until
from tests.support.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that asks for the password."""
    folder = tmp_path_factory.mktemp("dashboard")
    settings = Settings(data=folder / "data", dashboard_password_file=password_file(folder))
    with serving(create_dashboard(settings)) as origin:
        yield origin


@pytest.fixture
def elsewhere(origin: str) -> Iterator[str]:
    """A page of another site, with a link to the dashboard and a form that would sign out."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(
            f'<a href="{origin}/?since=7d">figures</a>'
            f'<form method="post" action="{origin}/logout"><button>prize</button></form>'
        )

    with serving(Starlette(routes=[Route("/", page)])) as other:
        yield other.replace("127.0.0.1", "localhost")


@pytest.fixture
def stranger(browser: Chrome) -> Chrome:
    """A browser that nobody has signed in with."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return browser


@pytest.fixture
def signed_in(stranger: Chrome, origin: str) -> Chrome:
    browser = stranger
    browser.get(f"{origin}/?since=7d")
    browser.find_element(By.NAME, "password").send_keys(PASSWORD, "\n")
    wait_until(lambda: browser.current_url == f"{origin}/?since=7d")
    return browser


def test_a_wrong_password_is_told_and_the_right_one_leads_to_what_was_asked_for(
    stranger: Chrome, origin: str
) -> None:
    browser = stranger
    browser.get(f"{origin}/?since=7d")
    assert browser.current_url == f"{origin}/login?next=%3Fsince%3D7d"
    browser.find_element(By.NAME, "password").send_keys("wrong", "\n")
    wait_until(lambda: "that is not the password" in browser.page_source)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD, "\n")
    wait_until(lambda: browser.current_url == f"{origin}/?since=7d")
    assert browser.find_element(By.CSS_SELECTOR, "form[action='./logout']")
    assert browser.execute_script("return document.cookie") == ""


def test_a_link_of_another_site_leads_to_the_figures_and_its_form_does_nothing(
    signed_in: Chrome, origin: str, elsewhere: str
) -> None:
    browser = signed_in
    browser.get(elsewhere)
    browser.find_element(By.TAG_NAME, "a").click()
    wait_until(lambda: browser.find_elements(By.CSS_SELECTOR, "form[action='./logout']"))
    assert browser.current_url == f"{origin}/?since=7d"

    browser.get(elsewhere)
    browser.find_element(By.TAG_NAME, "button").click()
    wait_until(lambda: "The request comes from another site" in browser.page_source)
    browser.get(origin)
    assert browser.find_elements(By.CSS_SELECTOR, "form[action='./logout']")


def test_signing_out_in_the_browser_asks_for_the_password_again(
    signed_in: Chrome, origin: str
) -> None:
    button = signed_in.find_element(By.CSS_SELECTOR, "form[action='./logout'] button")
    button.click()
    wait_until(lambda: signed_in.current_url == f"{origin}/login")
    signed_in.get(origin)
    assert signed_in.current_url == f"{origin}/login"
