"""Health of the site: live is who answers, ready is who can make a fact durable now."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.collecting import Answer, Site, collecting, fact


def said(answer: Answer) -> tuple[int, dict[str, object]]:
    """Status and body of an answer that nobody may keep."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.body) < 100
    return answer.status, json.loads(answer.body)


def live(site: Site) -> tuple[int, dict[str, object]]:
    return said(site.ask("GET", "/dwell/health/live"))


def ready(site: Site) -> tuple[int, dict[str, object]]:
    return said(site.ask("GET", "/dwell/health/ready"))


UNREADY = (503, {"ready": False, "reason": "log_unavailable"})


def until(site: Site, expected: tuple[int, dict[str, object]]) -> None:
    """Ask until the answer is the expected one: an answer of the log holds for a second."""
    deadline = time.monotonic() + 20
    while ready(site) != expected:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_site_is_ready_while_its_log_answers_and_live_in_any_case() -> None:
    with collecting(durable_within=0.5) as site:
        assert (live(site), ready(site)) == ((200, {"live": True}), (200, {"ready": True}))
        site.log.fail("the disk is full")
        until(site, UNREADY)
        assert live(site) == (200, {"live": True})
        site.log.resume()
        until(site, (200, {"ready": True}))


def test_a_log_that_hangs_is_waited_for_two_seconds_at_most() -> None:
    with collecting(durable_within=30) as site:
        site.log.stop()
        began = time.monotonic()
        assert ready(site) == UNREADY
        assert time.monotonic() - began < 20
        assert site.waiting == 1
        assert ready(site) == UNREADY
        assert site.waiting == 1, "what is still asked is not asked again"
        site.log.resume()


def test_a_site_that_ends_is_not_ready() -> None:
    with collecting() as site:
        site.dwell.collector.closing = True
        assert ready(site) == (503, {"ready": False, "reason": "closing"})


@pytest.mark.parametrize("question", ["live", "ready"])
def test_both_are_asked_by_get_and_head_alone(question: str) -> None:
    path = f"/dwell/health/{question}"
    with collecting() as site:
        head = site.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        answer = site.ask("POST", path)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert site.ask("GET", f"{path}/").status == 404


def checked(path: Path) -> int:
    """How often the log was asked to prove that a fact could be made durable."""
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("select checked from log").fetchone()
        return int(number)


def test_many_who_ask_cost_the_log_one_write_a_second_and_none_while_facts_come(
    tmp_path: Path,
) -> None:
    with collecting(memory=False, data=tmp_path) as site:
        began = time.monotonic()
        asking = [
            threading.Thread(target=lambda: [ready(site) for _ in range(20)]) for _ in range(4)
        ]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        log = tmp_path / "live/log.sqlite"
        assert 1 <= checked(log) <= time.monotonic() - began + 1

        before = checked(log)
        for seq in range(20):
            assert site.post(fact(seq)).status == 204
            kept = site.dwell.collector.kept_at
            answer = ready(site)
            if time.monotonic() - kept < 1:
                assert (answer, checked(log)) == ((200, {"ready": True}), before)
            before = checked(log)
