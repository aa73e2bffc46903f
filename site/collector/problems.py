"""Problem documents, RFC 9457, and the headers that every answer of the collector has."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dwell.headers import SHARED, raw
from dwell.schemas.refusals import Reason
from dwell.schemas.wire import FieldError
from dwell.site.collector.refusals import RETRY_AFTER, STATUS, TITLES, Cause, Refused

Header = tuple[bytes, bytes]

COMMON: tuple[Header, ...] = raw(SHARED | {"cache-control": "no-store"})
"""The headers of every answer."""
COMMON_LINES = b"".join(b"%b: %b\r\n" % header for header in COMMON)
"""The same as they are sent."""
_PROBLEM: Header = (b"content-type", b"application/problem+json")


class Answer(NamedTuple):
    """What goes back to the client, less `COMMON` and the headers for its origin."""

    status: int
    headers: Sequence[Header] = ()
    body: bytes = b""


def problem(
    cause: Cause | Reason,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    headers: Sequence[Header] = (),
    **members: int,
) -> Answer:
    """The answer to a refusal, as a problem document.

    Args:
        errors: what is wrong, field by field; the member `errors` is left out if there is none.
        members: further members of the document.
    """
    document: dict[str, Any] = {
        "type": f"urn:dwell:problem:{cause}",
        "title": TITLES[cause],
        "status": STATUS[cause],
        "detail": detail,
    } | members
    listed = [{"pointer": error.pointer, "detail": error.detail} for error in errors]
    if listed:
        document["errors"] = listed
    body = json.dumps(document).encode()
    length = (b"content-length", b"%d" % len(body))
    return Answer(STATUS[cause], (_PROBLEM, length, *headers), body)


def answer_to(refused: Refused) -> Answer:
    """The answer to a request that is refused as a whole."""
    if STATUS[refused.cause] == 204:
        return Answer(204)
    headers = list(refused.headers)
    if refused.cause in RETRY_AFTER:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER[Cause(refused.cause)]))
    return problem(refused.cause, refused.detail, errors=refused.errors, headers=headers)
