"""The quick reader: facts as the beacon states them, read by msgspec in a third of pydantic's time.

It takes what is plainly right and leaves everything else, right or wrong, to `dwell.schemas.wire`,
which is the one that decides. What it takes, it reads as that one does; a test holds it to this.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType
from msgspec.json import Decoder, Encoder

from dwell.schemas.facts import (
    MAX_AGENT,
    MAX_ENGAGEMENT_LEAD_MS,
    MAX_IDENTITY_BYTES,
    MAX_MS,
    MAX_REFERRER,
    MAX_SEQ,
    MAX_VIEW,
    PageViewed,
    VisibilityChanged,
)
from dwell.schemas.records import envelope_of, rfc3339
from dwell.schemas.wire import MAX_FACTS

_HEX = "[0-9a-f]"
_UUID7 = rf"\A{_HEX}{{8}}-{_HEX}{{4}}-7{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}\Z"

Uuid7 = Annotated[str, Meta(pattern=_UUID7)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_MS)]

_PLAIN_VALUES = frozenset({str, bool, type(None)})
_NOT_PLAIN = (b"\\u0000", b"\\ud", b"\\uD")
"""NUL and halves of surrogate pairs, as they can stand in JSON."""


class PlainFact(Struct, gc=False, kw_only=True):
    """A fact as a browser states it, and later as it is received; the fields in the order of a record.

    What is unset is not written.
    """

    pageview_id: Uuid7
    seq: Seq
    session_id: Uuid7
    view: Annotated[str, Meta(min_length=1, max_length=MAX_VIEW)]
    identity: dict[str, Any] = {}
    previous_pageview_id: Uuid7 | None = None
    previous_seq: Seq | None = None
    referrer: Annotated[str, Meta(max_length=MAX_REFERRER)] = ""
    visibility: Literal["visible", "hidden"]
    engagement_ms: Milliseconds
    age_ms: Milliseconds
    delay_ms: Milliseconds
    type: Literal["page.viewed", "page.visibility_changed"] | UnsetType = UNSET
    version: Annotated[int, Meta(ge=1, le=1)] | UnsetType = UNSET
    visitor_id: str = ""
    browser_agent: str = ""
    received_at: int = 0

    @property
    def event(self) -> str:
        """The kind of fact."""
        return VisibilityChanged.event if self.seq else PageViewed.event


class _Body(Struct, gc=False):
    facts: Annotated[list[PlainFact], Meta(min_length=1, max_length=MAX_FACTS)]


_DECODER = Decoder(_Body)
_ENCODER = Encoder()
_VIEWED, _CHANGED = (envelope_of(kind.event, 1) for kind in (PageViewed, VisibilityChanged))


def read_plain(body: bytes) -> list[PlainFact] | None:
    """The facts in `{"facts": [...]}` if all of them are plainly right, else `None`."""
    try:
        body.decode()  # msgspec does not look at the bytes of what it passes over
        facts = _DECODER.decode(body).facts
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if b"\\u" in body and any(each in body for each in _NOT_PLAIN):
        return None
    small = len(body) <= MAX_IDENTITY_BYTES
    for fact in facts:
        if not _is_plain(fact, small):
            return None
    return facts


def _is_plain(fact: PlainFact, small: bool) -> bool:
    for value in fact.identity.values():  # a generator would take as long as the rest of this
        if type(value) not in _PLAIN_VALUES:
            return False
    return (
        fact.engagement_ms <= fact.age_ms + MAX_ENGAGEMENT_LEAD_MS
        and (fact.type is UNSET or fact.type == fact.event)
        and (small or len(_ENCODER.encode(fact.identity)) <= MAX_IDENTITY_BYTES)
    )


def record_of_plain(
    fact: PlainFact, visitor_id: str, browser_agent: str, received_at: int
) -> bytes:
    """The value of the log record for a plain fact, which becomes the received one.

    Args:
        visitor_id: lower-case UUID.
        browser_agent: the `User-Agent` header, of any length.
        received_at: milliseconds since 1970 in UTC.
    """
    fact.type = fact.version = UNSET
    fact.visitor_id = visitor_id
    fact.browser_agent = browser_agent[:MAX_AGENT]
    fact.received_at = received_at
    pageview = fact.pageview_id.encode()
    return (_CHANGED if fact.seq else _VIEWED) % (
        b"%b:%d" % (pageview, fact.seq),
        rfc3339(received_at - fact.delay_ms).encode(),
        pageview,
        _ENCODER.encode(fact),
    )
