"""Dwell as an ASGI application: the collector and the beacon's script, to be mounted anywhere."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.errors import LogUnavailable
from dwell.events.log import LogWriter
from dwell.events.opening import open_writer
from dwell.headers import DATA
from dwell.health import QUESTIONS, Health
from dwell.settings import Settings
from dwell.site.answer import Answer
from dwell.site.beacon.script import TYPES, Script
from dwell.site.collector import Collector, clock
from dwell.site.collector.body import SECONDS
from dwell.site.collector.keys import keys_of
from dwell.site.collector.servers import PATH, Servers
from dwell.site.readiness import Readiness

CLOSE_SECONDS = 1
"""How long the log may take to end with the application: the requests in flight had their time before."""

_TYPES = "/beacon.d.ts"
"""The types of the beacon's API, for those who write pages in TypeScript."""

_FILE = re.compile(rf"/beacon(\.[0-9a-f]+)?\.js|{re.escape(_TYPES)}")
"""The types, and the script under its stable name and under any hashed one: pages may be older than
this site."""


class Dwell:
    """The collector and the beacon's script as one ASGI application.

        dwell = Dwell(Settings.read())
        dwell.mount(app)

    A page then needs `<script src="{dwell.script_url}" async></script>` in its head, and nothing
    else of it knows of Dwell.

    Attributes:
        collector: with `counts` of what it accepted and refused.
        health: whether it lives, and whether a fact can be made durable now.
    """

    def __init__(
        self,
        settings: Settings,
        log: LogWriter | None = None,
        *,
        now: Callable[[], int] = clock.now,
        body_seconds: float = SECONDS,
    ) -> None:
        """
        Args:
            log: defaults to the log that the settings name. It is opened by the first fact.
                One that is given is closed with the application and never replaced.
            now: what dates the facts, milliseconds since 1970 in UTC.
            body_seconds: how long the body of a request may take.

        Raises:
            SettingInvalid: a file that the settings name for Kafka or for keys cannot be used.
        """
        self.settings = settings
        self.collector = Collector(settings, self._opened_log, now=now, body_seconds=body_seconds)
        keys = keys_of(settings)
        self._servers = Servers(keys, self.collector, now) if keys else None
        self.health = Health(Readiness(self.collector, self._opened_log))
        self._log_is_own = log is None
        self._log: LogWriter | None = open_writer(settings) if log is None else log

    @cached_property
    def script(self) -> Script:
        """The beacon's script, minified once."""
        return Script(self.settings)

    @property
    def script_url(self) -> str:
        """Where the script is, under a name that changes with its content."""
        return f"{self.settings.prefix}/{self.script.name}"

    @property
    def script_integrity(self) -> str:
        """The value of `integrity` with which a page takes this very script and no other."""
        return self.script.integrity

    @cached_property
    def types(self) -> Answer:
        """The types of what the script offers to pages."""
        headers = DATA | {"cache-control": "public, max-age=300"}
        return Answer(TYPES.read_bytes(), "text/plain; charset=utf-8", headers)

    def mount(self, app: Starlette) -> None:
        """Serve under the prefix of `app`, Starlette's or FastAPI's, and close the log with it.

        It goes to the end of the table of routes, so that no page waits for it; call this before
        a route that catches every path.
        """
        app.mount(self.settings.prefix, self, name="dwell")
        outer = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(of: Any) -> AsyncIterator[Any]:
            async with outer(of) as state:
                try:
                    yield state
                finally:
                    await self.close()

        app.router.lifespan_context = lifespan

    async def close(self) -> None:
        """Make durable what waits and let go of the log; a later fact opens it again.

        A log that was given to the constructor is not opened again, and no other one in its place:
        from then on facts are answered 503.

        A log that does not answer is left after a few seconds: nobody was told that what still
        waits for it is kept.
        """
        log, self._log = self._log, None
        if log is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await log.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request below the mount; alone in a server, its lifespan too."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _below_mount(scope)
        if path != "/facts":
            file = self._file(path)
            if file is not None and scope["method"] in ("GET", "HEAD"):
                await file(scope, receive, send)
                return
            if file is not None and path not in QUESTIONS:
                path = "/beacon.js"
            if path == PATH and self._servers is not None:
                await self._servers(scope, receive, send)
                return
        await self.collector(path, scope, receive, send)

    def _file(self, path: str) -> ASGIApp | None:
        """What is answered by GET and HEAD alone."""
        if path in QUESTIONS:
            return self.health
        if not _FILE.fullmatch(path):
            return None
        return self.types if path == _TYPES else self.script

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    @property
    def waiting_bytes(self) -> int:
        """Bytes of facts that wait for the log or are under way to it."""
        return 0 if self._log is None else self._log.waiting_bytes

    def _opened_log(self) -> LogWriter:
        if self._log is None:
            if not self._log_is_own:
                raise LogUnavailable("the log that Dwell was given is closed")
            self._log = open_writer(self.settings)
        return self._log


def _below_mount(scope: Scope) -> str:
    """The path below the mount; some frameworks leave the mount in `path`, some take it out."""
    root, path = scope.get("root_path", ""), scope["path"]
    found = below(root, path)
    if found != path:
        return found
    # A proxy has taken out what the application's own root is, and not what it is mounted at.
    return below(root.removeprefix(scope.get("app_root_path", "")), path)


def below(root: str, path: str) -> str:
    """What of a path is below a root; all of it, if the root was taken out of it already."""
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
