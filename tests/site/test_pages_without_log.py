"""Pages know nothing of the log: dead, or with nowhere to write, they are the same."""

import os
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from dwell.site.pages import PAGES
from tests.support.collecting import Answer, Site, fact, read_answer, served
from tests.support.running import environment, free_port, running

PATHS = [page.path for page in PAGES] + ["/page_c", "/page_c/tab_b", "/nothing"]


def pages(port: int) -> dict[str, tuple[int, bytes, dict[str, str]]]:
    """All pages: status, content and headers but for the date and page C's choice of a tab."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    found = {}
    for path in PATHS:
        connection.request("GET", path)
        answer: Answer = read_answer(connection.getresponse())
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name != "date" and (path, name) != ("/page_c", "location")
        }
        found[path] = (answer.status, answer.body, headers)
    connection.close()
    return found


def test_pages_set_no_cookie_and_are_the_same_with_the_log_stopped_or_failing() -> None:
    settings = Settings(durable_within=0.2)
    log = MemoryLog()
    dwell = Dwell(settings, log.writer(durable_within=0.2))
    with served(create_app(settings, dwell)) as port:
        site = Site(port, dwell, log)
        before = pages(port)
        assert site.post(fact()).status == 204
        log.stop()
        assert site.post(fact()).status == 503
        stopped = pages(port)
        log.fail("the disk is gone")
        assert site.post(fact()).status == 503
        failing = pages(port)
        log.resume()

    assert before == stopped == failing
    assert {status for status, _, _ in before.values()} >= {200, 404}
    assert not any("set-cookie" in headers for _, _, headers in before.values())


@pytest.mark.parametrize("where", ["read-only", "missing-parent"])
def test_pages_are_the_same_where_the_data_folder_cannot_be_written(
    where: str, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o555)
    data = folder if where == "read-only" else folder / "deeper"
    # Root may write everywhere, unless it gives that up.
    root = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    under = root if os.geteuid() == 0 else ()
    port = free_port()
    with running(
        "site",
        environ=environment(data, port),
        output=tmp_path / "printed",
        url=f"http://127.0.0.1:{port}/",
        under=under,
    ) as process:
        before = pages(port)
        answer = Site(port, Dwell(Settings()), MemoryLog()).post(fact())
        assert answer.status == 503
        assert pages(port) == before
        assert process.stop() == 0
        assert "Traceback" not in process.printed()
    assert list(folder.iterdir()) == []

    healthy = Settings(data=tmp_path)
    with served(create_app(healthy)) as port:
        assert pages(port) == before
