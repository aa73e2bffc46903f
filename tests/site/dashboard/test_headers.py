"""The headers that every answer has, whatever became of the request."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dwell.headers import DASHBOARD
from dwell.settings import Settings
from dwell.site.dashboard import create_dashboard
from tests.support.dashboards import PAGE, dashboard, sign_in
from tests.support.serving import Client, Reply, client_of


def assert_guarded(reply: Reply) -> None:
    """That the answer has each header, once."""
    for name, value in DASHBOARD.items():
        assert reply.headers.get_all(name) == [value], name
    assert len(reply.headers.get_all("cache-control") or []) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/?since=never", 400),
        ("/panels", 200),
        ("/panels/totals.json", 503),
        ("/panels/nothing.json", 404),
        ("/panels/totals.xml", 404),
        ("/nowhere", 404),
        ("/assets/0123456789abcdef/static/dashboard.css", 200),
        ("/assets/0123456789abcdef/static/nothing.css", 404),
        ("/healthy", 204),
        ("/login", 303),
        ("/logout", 405),
        (f"/?{'x' * 5_000}", 414),
    ],
)
@pytest.mark.parametrize("accept", [{}, PAGE])
def test_every_answer_has_them(
    path: str, status: int, accept: dict[str, str], unlocked: Client
) -> None:
    reply = unlocked.get(path, accept)
    assert reply.status == status
    assert_guarded(reply)
    assert (reply.headers["Cache-Control"] == "no-store") is (status > 200 and "since" not in path)


def test_answers_to_who_may_not_look_have_them(locked: Settings) -> None:
    with dashboard(locked) as client:
        for path in ("/", "/panels", "/login"):
            for accept in ({}, PAGE):
                assert_guarded(client.get(path, accept))
        assert_guarded(sign_in(client))
        assert_guarded(sign_in(client, "wrong"))
        assert_guarded(client.get("/", {"Sec-Fetch-Site": "cross-site"}))
    with dashboard(Settings()) as client:
        assert_guarded(client.get("/", {"Host": "evil.example"}))


def test_the_policy_lets_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = dict(each.split(" ", 1) for each in DASHBOARD["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_of_its_own_is_a_problem_that_tells_nothing(tmp_path: Path) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("a secret")

    app = create_dashboard(Settings(data=tmp_path))
    app.router.routes.append(Route("/broken", broken))
    with client_of(app) as client:
        reply = client.get("/broken")
    assert reply.status == 500
    assert app.state.requests.answered[500] == 1
    assert_guarded(reply)
    assert "secret" not in reply.text
    assert json.loads(reply.text)["type"] == "urn:dwell:problem:failed"
    with client_of(app) as client:
        page = client.get("/broken", PAGE)
    assert page.status == 500
    assert_guarded(page)
    assert "its log says more" in page.text
    assert "To the dashboard" in page.text


def test_a_websocket_is_closed(tmp_path: Path) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/events", "headers": [], "query_string": b""}
    asyncio.run(create_dashboard(Settings(data=tmp_path))(scope, receive, send))
    assert sent == [{"type": "websocket.close"}]
