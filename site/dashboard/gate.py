"""The gate: nothing behind it is asked by anybody who may not look."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.health import PREFIX, QUESTIONS
from dwell.site.collector.request import Request as Head
from dwell.site.collector.request import RequestReader
from dwell.site.dashboard.access import Access
from dwell.site.dashboard.mounting import here, path_in, root_from, safe_next
from dwell.site.dashboard.origins import admit_origin, comes_by_link
from dwell.site.dashboard.pages import Pages
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.site.dashboard.troubles import Troubles, wants_page

OPEN = ("/login", "/healthy", *(f"{PREFIX}{question}" for question in QUESTIONS))
"""What is answered to everybody; and the assets, which are the same in every Dwell."""
LONGEST_QUERY = 4_096
"""Characters."""


class Gate:
    """Lets requests pass of those who may look."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        requests: RequestReader,
        pages: Pages,
        troubles: Troubles,
    ) -> None:
        self._app = app
        self._access = access
        self._requests = requests
        self._pages = pages
        self._troubles = troubles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with `dwell.user` and `dwell.head` in its scope, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            request = Request(scope)
            try:
                answer = self._stopped(request)
            except Refused as refused:
                answer = self._troubles.answer(request, refused)
            await (answer or self._app)(scope, receive, send)

    def _stopped(self, request: Request) -> Response | None:
        """What is answered in place of what was asked for; `None` if it may be."""
        scope = request.scope
        head = self._requests.read(scope)
        scope["dwell.head"] = head
        user = self._access.user(head, scope.get("client"))
        scope["dwell.user"] = user
        admit_origin(head, request.method)
        if len(scope["query_string"]) > LONGEST_QUERY:
            detail = f"the query has more than {LONGEST_QUERY} characters: expected fewer"
            raise Refused(Cause.TOO_LONG, detail)
        path = path_in(scope)
        if user is not None or path in OPEN or path.startswith("/assets/"):
            return None
        return self._to_sign_in(request, head)

    def _to_sign_in(self, request: Request, head: Head) -> Response:
        if self._access.password is None:
            raise Refused(
                Cause.LOCKED, "the proxy did not say who asks, or is not trusted to say it"
            )
        if request.method != "GET" or not wants_page(request):
            raise Refused(
                Cause.LOCKED, "expected the cookie of a session: POST the password to login"
            )
        if comes_by_link(head):
            return self._pages.render(request, "passage.html")
        after = safe_next(here(request.scope))
        query = f"?next={quote(after, safe='')}" if after else ""
        return RedirectResponse(f"{root_from(request.scope)}/login{query}", 303)
