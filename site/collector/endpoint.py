"""The endpoint: from an ASGI request to its answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

from dwell.errors import LogError, LogFull, LogUnavailable, NoSpace
from dwell.events.log import LogWriter, NewRecord
from dwell.health import LIVE, READY
from dwell.schemas.refusals import Reason
from dwell.schemas.wire import Reading, shown
from dwell.settings import Settings
from dwell.site.collector import clock
from dwell.site.collector.body import SECONDS, Bodies, Receive, admit_body, admit_length
from dwell.site.collector.cookies import SESSION_ENDED, VisitorCookie
from dwell.site.collector.notices import Notices
from dwell.site.collector.origins import Origins
from dwell.site.collector.problems import COMMON, Answer, Header, answer_to, problem
from dwell.site.collector.rate import RateLimit
from dwell.site.collector.refusals import Cause, Counts, Refused
from dwell.site.collector.request import Request, RequestReader
from dwell.site.collector.steps import (
    BrowserFact,
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
    LIVE: ("GET", "HEAD"),
    READY: ("GET", "HEAD"),
}
"""What is served below the mount, and by which methods. The script and health are answered before."""
PREFLIGHT_SECONDS = 7_200
"""How long a browser may remember a preflight: Chromium's own bound."""


class Taken(NamedTuple):
    """Facts of one request that are on their way into the log.

    Attributes:
        durable: done when they are, or with what the log says instead.
        secure: whether their client speaks https.
        began: when they were handed over, in seconds of `time.monotonic`.
    """

    durable: "asyncio.Future[None]"
    reading: Reading[BrowserFact]
    visitor: str
    secure: bool
    began: float


class Collector:
    """Takes the facts that browsers post and answers when the log has made them durable.

    It is an ASGI application below its mount. A server that has a whole request before it can do
    without tasks and messages: it calls `take`, and `settle` once the facts are durable.

    Attributes:
        counts: what it accepted and refused, and why.
        closing: set when the process ends: requests that are given up then are answered 503.
        kept_at: when facts were made durable last, in seconds of `time.monotonic`.
        requests: reads them.
        waiting: facts that wait to be made durable.
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
        self.kept_at = float("-inf")
        self.waiting = 0
        self._notices = Notices()
        self._log = log
        self._prefix = settings.prefix
        self._log_is_away = False
        self._now = now
        self._bodies = Bodies(body_seconds)
        self.requests = RequestReader(settings.trusted_networks)
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
        request = self.read(scope)
        try:
            answer = await self._answer(path, scope["method"], request, receive)
        except Refused as refused:
            if refused.cause is Cause.DISCONNECTED:
                self.note(refused)
                return
            answer = self._refusal(refused)
        headers = [*COMMON, *self.headers_of(answer, request)]
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})
        except OSError:
            pass  # The client is gone; what was appended stays.

    def read(self, scope: Any) -> Request:
        """The request of an ASGI scope."""
        return self.requests.read(scope)

    def headers_of(self, answer: Answer, request: Request) -> list[Header]:
        """The headers of an answer less `COMMON`, those for its client's origin too."""
        return [*answer.headers, *self._origins.headers_for(request)]

    def take(self, request: Request, body: bytes) -> Taken | Answer:
        """Take the facts of a POST that is here as a whole, or answer it at once."""
        try:
            self._admit(request)
            admit_body(body)
            return self._take(request, body)
        except Refused as refused:
            return self._refusal(refused)

    def settle(self, taken: Taken) -> Answer:
        """The answer for facts of which the log has said what became of them."""
        self.waiting -= len(taken.reading.facts)
        try:
            return self._settle(taken)
        except Refused as refused:
            return self._refusal(refused)

    async def read_body(self, receive: Receive) -> bytes:
        """The body of a request.

        Raises:
            Refused: it is too large, too slow or broken off, or the site is being stopped.
        """
        try:
            return await self._bodies.read(receive)
        except asyncio.CancelledError:
            if not self.closing:
                raise
            raise _stopped() from None

    async def keep(self, records: Sequence[NewRecord]) -> None:
        """Make records durable that no browser posted.

        Raises:
            Refused: the log did not.
        """
        began, durable = monotonic(), self._submitted(records)
        self.waiting += len(records)
        try:
            await durable
        except LogError as error:
            raise self._unkept(error) from None
        except asyncio.CancelledError:
            if not self.closing:
                raise
            raise _stopped() from None
        finally:
            self.waiting -= len(records)
        self._kept(len(records), began)

    def note(self, refused: Refused) -> None:
        """Count a refusal, and tell the operator of it."""
        self.counts.refused[refused.cause] += 1
        self._notices.refused(refused.cause)

    async def _answer(self, path: str, method: str, request: Request, receive: Receive) -> Answer:
        methods = METHODS.get(path)
        if methods is None:
            whole = shown(self._prefix + path)
            raise Refused(Cause.NOT_FOUND, f"the path is {whole}: nothing is served there")
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
        self._admit(request)
        taken = self._take(request, await self.read_body(receive))
        if isinstance(taken, Answer):
            return taken
        try:
            await self._settled(taken)
        except asyncio.CancelledError:
            if not self.closing:
                raise
            raise _stopped() from None
        return self._settle(taken)

    def _admit(self, request: Request) -> None:
        for step in self._admission:
            step(request)

    def _take(self, request: Request, body: bytes) -> Taken | Answer:
        reading = read(body)
        if not reading.facts:
            return self._answer_for(reading)
        visitor = visitor_of(request, reading.facts)
        records = records_of(
            reading.facts, visitor=visitor, agent=agent_of(request), received_at=self._now()
        )
        durable = self._submitted(records)
        self.waiting += len(records)
        return Taken(durable, reading, visitor, request.secure, monotonic())

    def _submitted(self, records: Sequence[NewRecord]) -> "asyncio.Future[None]":
        try:
            return self._log().submit(records)
        except LogError as error:
            raise self._unkept(error) from None

    async def _settled(self, taken: Taken) -> None:
        try:
            with suppress(LogError):
                await taken.durable
        finally:
            self.waiting -= len(taken.reading.facts)

    def _settle(self, taken: Taken) -> Answer:
        if taken.durable.cancelled():
            raise _stopped()
        error = taken.durable.exception()
        if error is not None:
            raise self._unkept(error)
        self._kept(len(taken.reading.facts), taken.began)
        return self._answer_for(taken.reading, self._cookie.renewed(taken.visitor, taken.secure))

    def _kept(self, facts: int, began: float) -> None:
        self.kept_at = monotonic()
        self.counts.durable.observe(self.kept_at - began)
        self.counts.accepted += facts
        if self._log_is_away:
            self._log_is_away = False
            logger.warning("facts are kept again")

    def _unkept(self, error: BaseException) -> Refused:
        """What the client is told of facts that the log did not keep; the operator hears of it once."""
        if isinstance(error, LogFull):
            return Refused(Cause.LOG_FULL, "too many facts wait for the log: try again")
        if not isinstance(error, LogUnavailable):
            raise error
        if not self._log_is_away:
            self._log_is_away = True
            logger.warning("facts are refused with 503: %s", error)
        if isinstance(error, NoSpace):
            return Refused(Cause.NO_SPACE, "the log's disk has no space left: send the facts again")
        detail = "the log did not make the facts durable: send them again"
        return Refused(Cause.LOG_UNAVAILABLE, detail)

    def tell(self, reason: Reason) -> None:
        """Have the operator hear, now and then, that facts are refused for this reason."""
        self._notices.refused(reason)

    def _refusal(self, refused: Refused) -> Answer:
        self.note(refused)
        return answer_to(refused)

    def _answer_for(self, reading: Reading[BrowserFact], *cookie: tuple[bytes, bytes]) -> Answer:
        if not reading.errors:
            return Answer(204, cookie)
        self.counts.refuse_facts(reading.errors)
        for error in reading.errors:
            self.tell(error.reason)
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
        return Answer(204, (self._cookie.ended(request.secure), SESSION_ENDED))

    def _preflight(self, request: Request, methods: tuple[str, ...]) -> Answer:
        self._origins.admit(request)
        headers: tuple[Header, ...] = ((b"allow", ", ".join(methods).encode()),)
        if not self._origins.headers_for(request):
            return Answer(204, headers)
        granted = (
            (b"access-control-allow-methods", methods[0].encode()),
            (b"access-control-allow-headers", b"Content-Type"),
            (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        )
        return Answer(204, headers + granted)


def _stopped() -> Refused:
    return Refused(Cause.LOG_UNAVAILABLE, "the site is being stopped")
