"""A dashboard between which and its browser a test can stand."""

import asyncio
import json
import re

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Held:
    """Passes requests on, but for those of which a test says what becomes of them.

    Attributes:
        waiting: what is not asked yet, as a pattern of path and query.
        answered: what is answered, and not sent yet.
        refused: what is refused, with its status and type of problem.
        unsent: the requests whose answers are held back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.waiting = self.answered = ""
        self.refused: tuple[str, int, str] | None = None
        self.unsent: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = f"{scope['path']}?{scope['query_string'].decode()}"
        while _is_of(self.waiting, asked):
            await asyncio.sleep(0.01)
        if self.refused and _is_of(self.refused[0], asked):
            await _refusal(*self.refused[1:])(scope, receive, send)
            return

        async def later(message: Message) -> None:
            if _is_of(self.answered, asked):
                self.unsent.append(asked)
            while _is_of(self.answered, asked):
                await asyncio.sleep(0.01)
            await send(message)

        await self._app(scope, receive, later)


def _is_of(pattern: str, asked: str) -> bool:
    return bool(pattern) and re.search(pattern, asked) is not None


def _refusal(status: int, cause: str) -> Response:
    problem = {"type": f"urn:dwell:problem:{cause}", "title": "No", "detail": f"it is {cause}"}
    return Response(json.dumps(problem), status, media_type="application/problem+json")
