"""Why the dashboard refuses: a closed set of causes, each with its status and title."""

from collections.abc import Mapping
from enum import StrEnum


class Cause(StrEnum):
    """Each way in which a request is not given what it asks for."""

    NOT_FOUND = "not_found"
    METHOD = "method"
    NOT_PROXIED = "not_proxied"
    OTHER_HOST = "other_host"
    OTHER_ORIGIN = "other_origin"
    LOCKED = "locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    TOO_MANY_TRIES = "too_many_tries"
    TOO_LONG = "too_long"
    QUESTION = "question"
    BODY = "body"
    NOTHING_PUBLISHED = "nothing_published"
    UNREADABLE = "unreadable"
    UNANSWERED = "unanswered"
    BUSY = "busy"
    FAILED = "failed"


STATUS = {
    Cause.NOT_FOUND: 404,
    Cause.METHOD: 405,
    Cause.NOT_PROXIED: 403,
    Cause.OTHER_HOST: 421,
    Cause.OTHER_ORIGIN: 403,
    Cause.LOCKED: 401,
    Cause.WRONG_PASSWORD: 401,
    Cause.TOO_MANY_TRIES: 429,
    Cause.TOO_LONG: 414,
    Cause.QUESTION: 400,
    Cause.BODY: 400,
    Cause.NOTHING_PUBLISHED: 503,
    Cause.UNREADABLE: 503,
    Cause.UNANSWERED: 503,
    Cause.BUSY: 503,
    Cause.FAILED: 500,
}

TITLES = {
    Cause.NOT_FOUND: "Nothing is here",
    Cause.METHOD: "Another method is expected here",
    Cause.NOT_PROXIED: "Through a proxy nobody is let in without a password",
    Cause.OTHER_HOST: "The dashboard is not known by this name",
    Cause.OTHER_ORIGIN: "The request comes from another site",
    Cause.LOCKED: "Not signed in",
    Cause.WRONG_PASSWORD: "That is not the password",
    Cause.TOO_MANY_TRIES: "Too many tries",
    Cause.TOO_LONG: "The address is too long",
    Cause.QUESTION: "The question cannot be asked like this",
    Cause.BODY: "The form cannot be read",
    Cause.NOTHING_PUBLISHED: "There is no data yet",
    Cause.UNREADABLE: "The warehouse cannot be read",
    Cause.UNANSWERED: "The warehouse could not answer",
    Cause.BUSY: "Too much is asked at once",
    Cause.FAILED: "The dashboard failed to answer",
}

HEADERS: Mapping[Cause, Mapping[str, str]] = {
    Cause.LOCKED: {"www-authenticate": 'Session realm="dwell"'},
    Cause.WRONG_PASSWORD: {"www-authenticate": 'Session realm="dwell"'},
    Cause.NOTHING_PUBLISHED: {"retry-after": "5"},
    Cause.UNREADABLE: {"retry-after": "5"},
    Cause.UNANSWERED: {"retry-after": "5"},
    Cause.BUSY: {"retry-after": "1"},
}
"""RFC 9110 wants a challenge with every 401; browsers leave one that they do not know to the page."""


class Refused(Exception):
    """A request that is refused, for one cause.

    Attributes:
        detail: what was given and what would be right, for the one who asks.
    """

    def __init__(self, cause: Cause, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.headers = {**HEADERS.get(cause, {}), **(headers or {})}

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUS[self.cause]

    @property
    def title(self) -> str:
        """What happened, the same words for each of its cause."""
        return TITLES[self.cause]
