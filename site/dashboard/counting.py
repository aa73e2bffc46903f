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
        begun = False

        async def counted(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._requests.answered[message["status"]] += 1
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            if scope["type"] == "http" and not begun:
                self._requests.answered[500] += 1  # What answers it stands before this.
            raise
