"""The endpoint of servers: facts of whatever day since 1970, by those who have a key, all of a request or none."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any

from dwell.events.log import NewRecord
from dwell.schemas.refusals import Refusal
from dwell.schemas.stated import ServerFact, read_stated, record_of_stated
from dwell.schemas.wire import FieldError, shown
from dwell.site.collector.body import Receive, admit_length
from dwell.site.collector.endpoint import Collector
from dwell.site.collector.keys import Keys
from dwell.site.collector.problems import COMMON, Answer, answer_to, problem
from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request
from dwell.site.collector.steps import admit_content

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/server/facts"
"""Below the prefix."""


class Servers:
    """Takes what servers state, an ASGI application.

    Nothing of the request says anything about a visitor here, so neither cookies nor origins, `Sec-GPC`
    and `DNT` matter, and no answer is meant for a page: there are no CORS headers.

    Args:
        keys: each as `NAME:DIGEST`.
        collector: reads bodies, counts, and keeps what is right.
        now: milliseconds since 1970 in UTC.
    """

    def __init__(self, keys: Iterable[str], collector: Collector, now: Callable[[], int]) -> None:
        self._keys = Keys(keys)
        self._collector = collector
        self._now = now

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer 204 once every fact is durable."""
        try:
            answer = await self._answer(scope["method"], self._collector.read(scope), receive)
        except Refused as refused:
            self._collector.note(refused)
            if refused.cause is Cause.DISCONNECTED:
                return
            answer = answer_to(refused)
        headers = [*COMMON, *answer.headers]
        with suppress(OSError):  # The client is gone; what was appended stays.
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, method: str, request: Request, receive: Receive) -> Answer:
        if method != "POST":
            detail = f"the method is {shown(method)}: expected POST"
            raise Refused(Cause.METHOD, detail, headers=((b"allow", b"POST"),))
        self._keys.admit(request)
        admit_content(request)
        admit_length(request)
        body, now = await self._collector.read_body(receive), self._now()
        facts, errors = _read(body, now)
        if errors:
            return self._none_of_them(errors)
        await self._collector.keep([_record(fact, now) for fact in facts])
        return Answer(204)

    def _none_of_them(self, errors: list[FieldError]) -> Answer:
        self._collector.counts.refuse_facts(errors)
        for error in errors:
            self._collector.tell(error.reason)
        return problem(
            errors[0].reason,
            "no fact of this request was kept; what is wrong is in errors",
            errors=errors,
            accepted=0,
        )


def _read(body: bytes, now: int) -> tuple[list[ServerFact], list[FieldError]]:
    try:
        return read_stated(body, now)
    except Refusal as refusal:
        error = FieldError(refusal.pointer, refusal.detail, refusal.reason)
        raise Refused(refusal.reason, refusal.detail, errors=[error]) from None


def _record(fact: ServerFact, now: int) -> NewRecord:
    received_at, value = record_of_stated(fact, now)
    return NewRecord(fact.visitor_id.encode(), value, received_at)
