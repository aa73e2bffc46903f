"""The facts, as the browser and the operator state them."""

import math
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticSerializationError, to_json

MAX_SEQ = 1_000_000
MAX_MS = 34_560_000_000
"""400 days in milliseconds, the longest that any duration in a fact of a browser may be."""
MAX_DELAY_MS = 3_153_600_000_000
"""36,500 days in milliseconds, the longest delay of a fact that is received: a server may tell of the
past."""
MAX_ENGAGEMENT_LEAD_MS = 1_000
"""How far `engagement_ms` may exceed `age_ms`, to leave room for two roundings of one clock."""
MAX_IDENTITY_BYTES = 2_048
MAX_IDENTITY_DEPTH = 32
MAX_VIEW = 200
MAX_REFERRER = 2_048
MAX_RECEIVED_AT = 253_402_300_799_999
"""The last millisecond of the year 9999, since 1970 in UTC."""
MAX_AGENT = 512
"""Characters of a `User-Agent` that are kept; what is longer is cut."""

_HEX = "[0-9a-fA-F]"
UUID_PATTERN = rf"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$"
UUID7_PATTERN = rf"^{_HEX}{{8}}-{_HEX}{{4}}-7{_HEX}{{3}}-[89abAB]{_HEX}{{3}}-{_HEX}{{12}}$"
NO_NUL = r"^[^\x00]*$"

Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN, to_lower=True)]
Uuid7 = Annotated[str, StringConstraints(pattern=UUID7_PATTERN, to_lower=True)]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_MS)]
Visibility = Literal["visible", "hidden"]
Version = Annotated[int, Field(ge=1, le=1, description="The version of this kind of fact.")]
"""Not `Literal[1]`, which takes `true` and `1.0` for 1."""


def _refuse(expected: str) -> PydanticCustomError:
    return PydanticCustomError("identity", "{expected}", {"expected": expected})


def _inspect(value: Any, depth: int) -> None:
    """Refuse what a JSON reader downstream would misread: RFC 8259 leaves each of these open."""
    match value:
        case str():
            if "\x00" in value:
                raise _refuse("no NUL character in it")
        case bool() | None:
            pass
        case int():
            if not -(2**63) <= value < 2**64:
                raise _refuse("integers of at most 64 bits in it")
        case float():
            if not math.isfinite(value):
                raise _refuse("only finite numbers in it")
        case dict() | list():
            if depth > MAX_IDENTITY_DEPTH:
                raise _refuse(f"nesting of at most {MAX_IDENTITY_DEPTH} levels")
            if isinstance(value, dict):
                for name in value:
                    _inspect(name, depth)
                value = value.values()
            for item in value:
                _inspect(item, depth + 1)


def _check_identity(identity: dict[str, Any]) -> dict[str, Any]:
    _inspect(identity, 1)
    try:
        size = len(to_json(identity))
    except PydanticSerializationError:
        raise _refuse("no lone surrogate in it") from None
    if size > MAX_IDENTITY_BYTES:
        raise _refuse(f"at most {MAX_IDENTITY_BYTES} bytes as compact JSON; these are {size}")
    return identity


Identity = Annotated[dict[str, Any], AfterValidator(_check_identity)]


class Sight(BaseModel):
    """What every fact of a page says but for its moment: its whole context, so that any one of them
    suffices."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    pageview_id: Uuid7 = Field(
        description="UUIDv7 of the pageview, minted by the browser; any case, stored lower."
    )
    seq: int = Field(
        ge=0,
        le=MAX_SEQ,
        description="Position in this pageview; with pageview_id it identifies the fact.",
    )
    session_id: Uuid7 = Field(description="UUIDv7 of the browser session; any case, stored lower.")
    view: Annotated[str, StringConstraints(min_length=1, max_length=MAX_VIEW, pattern=NO_NUL)] = (
        Field(description="Dotted name of the view, as dwell.site.pages.page_a.PageA.")
    )
    identity: Identity = Field(
        default_factory=dict,
        description="What else identifies the page: path, title, tab, parameters. At most "
        f"{MAX_IDENTITY_BYTES} bytes as compact JSON in UTF-8, nested at most {MAX_IDENTITY_DEPTH} "
        "deep, without NUL, lone surrogates, numbers outside a double and integers beyond 64 bits.",
        json_schema_extra={"default": {}},
    )
    previous_pageview_id: Uuid7 | None = Field(
        default=None,
        description="The pageview before this one in the same tab, or null; any case, stored lower.",
    )
    previous_seq: Annotated[int, Field(ge=0, le=MAX_SEQ)] | None = Field(
        default=None,
        description="The seq of the latest fact that the pageview previous_pageview_id had made when "
        "this one began, or null; without a previous_pageview_id it means nothing.",
    )
    referrer: Annotated[str, StringConstraints(max_length=MAX_REFERRER, pattern=NO_NUL)] = Field(
        default="", description="The referring page, without its query."
    )
    visibility: Visibility = Field(description="Whether the page could be seen at that moment.")
    engagement_ms: Milliseconds = Field(
        description="Milliseconds visible since the pageview began: cumulative, never a delta. "
        f"At most age_ms + {MAX_ENGAGEMENT_LEAD_MS}."
    )
    age_ms: Milliseconds = Field(
        description="Milliseconds from the pageview's start to the fact, on the monotonic clock."
    )

    @model_validator(mode="after")
    def _engaged_within_age(self) -> Self:
        if self.engagement_ms > self.age_ms + MAX_ENGAGEMENT_LEAD_MS:
            most = self.age_ms + MAX_ENGAGEMENT_LEAD_MS
            raise PydanticCustomError(
                "engagement_ms",
                "{expected}",
                {"expected": f"at most age_ms + {MAX_ENGAGEMENT_LEAD_MS}, here {most}"},
            )
        return self


class Glimpse(Sight):
    """What every fact from a browser says."""

    delay_ms: Milliseconds = Field(description="Milliseconds from the fact to its sending.")


def without_default(schema: dict[str, Any]) -> None:
    """A constant has no other value that could need saying."""
    del schema["default"]


class PageViewed(Glimpse):
    """A page came into view for the first time."""

    event: ClassVar[str] = "page.viewed"

    type: Literal["page.viewed"] = Field(
        default="page.viewed",
        description="The kind of fact; left out, seq says it.",
        json_schema_extra=without_default,
    )
    version: Version = 1
    seq: int = Field(ge=0, le=0, description="0: the first fact of its pageview.")


class VisibilityChanged(Glimpse):
    """A page became visible or hidden, or is still visible at a checkpoint."""

    event: ClassVar[str] = "page.visibility_changed"

    type: Literal["page.visibility_changed"] = Field(
        default="page.visibility_changed",
        description="The kind of fact; left out, seq says it.",
        json_schema_extra=without_default,
    )
    version: Version = 1
    seq: int = Field(ge=1, le=MAX_SEQ, description="1, 2, …: position in its pageview.")


class VisitorForgotten(BaseModel):
    """A visitor's data is to be erased: all facts received up to `received_at`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    event: ClassVar[str] = "visitor.forgotten"

    visitor_id: Uuid = Field(description="The visitor to be forgotten.")
    received_at: int = Field(
        ge=0,
        le=MAX_RECEIVED_AT,
        description="Milliseconds since 1970 in UTC, the operator's clock.",
    )


BrowserFact = Annotated[PageViewed | VisibilityChanged, Field(discriminator="type")]
"""A fact as a browser may send it. `visitor.forgotten` is an operator's and not among them."""
