"""What a server states: the facts of a browser, with moments instead of delays, read strictly."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dwell.schemas import wire
from dwell.schemas.facts import (
    MAX_AGENT,
    MAX_SEQ,
    NO_NUL,
    Sight,
    Uuid,
    Version,
    without_default,
)
from dwell.schemas.plain import PlainFact, Received
from dwell.schemas.refusals import Reason
from dwell.schemas.wire import MAX_FACTS, FieldError, facts_of, field_error, shown, typed

MAX_AHEAD_MS = 1_000
"""How far ahead of the collector's clock a server's may be."""

_MOMENT = "an integer, milliseconds since 1970 in UTC"
EXPECTED = wire.EXPECTED | {
    "browser_agent": f"a string of at most {MAX_AGENT} characters without NUL",
    "occurred_at": _MOMENT,
}
"""What would be right, for each field that a server may state, and some that it may not."""


class Stated(Sight):
    """What every fact from a server says: nothing of it is taken from the request around it."""

    model_config = ConfigDict(extra="forbid")

    visitor_id: Uuid = Field(description="UUID of the visitor; any case, stored lower.")
    browser_agent: Annotated[str, StringConstraints(max_length=MAX_AGENT, pattern=NO_NUL)] = Field(
        default="", description="The User-Agent of what the visitor looked at the page with."
    )
    occurred_at: int = Field(
        ge=0,
        description="When it happened: milliseconds since 1970 in UTC, on whatever day since; ahead "
        f"of the collector's clock by at most {MAX_AHEAD_MS}.",
    )


class StatedPageViewed(Stated):
    """A page came into view for the first time."""

    type: Literal["page.viewed"] = Field(
        default="page.viewed",
        description="The kind of fact; left out, seq says it.",
        json_schema_extra=without_default,
    )
    version: Version = 1
    seq: int = Field(ge=0, le=0, description="0: the first fact of its pageview.")


class StatedVisibilityChanged(Stated):
    """A page became visible or hidden, or is still visible at a checkpoint."""

    type: Literal["page.visibility_changed"] = Field(
        default="page.visibility_changed",
        description="The kind of fact; left out, seq says it.",
        json_schema_extra=without_default,
    )
    version: Version = 1
    seq: int = Field(ge=1, le=MAX_SEQ, description="1, 2, …: position in its pageview.")


ServerFact = StatedPageViewed | StatedVisibilityChanged
_SERVER_FACT: TypeAdapter[ServerFact] = TypeAdapter(
    Annotated[ServerFact, Field(discriminator="type")]
)


class ServerBody(BaseModel):
    """What a server posts: 1 to 100 facts, all of which are kept, or none."""

    facts: Annotated[
        list[Annotated[ServerFact, Field(discriminator="type")]],
        Field(min_length=1, max_length=MAX_FACTS, description="The facts, each on its own."),
    ]


def read_stated(body: bytes, now: int) -> tuple[list[ServerFact], list[FieldError]]:
    """The facts in `{"facts": [...]}` that are right, and all that is wrong with the others.

    Args:
        now: milliseconds since 1970 in UTC.

    Raises:
        Refusal: nothing in the body can be read as a list of facts, or it holds more than 100
            (reason `TOO_MANY`).
    """
    stated: list[ServerFact] = []
    errors: list[FieldError] = []
    for index, raw in enumerate(facts_of(body)):
        at = f"/facts/{index}"
        try:
            fact = _SERVER_FACT.validate_python(typed(raw))
        except ValidationError as error:
            errors += [_error(found, at, raw) for found in error.errors(include_url=False)]
            continue
        if fact.occurred_at > now + MAX_AHEAD_MS:
            errors.append(_ahead(at, fact.occurred_at, now))
        stated.append(fact)
    return stated, errors


def record_of_stated(fact: ServerFact, now: int) -> tuple[int, bytes]:
    """When the fact was received, and the value of its log record, as that of a browser's fact is.

    It was received `now`, and its delay reaches back to when it happened: no clock but that of who
    states it dates it, and it is erased, archived and replayed by when it came. What is ahead of this
    clock was received when it happened.
    """
    received_at = max(now, fact.occurred_at)
    said = fact.__dict__.copy()
    for name in ("type", "version", "occurred_at", "visitor_id", "browser_agent"):
        del said[name]
    plain = PlainFact(**said, delay_ms=received_at - fact.occurred_at)
    received = Received(fact.visitor_id, fact.browser_agent, received_at)
    return received_at, received.record_of(plain)


def _error(found: ErrorDetails, at: str, raw: Any) -> FieldError:
    if found["type"] != "extra_forbidden":
        return field_error(found, at, raw, EXPECTED)
    name = str(found["loc"][-1])
    instead = "occurred_at" if name in ("delay_ms", "received_at") else "only fields of a fact"
    escaped = name.replace("~", "~0").replace("/", "~1")
    detail = f"{shown(name)} is {shown(raw[name])}: expected none, but {instead}"
    return FieldError(f"{at}/{escaped}", detail, Reason.INVALID_FIELD)


def _ahead(at: str, occurred_at: int, now: int) -> FieldError:
    detail = (
        f"occurred_at is {occurred_at}, {occurred_at - now} ms ahead of the collector's clock: "
        f"expected at most {MAX_AHEAD_MS} ms; do both clocks follow NTP?"
    )
    return FieldError(f"{at}/occurred_at", detail, Reason.INVALID_FIELD)
