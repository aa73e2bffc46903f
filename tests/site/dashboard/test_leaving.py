"""Clients that go away before they are answered."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dwell.settings import Settings
from dwell.site.dashboard import app
from dwell.site.dashboard.asking import THREADS, Asking
from dwell.site.dashboard.leaving import unless_gone
from dwell.warehouse.panels import Answer, Board
from tests.support.publishing import publish
from tests.support.running import wait_until
from tests.support.serving import serving


async def test_who_is_gone_before_the_answer_leaves_none_to_be_sent() -> None:
    left = asyncio.Event()

    async def receive() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def at_once() -> str:
        return "42"

    assert await unless_gone(receive, at_once()) == "42"
    waiting = asyncio.create_task(unless_gone(receive, never()))
    await asyncio.sleep(0)
    left.set()
    assert await waiting is None


@contextmanager
def asked(origin: str, path: str) -> Iterator[socket.socket]:
    """A connection on which a panel is asked for, or several."""
    host, port = origin.removeprefix("http://").split(":")
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        connection.sendall(request.encode())
        yield connection


def test_what_its_asker_left_before_its_turn_came_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, answered, asking = threading.Event(), [], Asking()
    answer = Board.answer

    def answer_later(board: Board, panel: str, *given: Any) -> Answer:
        answered.append(panel)
        assert go.wait(30)
        return answer(board, panel, *given)

    monkeypatch.setattr(Board, "answer", answer_later)
    monkeypatch.setattr(app, "Asking", lambda: asking)
    publish(tmp_path, [1])
    with (
        serving(app.create_dashboard(Settings(data=tmp_path))) as origin,
        asked(origin, "/panels/totals.json?since=2026-03-01") as one,
        asked(origin, "/panels/views.json?since=2026-03-01") as two,
    ):
        wait_until(lambda: len(answered) == THREADS)
        with (
            asked(origin, "/panels/pages.json?since=2026-03-01"),
            asked(origin, "/panels/series.json?since=2026-03-01") as three,
        ):
            wait_until(lambda: len(asking) == THREADS + 2)
            with asked(origin, "/panels.ndjson?panels=devices,systems&since=2026-03-01"):
                wait_until(lambda: len(asking) == THREADS + 4)
            wait_until(lambda: len(asking) == THREADS + 2)
            go.set()
            for connection in (one, two, three):
                assert connection.recv(64).startswith(b"HTTP/1.1 200")
            wait_until(lambda: len(asking) == 0)
    assert sorted(answered) == ["pages", "series", "totals", "views"]
