"""A broker that is away for a while: the browser keeps the facts and brings them by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from dwell.commands.broker.server import Broker
from tests.support.installation import Installation
from tests.support.running import wait_until

pytestmark = pytest.mark.browser

AWAY_SECONDS = 6.0
ARRIVED_WITHIN = 40.0
"""The browser waits longer from one attempt to the next, and as long as a 503 asks for on top."""
PAGEVIEWS = """
    select json_extract_string(identity, '$.path'), engagement_time
    from pageview order by started_at
"""


@pytest.fixture
def dwell(own_broker: Broker, topic: str, tmp_path: Path) -> Iterator[Installation]:
    settings: dict[str, object] = {"durable_within": 1}
    log = f"kafka://{own_broker.address}/{topic}"
    with Installation(tmp_path / "dwell", log, settings) as installation:
        yield installation


@pytest.mark.long
@pytest.mark.parametrize("away", ["hangs", "is gone"])
def test_facts_wait_in_the_browser_while_the_broker(
    away: str, dwell: Installation, own_broker: Broker, browser: Chrome
) -> None:
    browser.switch_to.new_window("tab")
    browser.get(f"{dwell.origin}/page_a")
    wait_until(lambda: [path for path, _ in dwell.ask(PAGEVIEWS)] == ["/page_a"])
    if away == "hangs":
        own_broker.pause()
    else:
        own_broker.kill()
    looked_from = time.monotonic()
    browser.find_element(By.LINK_TEXT, "Page B").click()
    time.sleep(AWAY_SECONDS)
    waiting = (
        "return Object.keys(localStorage).filter(key => key.startsWith('dwell:'))"
        ".flatMap(key => JSON.parse(localStorage[key])).length"
    )
    assert browser.execute_script(waiting) > 1
    if away == "hangs":
        own_broker.resume()
    else:
        own_broker.start()
    wait_until(lambda: browser.execute_script(waiting) == 0, ARRIVED_WITHIN)
    wait_until(lambda: [path for path, _ in dwell.ask(PAGEVIEWS)] == ["/page_a", "/page_b"])
    (_, seconds_a), (_, seconds_b) = dwell.ask(PAGEVIEWS)
    assert seconds_a > 0, "what was seen up to the click was told when the broker was away"
    assert 0 <= seconds_b < time.monotonic() - looked_from
