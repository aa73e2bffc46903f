"""The steps of ingestion that need nothing but the request, in the order in which they are taken."""

from collections.abc import Callable, Sequence

from dwell.events.log import NewRecord
from dwell.schemas.facts import MAX_AGENT, PageViewed, VisibilityChanged
from dwell.schemas.plain import PlainFact, Received, read_plain
from dwell.schemas.records import record_of_glimpse
from dwell.schemas.refusals import Refusal
from dwell.schemas.wire import FieldError, Reading, read_facts
from dwell.site.collector.cookies import visitor_in
from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request

Step = Callable[[Request], None]
"""Lets a request pass, or raises `Refused`."""

BrowserFact = PageViewed | VisibilityChanged | PlainFact

_TYPES = ("application/json", "text/plain")
_IDENTITY = ((b"accept-encoding", b"identity"),)
_USUAL_TYPES = frozenset({b"application/json", b"text/plain", b"text/plain;charset=UTF-8"})


def admit_willing(request: Request) -> None:
    """Refuse to keep anything of a visitor who sends `Sec-GPC` or `DNT`."""
    headers = request.headers
    if headers.get(b"sec-gpc", b"")[:1] == b"1" or headers.get(b"dnt", b"")[:1] == b"1":
        raise Refused(Cause.OPTED_OUT)


def admit_content(request: Request) -> None:
    """Refuse what is neither JSON nor text, and what is encoded: nothing here is decompressed."""
    headers = request.headers
    if b"content-encoding" in headers:
        given = headers[b"content-encoding"].decode("latin-1")
        raise Refused(
            Cause.CONTENT_ENCODING,
            f"Content-Encoding is {given!r}: expected none",
            headers=_IDENTITY,
        )
    given_type = headers.get(b"content-type", b"")
    if given_type in _USUAL_TYPES:
        return
    given = given_type.decode("latin-1")
    if given.partition(";")[0].strip().lower() not in _TYPES:
        raise Refused(
            Cause.CONTENT_TYPE, f"Content-Type is {given!r}: expected {' or '.join(_TYPES)}"
        )


def read(body: bytes) -> Reading[BrowserFact]:
    """The facts in the body, and what is wrong with the rest of them.

    Raises:
        Refused: nothing in the body can be read as a list of facts.
    """
    plain = read_plain(body)
    if plain is not None:
        return Reading(plain, [])
    try:
        return Reading(*read_facts(body))
    except Refusal as refusal:
        error = FieldError(refusal.pointer, refusal.detail, refusal.reason)
        raise Refused(refusal.reason, refusal.detail, errors=[error]) from None


def visitor_of(request: Request, facts: Sequence[BrowserFact]) -> str:
    """The visitor of the cookie; of a new one, the session of their first fact, so that several
    first requests at once agree."""
    cookies = request.headers.get(b"cookie")
    return (visitor_in(cookies) if cookies else None) or facts[0].session_id


def agent_of(request: Request) -> str:
    """The `User-Agent`, cut to what is kept; any bytes become valid text without NUL."""
    agent = request.headers.get(b"user-agent", b"")[:MAX_AGENT]
    return agent.decode("latin-1").replace("\x00", "")


def records_of(
    facts: Sequence[BrowserFact], *, visitor: str, agent: str, received_at: int
) -> list[NewRecord]:
    """The facts as records of the log."""
    key = visitor.encode()
    received = Received(visitor, agent, received_at)
    return [
        NewRecord(
            key,
            received.record_of(fact)
            if isinstance(fact, PlainFact)
            else record_of_glimpse(
                fact, visitor_id=visitor, browser_agent=agent, received_at=received_at
            ),
            received_at,
        )
        for fact in facts
    ]
