"""The headers that every answer of the dashboard has, errors included."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dwell.headers import DASHBOARD, HSTS

PRIVATE = "private, no-cache"
"""Kept by the browser alone, and asked for again on every use: 304 if nothing is new."""


class Guarded:
    """An application whose every answer has `DASHBOARD`; what says nothing of caches is not stored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(guarding(scope))
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


def guarding(scope: Scope) -> dict[str, str]:
    """The headers for this request. Below a mount, https is the application's around to insist on."""
    head = scope.get("dwell.head")
    if head is None or not head.secure or scope.get("root_path"):
        return DASHBOARD
    return DASHBOARD | {HSTS[0]: HSTS[1]}
