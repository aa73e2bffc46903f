"""The endpoint: from an ASGI request to its answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dwell.errors import LogFull, LogUnavailable
from dwell.events.log import LogWriter, NewRecord
from dwell.schemas.wire import Reading, shown
from dwell.settings import Settings
from dwell.site.collector import clock
from dwell.site.collector.body import SECONDS, Bodies, Receive, admit_length
from dwell.site.collector.cookies import SESSION_ENDED, VisitorCookie
from dwell.site.collector.notices import Notices
from dwell.site.collector.origins import Origins
from dwell.site.collector.problems import PLAIN, Answer, answer_to, problem
from dwell.site.collector.rate import RateLimit
from dwell.site.collector.refusals import Cause, Counts, Refused
from dwell.site.collector.request import Request, RequestReader
from dwell.site.collector.steps import (
    Step,
    admit_content,
    admit_willing,
    agent_of,
    read,
    records_of,
    visitor_of,
)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

METHODS = {
    "/facts": ("POST", "OPTIONS"),
    "/visitor": ("DELETE", "POST", "OPTIONS"),
    "/beacon.js": ("GET", "HEAD"),
}
"""What is served below the mount, and by which methods. The script itself is answered before."""
PREFLIGHT_SECONDS = 7_200
"""How long a browser may remember a preflight: Chromium's own bound."""


class Collector:
    """Takes the facts that browsers post and answers when the log has made them durable.

    Attributes:
        counts: what it accepted and refused, and why.
        closing: set when the process ends: requests that are given up then are answered 503.
    """

    def __init__(
        self,
        settings: Settings,
        log: Callable[[], LogWriter],
        *,
        now: Callable[[], int] = clock.now,
        body_seconds: float = SECONDS,
    ) -> None:
        self.counts = Counts()
        self.closing = False
        self._notices = Notices()
        self._log = log
        self._log_is_away = False
        self._now = now
        self._bodies = Bodies(body_seconds)
        self._requests = RequestReader(settings.trusted_networks)
        self._origins = Origins(settings.allowed_origins)
        self._cookie = VisitorCookie(settings.cookie_samesite)
        self._admission: tuple[Step, ...] = (
            self._origins.admit,
            RateLimit(settings.rate_limit).admit,
            *((admit_willing,) if settings.honour_opt_out else ()),
            admit_content,
            admit_length,
        )

    async def __call__(self, path: str, scope: Any, receive: Receive, send: Send) -> None:
        """Answer the request for `path`, which is relative to the mount."""
        request = self._requests.read(scope)
        try:
            answer = await self._answer(path, scope["method"], request, receive)
        except Refused as refused:
            self.counts.refused[refused.cause] += 1
            self._notices.refused(refused.cause)
            if refused.cause is Cause.DISCONNECTED:
                return
            answer = answer_to(refused)
        headers = [*answer.headers, *self._origins.headers_for(request)]
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})
        except OSError:
            pass  # The client is gone; what was appended stays.

    async def _answer(self, path: str, method: str, request: Request, receive: Receive) -> Answer:
        methods = METHODS.get(path)
        if methods is None:
            raise Refused(Cause.NOT_FOUND, f"the path is {shown(path)}: nothing is served there")
        if method not in methods:
            allow = (b"allow", ", ".join(methods).encode())
            detail = f"the method is {shown(method)}: expected {' or '.join(methods)}"
            raise Refused(Cause.METHOD, detail, headers=(allow,))
        if method == "OPTIONS":
            return self._preflight(request, methods)
        if path == "/visitor":
            return self._end_visitor(request)
        return await self._take_facts(request, receive)

    async def _take_facts(self, request: Request, receive: Receive) -> Answer:
        for step in self._admission:
            step(request)
        try:
            reading = read(await self._bodies.read(receive))
            if not reading.facts:
                return self._settled(reading)
            visitor = visitor_of(request, reading.facts)
            await self._keep(
                records_of(
                    reading.facts,
                    visitor=visitor,
                    agent=agent_of(request),
                    received_at=self._now(),
                )
            )
        except asyncio.CancelledError:
            if not self.closing:
                raise
            raise Refused(Cause.LOG_UNAVAILABLE, "the site is being stopped") from None
        return self._settled(reading, self._cookie.renewed(visitor, request.secure))

    async def _keep(self, records: list[NewRecord]) -> None:
        try:
            await self._log().append(records)
        except LogFull:
            raise Refused(Cause.LOG_FULL, "too many facts wait for the log: try again") from None
        except LogUnavailable as error:
            if not self._log_is_away:
                self._log_is_away = True
                logger.warning("facts are refused with 503: %s", error)
            detail = "the log did not make the facts durable: send them again"
            raise Refused(Cause.LOG_UNAVAILABLE, detail) from None
        if self._log_is_away:
            self._log_is_away = False
            logger.warning("facts are kept again")
        self.counts.accepted += len(records)

    def _settled(self, reading: Reading, *cookie: tuple[bytes, bytes]) -> Answer:
        if not reading.errors:
            return Answer(204, (*PLAIN, *cookie))
        self.counts.refuse_facts(reading.errors)
        for error in reading.errors:
            self._notices.refused(error.reason)
        accepted = len(reading.facts)
        return problem(
            reading.errors[0].reason,
            f"facts kept: {accepted}; what is wrong with the others is in errors",
            errors=reading.errors,
            headers=cookie,
            accepted=accepted,
        )

    def _end_visitor(self, request: Request) -> Answer:
        self._origins.admit(request)
        return Answer(204, (*PLAIN, self._cookie.ended(request.secure), SESSION_ENDED))

    def _preflight(self, request: Request, methods: tuple[str, ...]) -> Answer:
        self._origins.admit(request)
        headers = (*PLAIN, (b"allow", ", ".join(methods).encode()))
        if not self._origins.headers_for(request):
            return Answer(204, headers)
        granted = (
            (b"access-control-allow-methods", methods[0].encode()),
            (b"access-control-allow-headers", b"Content-Type"),
            (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        )
        return Answer(204, headers + granted)
