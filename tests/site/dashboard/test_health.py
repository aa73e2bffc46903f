"""Health of the dashboard: live is who answers, ready is who can show something."""

import json

from dwell.settings import Settings
from tests.support.dashboards import dashboard
from tests.support.publishing import publish
from tests.support.serving import Client


def asked(client: Client, question: str) -> tuple[int, dict[str, object]]:
    reply = client.get(f"/dwell/health/{question}")
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status, json.loads(reply.content)


def test_a_dashboard_is_live_before_anything_is_published_and_not_ready(unlocked: Client) -> None:
    assert asked(unlocked, "live") == (200, {"live": True})
    assert asked(unlocked, "ready") == (503, {"ready": False, "reason": "nothing_published"})


def test_who_may_not_look_may_ask_for_health_all_the_same(locked: Settings) -> None:
    with dashboard(locked) as client:
        assert asked(client, "live") == (200, {"live": True})
        publish(locked.data, [1.0])
        assert asked(client, "ready") == (200, {"ready": True})
        assert client.get("/panels/totals.json").status == 401


def test_a_file_that_cannot_be_read_is_not_ready(locked: Settings) -> None:
    locked.data.mkdir()
    locked.published.write_bytes(b"These are my notes. " * 1000)
    with dashboard(locked) as client:
        assert asked(client, "ready") == (503, {"ready": False, "reason": "unreadable"})
