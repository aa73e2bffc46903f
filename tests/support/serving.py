"""An application behind uvicorn, on a real socket of this process, and a client for it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.support.running import wait_until


@contextmanager
def serving(
    app: ASGIApp, *, proxy_headers: bool = False, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Serve `app` on a free port for the time of a `with`; yields its origin.

    Args:
        proxy_headers: whether uvicorn itself believes proxies on this machine, as it does by default.
        tls: a certificate and its key, for https.
    """
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        port=0,
        log_level="warning",
        ws="none",
        timeout_keep_alive=600,  # a client that other tests shared may have waited long
        timeout_graceful_shutdown=1,
        proxy_headers=proxy_headers,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="serving")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started, "the application did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Reply:
    """What came back; redirects are not followed."""

    status: int
    headers: Message
    content: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


class Client:
    """Asks one origin, over one connection that is kept alive.

    Attributes:
        port: where it is on this machine.
    """

    def __init__(self, origin: str) -> None:
        self._connection = HTTPConnection(origin.removeprefix("http://"), timeout=10)
        self.port = self._connection.port

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """One request."""
        self._connection.request(method, path, body, headers=dict(headers or {}))
        with self._connection.getresponse() as response:
            return Reply(response.status, response.headers, response.read())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET."""
        return self.ask("GET", path, headers)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


@contextmanager
def client_of(app: ASGIApp, *, proxy_headers: bool = False) -> Iterator[Client]:
    """`app` on a socket, and a client for it, for the time of a `with`."""
    with serving(app, proxy_headers=proxy_headers) as origin:
        client = Client(origin)
        try:
            yield client
        finally:
            client.close()
