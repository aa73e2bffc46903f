"""Chromium's own protocol, beside the driver: for events, which the driver does not hand on."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome
from websocket import WebSocket, create_connection

Event = dict[str, Any]

CATEGORIES = ("devtools.timeline",)


class DevTools:
    """A connection to the browser as a whole."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._calls = 0
        self._waiting: list[Event] = []

    def call(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """What the browser answers, or the page of a session of `attached`.

        Raises:
            RuntimeError: it answers with an error.
        """
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._calls:
                break
            self._waiting.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method} is answered with {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def attached(self, page: str) -> str:
        """A session with a page, whether it is in front or not."""
        answer = self.call("Target.attachToTarget", targetId=page, flatten=True)
        session: str = answer["sessionId"]
        return session

    def events_until(self, name: str) -> Iterator[Event]:
        """The events that have come and will come, the one of that name last."""
        while True:
            event = self._waiting.pop(0) if self._waiting else json.loads(self._socket.recv())
            yield event
            if event["method"] == name:
                return

    @contextmanager
    def tracing(self, categories: Sequence[str] = CATEGORIES) -> Iterator[list[Event]]:
        """The trace of all processes during a `with`; the list is filled when it ends."""
        trace: list[Event] = []
        config = {"includedCategories": list(categories)}
        # Chromium's own service: with the system's it now and then waits 5 or 10 s for nobody.
        self.call("Tracing.start", traceConfig=config, tracingBackend="chrome")
        yield trace
        self.call("Tracing.end")
        for event in self.events_until("Tracing.tracingComplete"):
            if event["method"] == "Tracing.dataCollected":
                trace += event["params"]["value"]


@contextmanager
def devtools_of(browser: Chrome) -> Iterator[DevTools]:
    """A connection of its own to the browser of a driver, for the time of a `with`."""
    address = browser.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urllib.request.urlopen(f"http://{address}/json/version", timeout=10) as answer:
        url = json.load(answer)["webSocketDebuggerUrl"]
    socket = create_connection(url, timeout=60, suppress_origin=True)
    try:
        yield DevTools(socket)
    finally:
        socket.close()
