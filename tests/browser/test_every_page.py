"""Every page that Dwell serves or writes against axe's rules, and that no policy is offended by it."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.support.axe import source, violations
from tests.support.documents import BOARD, LOCKED, SITE, Documents, documents

pytestmark = pytest.mark.browser

NAMES = ("report", *SITE, *BOARD, *(name for name in LOCKED if name != "passage"))
"""All but the passage, which leads on before it can be looked at."""
UNDECIDED = ("color-contrast",)
"""As in dashboard/test_accessibility.py."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documents]:
    with documents(tmp_path_factory.mktemp("pages")) as pages:
        assert set(NAMES) | {"passage"} == set(pages.addresses)
        yield pages


@pytest.mark.parametrize("name", NAMES)
def test_axe_and_the_policy_find_nothing(browser: Chrome, pages: Documents, name: str) -> None:
    console(browser)
    browser.get(pages.addresses[name])
    assert [each for each in console(browser) if "olicy" in each] == []
    assert violations(browser, source(), UNDECIDED) == []


def console(browser: Chrome) -> list[str]:
    """What the browser has said since this was asked."""
    said: list[dict[str, str]] = browser.execute("getLog", {"type": "browser"})["value"]
    return [each["message"] for each in said]
