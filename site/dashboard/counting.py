"""How many requests were answered, and how."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Requests:
    """What was answered since the process began.

    Attributes:
        answered: requests by the status of the answer.
    """

    def __init__(self) -> None:
        self.answered: Counter[int] = Counter()


class Counted:
    """An application whose answers are counted when they begin."""

    def __init__(self, app: ASGIApp, *, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.answered[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counted)
