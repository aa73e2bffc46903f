"""Browsers that came by https are told to go on so."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dwell.headers import RAW_HSTS
from dwell.settings import Settings
from dwell.site.collector.request import RequestReader


class Insistent:
    """An application whose every answer to https has `HSTS`. Where no proxy is trusted there is no https,
    and nobody needs this."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._requests = RequestReader(settings.trusted_networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def insist(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], RAW_HSTS]}
            await send(message)

        secure = scope["type"] == "http" and self._requests.read(scope).secure
        await self._app(scope, receive, insist if secure else send)
