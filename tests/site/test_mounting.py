"""Dwell in other applications: the examples of the docs, run as they stand, and the lifespan."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from dwell.events.memory import MemoryLog
from dwell.events.opening import open_reader
from dwell.settings import Settings
from dwell.site import Dwell
from tests.support.collecting import fact, served
from tests.support.running import answers, environment, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def dwell(tmp_path: Path) -> Dwell:
    """With a log in a file."""
    return Dwell(Settings(data=tmp_path))


async def kept(settings: Settings) -> list[int]:
    """The `seq` of each fact in the log."""
    reader = open_reader(settings)
    await reader.assign({0: 0})
    batches = await reader.read(100, 0.2)
    await reader.close()
    return [json.loads(value)["data"]["seq"] for batch in batches for value in batch.values]


def post(port: int, path: str = "/dwell/facts", seq: int = 0) -> int:
    """The status that a good fact is answered with."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"facts": [fact(seq)]})
    connection.request("POST", path, body, {"Content-Type": "text/plain"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_root_that_a_proxy_takes_out_of_the_path_is_no_part_of_it() -> None:
    log = MemoryLog()
    app = Starlette()
    Dwell(Settings(), log.writer()).mount(app)

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/api"}, receive, send)

    with served(behind) as port:
        assert post(port) == 204


def get(port: int, path: str) -> str:
    """What stands there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    with connection.getresponse() as response:
        assert response.status == 200
        text = response.read().decode()
    connection.close()
    return text


@pytest.mark.parametrize("example", ["mount_starlette", "mount_fastapi", "middleware_fastapi"])
async def test_the_example_serves_its_page_and_keeps_facts(example: str, tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", f"{example}:app", f"--port={port}"],
            cwd=EXAMPLES,
            env=environment(tmp_path, port) | {"PYTHONDONTWRITEBYTECODE": "1"},
            stderr=printed,
            stdout=printed,
        )
    try:
        wait_until(lambda: process.poll() is None and answers(f"http://127.0.0.1:{port}/"))
        [script] = re.findall(r'<script src="([^"]+)" async>', get(port, "/"))
        assert "fetch" in get(port, script)
        assert post(port) == 204
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    assert process.returncode in (0, -signal.SIGTERM)
    assert await kept(Settings(data=tmp_path)) == [0]
    assert "Traceback" not in (tmp_path / "printed").read_text()


async def test_mounting_keeps_the_lifespan_of_the_application(dwell: Dwell) -> None:
    before = threads_of_the_log()
    lived: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        lived.append("began")
        yield {"word": "hello"}
        lived.append("ended")

    async def word(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.word)

    app = Starlette(routes=[Route("/word", word)], lifespan=lifespan)
    dwell.mount(app)
    with served(app) as port:
        assert get(port, "/word") == "hello"
        assert post(port) == 204
    assert lived == ["began", "ended"]
    assert threads_of_the_log() <= before
    assert await kept(dwell.settings) == [0]


async def test_a_site_that_began_and_ended_can_begin_again(dwell: Dwell) -> None:
    app = Starlette()
    dwell.mount(app)
    for seq in (0, 1):
        with served(app) as port:
            assert post(port, seq=seq) == 204

    assert await kept(dwell.settings) == [0, 1]


def test_a_log_that_was_given_is_not_replaced_once_it_is_closed(tmp_path: Path) -> None:
    log = MemoryLog()
    dwell = Dwell(Settings(data=tmp_path), log.writer())
    app = Starlette()
    dwell.mount(app)
    answered = []
    for seq in (0, 1, 2):
        with served(app) as port:
            answered.append(post(port, seq=seq))

    assert answered == [204, 503, 503]
    assert len(log.records()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_site_without_visitors_never_touches_the_disk(dwell: Dwell) -> None:
    app = Starlette()
    dwell.mount(app)
    with served(app) as port:
        assert "fetch" in get(port, "/dwell/beacon.js")

    assert list(dwell.settings.data.iterdir()) == []


async def test_dwell_is_an_application_of_its_own(dwell: Dwell) -> None:
    before = threads_of_the_log()
    with served(dwell) as port:
        assert post(port, "/facts") == 204
        assert "fetch" in get(port, "/beacon.js")

    assert threads_of_the_log() <= before
    assert await kept(dwell.settings) == [0]


def test_it_works_below_another_mount_and_behind_a_middleware() -> None:
    log = MemoryLog()
    dwell = Dwell(Settings(), log.writer())

    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
            return await call_next(request)

    inner = Starlette(middleware=[Middleware(Passing)])
    dwell.mount(inner)
    outer = Starlette(routes=[Mount("/shop", app=inner)])
    with served(outer) as port:
        assert post(port, "/shop/dwell/facts") == 204
        assert "fetch" in get(port, "/shop/dwell/beacon.js")
    assert len(log.records()) == 1


def test_another_prefix_can_be_chosen(tmp_path: Path) -> None:
    dwell = Dwell(Settings(data=tmp_path, prefix="/deep/seen"))
    app = Starlette()
    dwell.mount(app)
    with served(app) as port:
        assert post(port, "/deep/seen/facts") == 204
        assert get(port, dwell.script_url)


def threads_of_the_log() -> set[threading.Thread]:
    """The log's threads that run now, those that other tests have left included."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("log")}
