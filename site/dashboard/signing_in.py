"""Signing in with the password, and out again."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dwell.site.collector.body import Bodies
from dwell.site.collector.refusals import Refused as BodyRefused
from dwell.site.collector.request import Request as Head
from dwell.site.dashboard.access import Access, User
from dwell.site.dashboard.mounting import root_from, safe_next
from dwell.site.dashboard.notices import Notices
from dwell.site.dashboard.pages import Pages
from dwell.site.dashboard.passwords import LONGEST, Password
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.site.dashboard.tries import Tries
from dwell.site.dashboard.troubles import wants_page

WAITING = 8
"""Passwords that may wait to be looked at, one by one: each takes 64 MiB and some 50 ms."""


class SigningIn:
    """The page that asks for the password, and what its forms are sent to."""

    def __init__(self, access: Access, pages: Pages, tries: Tries, notices: Notices) -> None:
        self._access = access
        self._pages = pages
        self._tries = tries
        self._notices = notices
        self._bodies = Bodies()
        self._checker = ThreadPoolExecutor(1, "password")
        self._waiting = 0

    async def ask(self, request: Request) -> Response:
        """The page, unless there is nothing to ask."""
        after = safe_next(request.query_params.get("next", ""))
        if self._access.password is None or User.of(request.scope) is not None:
            return _on_to(request, after)
        return self._pages.render(request, "login.html", next=after, problem=None)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, if the password is right."""
        if self._access.password is None or self._access.sessions is None:
            raise Refused(Cause.NOT_FOUND, "there is no password, so nobody signs in")
        form = await self._form(request)
        after = safe_next(form.get("next", ""))
        head: Head = request.scope["dwell.head"]
        try:
            await self._check(self._access.password, form.get("password", ""), head.address)
        except Refused as refused:
            self._notices.say(refused.cause, f"somebody did not get in: {refused.title.lower()}")
            if not wants_page(request) or refused.cause is Cause.BUSY:
                raise
            return self._pages.render(
                request,
                "login.html",
                refused.status,
                refused.headers,
                next=after,
                problem=refused.detail,
            )
        answer = _on_to(request, after)
        answer.headers["set-cookie"] = self._access.sessions.begun(secure=head.secure)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session in this browser, and what the browser has kept."""
        answer = RedirectResponse(f"{root_from(request.scope)}/login", 303)
        head: Head = request.scope["dwell.head"]
        if self._access.sessions is not None:
            answer.headers["set-cookie"] = self._access.sessions.ended(secure=head.secure)
            answer.headers["clear-site-data"] = '"cache"'
        return answer

    def close(self) -> None:
        """Let go of the thread; what waits is not looked at."""
        self._checker.shutdown(wait=False, cancel_futures=True)

    async def _form(self, request: Request) -> dict[str, str]:
        try:
            body = await self._bodies.read(request.receive)
            return dict(parse_qsl(body.decode(), max_num_fields=8))
        except (BodyRefused, ValueError) as error:
            raise Refused(Cause.BODY, str(error) or "the body ended too early") from None

    async def _check(self, password: Password, given: str, address: str | None) -> None:
        """
        Raises:
            Refused: it is not the password, or too many were tried, or wait.
        """
        if self._waiting >= WAITING:
            raise Refused(Cause.BUSY, "too many passwords wait to be looked at: try again")
        self._tries.take(address)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            fits = await loop.run_in_executor(self._checker, password.fits, given[:LONGEST])
        finally:
            self._waiting -= 1
        if not fits:
            raise Refused(Cause.WRONG_PASSWORD, "that is not the password")
        self._tries.give_back(address)


def _on_to(request: Request, after: str) -> Response:
    return RedirectResponse(f"{root_from(request.scope)}/{after}", 303)
