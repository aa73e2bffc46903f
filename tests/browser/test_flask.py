"""Pages by Flask, beside Dwell behind nginx, as the examples have it: their seconds become rows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.browsers import complaints
from tests.support.certificates import certified
from tests.support.house import ROOT
from tests.support.installation import Installation
from tests.support.nginx import EXAMPLES, nginx, replaced
from tests.support.running import answers, environment, free_port, wait_until

pytestmark = pytest.mark.browser

NAMED = ("--host-resolver-rules=MAP shop.example 127.0.0.1", "--ignore-certificate-errors")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    settings = {"trusted_proxies": "127.0.0.1", "publish_seconds": 0.2}
    with Installation(tmp_path / "dwell", settings=settings) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, installation: Installation) -> Iterator[str]:
    """The origin of the pages."""
    port, flask = free_port(), free_port()
    certified(tmp_path, "shop.example")
    here = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "127.0.0.1:5000": f"127.0.0.1:{flask}",
        "127.0.0.1:8000": f"127.0.0.1:{installation.port}",
        "/etc/ssl/certs/": f"{tmp_path}/",
        "/etc/ssl/private/": f"{tmp_path}/",
    }
    with (tmp_path / "flask.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "flask_shop", "run", f"--port={flask}"],
            cwd=ROOT / "docs" / "examples",
            env=environment(tmp_path, port) | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{flask}/"))
        assert process.poll() is None, (tmp_path / "flask.out").read_text()
        servers = replaced((EXAMPLES / "nginx-flask.conf").read_text(), here)
        with nginx(tmp_path, servers, port):
            yield f"https://shop.example:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_the_seconds_of_a_flask_page_become_a_row(
    shop: str, installation: Installation, new_browser: Callable[..., Chrome]
) -> None:
    browser = new_browser(arguments=NAMED)
    browser.get(f"{shop}/")
    wait_until(lambda: browser.execute_script("return performance.now()") > 1_500)
    browser.get(f"{shop}/products/7")
    most = browser.execute_script("return performance.timeOrigin") / 1000

    rows = "select view_name, identity->>'number', visitor_id, engagement_time from pageview order by started_at"
    wait_until(lambda: len(installation.ask(rows)) == 2 and installation.ask(rows)[0][3] >= 1)
    [home, product] = installation.ask(rows)
    assert home[:2] == ("flask_shop.home", None)
    assert product[:2] == ("flask_shop.product", "7")
    assert home[2] == product[2]
    began = "select epoch(min(started_at)) from pageview"
    assert home[3] <= most - installation.ask(began)[0][0] + 1
    cookies = browser.execute_cdp_cmd("Storage.getCookies", {})["cookies"]
    [visitor] = [cookie for cookie in cookies if cookie["name"] == "dwell_visitor"]
    assert (visitor["domain"], visitor["secure"], visitor["httpOnly"]) == (
        "shop.example",
        True,
        True,
    )
    assert [each for each in complaints(browser) if "favicon" not in each] == []
