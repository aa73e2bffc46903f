"""The operators' port: who has asked keeps nobody else from asking."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dwell.figures.port import MOST, operators_port
from dwell.settings import Settings
from tests.support.running import free_port, wait_until

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_connections_that_were_kept_keep_nobody_out(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, site_figures_port=free_port())
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("well"))])
    async with operators_port(settings, "site_figures_port", lambda: app):
        await asyncio.to_thread(asked_beside_idle_ones, settings.site_figures_port)


def asked_beside_idle_ones(port: int) -> None:
    with ExitStack() as kept:
        for _ in range(MOST):
            one = kept.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            one.sendall(REQUEST)
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: answered(port))


def answered(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
