"""Why a request is refused: a closed set of reasons, each with its status, and the counts."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from dwell.figures.histogram import Histogram
from dwell.schemas.refusals import Reason
from dwell.schemas.wire import FieldError


class Cause(StrEnum):
    """Each way in which a whole request is refused before or after its facts are read.

    What can be wrong with the facts themselves is a `dwell.schemas.refusals.Reason`.
    """

    NOT_FOUND = "not_found"
    METHOD = "method"
    OTHER_ORIGIN = "other_origin"
    RATE = "rate"
    UNKNOWN_KEY = "unknown_key"
    OPTED_OUT = "opted_out"
    CONTENT_TYPE = "content_type"
    CONTENT_ENCODING = "content_encoding"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    DISCONNECTED = "disconnected"
    LOG_FULL = "log_full"
    LOG_UNAVAILABLE = "log_unavailable"
    NO_SPACE = "no_space"


STATUS: dict[Cause | Reason, int] = {
    Cause.NOT_FOUND: 404,
    Cause.METHOD: 405,
    Cause.OTHER_ORIGIN: 403,
    Cause.RATE: 429,
    Cause.UNKNOWN_KEY: 401,
    Cause.OPTED_OUT: 204,
    Cause.CONTENT_TYPE: 415,
    Cause.CONTENT_ENCODING: 415,
    Cause.TOO_LARGE: 413,
    Cause.TOO_SLOW: 408,
    Cause.LOG_FULL: 503,
    Cause.LOG_UNAVAILABLE: 503,
    Cause.NO_SPACE: 503,
    Reason.NOT_JSON: 400,
    Reason.NO_FACTS: 400,
    Reason.TOO_MANY: 413,
    Reason.UNKNOWN_TYPE: 400,
    Reason.UNKNOWN_VERSION: 400,
    Reason.INVALID_FIELD: 400,
}
"""The status of each answer. `DISCONNECTED` has none: nobody is there to read it."""

TITLES: dict[Cause | Reason, str] = {
    Cause.NOT_FOUND: "Nothing is served here",
    Cause.METHOD: "Another method is expected here",
    Cause.OTHER_ORIGIN: "The request comes from an origin that may not send facts",
    Cause.RATE: "Too many requests from this address",
    Cause.UNKNOWN_KEY: "Servers need a key here",
    Cause.CONTENT_TYPE: "The body has a content type that is not read",
    Cause.CONTENT_ENCODING: "The body has a content encoding",
    Cause.TOO_LARGE: "The body is too large",
    Cause.TOO_SLOW: "The body came too slowly",
    Cause.LOG_FULL: "Too many facts wait for the log",
    Cause.LOG_UNAVAILABLE: "The log does not answer",
    Cause.NO_SPACE: "The log has no space left",
    Reason.NOT_JSON: "The body is not JSON",
    Reason.NO_FACTS: "The body holds no facts",
    Reason.TOO_MANY: "The body holds too many facts",
    Reason.UNKNOWN_TYPE: "Some facts were refused",
    Reason.UNKNOWN_VERSION: "Some facts were refused",
    Reason.INVALID_FIELD: "Some facts were refused",
}

RETRY_AFTER = {Cause.LOG_FULL: 1, Cause.LOG_UNAVAILABLE: 5, Cause.NO_SPACE: 60}
"""Seconds after which a client may try again; for `RATE` they depend on the address."""

DURABLE_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Bounds between which it is counted how long facts took to be made durable."""


class Refused(Exception):
    """A request that is refused as a whole, for one cause."""

    def __init__(
        self,
        cause: Cause | Reason,
        detail: str = "",
        *,
        errors: Iterable[FieldError] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers


class Counts:
    """What the collector did since it began.

    Attributes:
        accepted: facts made durable.
        refused: requests refused by `Cause`, and facts or bodies refused by `Reason`.
        durable: how many seconds a request's facts took, of those accepted.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[Cause | Reason] = Counter()
        self.durable = Histogram(DURABLE_SECONDS)

    def refuse_facts(self, errors: Iterable[FieldError]) -> None:
        """Count each refused fact once, by the first thing that is wrong with it."""
        first = {error.pointer.split("/")[2]: error.reason for error in reversed(list(errors))}
        self.refused.update(first.values())
