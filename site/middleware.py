"""Dwell as a middleware: one line, and an ASGI application serves beacon and collector beside its pages."""

from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.settings import Settings
from dwell.site.dwell import Dwell, below
from dwell.site.tags import Tags

ENDED = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class DwellMiddleware:
    """Serves what lies below the prefix, and passes everything else on as it is.

        app.add_middleware(DwellMiddleware)

    It neither reads nor changes what the application answers: a page asks for its tags itself, from
    `request.scope["dwell"]` or in a template by `tags_in`.

    Args:
        app: the application, Starlette's, FastAPI's or any other of ASGI.
        settings: by default those of the environment.
        dwell: in the place of one that is made from the settings.

    Raises:
        SettingInvalid: as `Settings.read` and `Dwell` do.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings | None = None, dwell: Dwell | None = None
    ) -> None:
        self.app = app
        self.dwell = dwell or Dwell(settings or Settings.read())
        self._prefix = self.dwell.settings.prefix
        self._below = f"{self._prefix}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, pass on, or close the log with the application."""
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            path = below(root, scope["path"])
            if path.startswith(self._below):
                there = {"root_path": root + self._prefix, "path": root + path}
                await self.dwell({**scope, **there}, receive, send)
                return
            scope["dwell"] = Tags(scope, root, self.dwell)
        elif scope["type"] == "lifespan":
            send = self._closing(send)
        await self.app(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        """Close the log when the application has ended, before the server hears of it."""

        async def closing(message: MutableMapping[str, Any]) -> None:
            if message["type"] in ENDED:
                await self.dwell.close()
            await send(message)

        return closing
