"""A browser that no debugger is attached to, so that its tabs can be discarded."""

import json
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Protocol

from tests.support.browsers import ARGUMENTS, NoBrowser, as_root
from tests.support.engines.browser import Browser
from tests.support.running import wait_until

EXTENSION = Path(__file__).parent / "extension"


class Hand(Protocol):
    """Does to one tab what a person and their browser do."""

    def open(self, url: str) -> None:
        """A tab in front; returns when it is loaded."""

    def hide(self) -> None:
        """Put a blank tab in front of it."""

    def discard(self) -> None:
        """Take its page from memory."""

    def show(self) -> None:
        """Bring it to the front; returns when it is loaded."""

    def close(self) -> None:
        """Close it."""


class Driven:
    """A hand in a browser whose driver is no debugger."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._tab = browser.new_tab()
        self._url = ""

    def open(self, url: str) -> None:
        self._url = url
        self._tab.go(url)

    def hide(self) -> None:
        self._tab.hide()

    def discard(self) -> None:
        self._browser.discard(self._url)

    def show(self) -> None:
        self._tab.show()
        wait_until(lambda: self._tab.run("return document.readyState") == "complete")

    def close(self) -> None:
        self._tab.close()


class _Orders(HTTPServer):
    """Where the extension asks what to do, and says how the last thing went."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.given: queue.Queue[tuple[str, str]] = queue.Queue()
        self.said: queue.Queue[str] = queue.Queue()


class _Asked(BaseHTTPRequestHandler):
    server: _Orders

    def do_POST(self) -> None:
        self.server.said.put(self.rfile.read(int(self.headers["content-length"] or 0)).decode())
        body = json.dumps(self.server.given.get()).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nobody reads it."""


class ByExtension:
    """A hand in a Chromium that an extension of ours drives."""

    def __init__(self, orders: _Orders) -> None:
        self._orders = orders
        self._await()

    def _await(self) -> None:
        said = self._orders.said.get(timeout=20)
        assert not said, said

    def _do(self, name: str, value: str = "") -> None:
        self._orders.given.put((name, value))
        self._await()

    def open(self, url: str) -> None:
        self._do("open", url)

    def hide(self) -> None:
        self._do("hide")

    def discard(self) -> None:
        self._do("discard")

    def show(self) -> None:
        self._do("show")

    def close(self) -> None:
        self._do("close")


@contextmanager
def _chromium() -> Iterator[Hand]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise NoBrowser("chromium is not on PATH")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _Orders() as orders:
        threading.Thread(target=orders.serve_forever, name="orders").start()
        extension = Path(folder) / "extension"
        shutil.copytree(EXTENSION, extension)
        (extension / "test").write_text(f"http://127.0.0.1:{orders.server_port}/")
        own = (f"--user-data-dir={folder}/profile", f"--load-extension={extension}")
        command = [program, *ARGUMENTS, *as_root(), *own, "about:blank"]
        try:
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                try:
                    yield ByExtension(orders)
                finally:
                    process.terminate()
        finally:
            orders.given.put(("", ""))
            orders.shutdown()


@contextmanager
def unattended(engine: str, new_browser: Callable[..., Browser]) -> Iterator[Hand]:
    """A hand for one tab of a fresh browser, for the time of a `with`."""
    if engine == "chromium":
        with _chromium() as hand:
            yield hand
    else:
        yield Driven(new_browser())
