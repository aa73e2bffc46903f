"""The wire: what a browser posts, read fact by fact."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from dwell.schemas.facts import (
    MAX_IDENTITY_BYTES,
    MAX_MS,
    MAX_REFERRER,
    MAX_SEQ,
    MAX_VIEW,
    BrowserFact,
    PageViewed,
    VisibilityChanged,
)
from dwell.schemas.refusals import Reason, Refusal

MAX_FACTS = 100
"""Facts in one request."""
MAX_READ_DEPTH = 100
"""Levels of a body that are read at all: far more than any good fact has."""
MAX_READ_DIGITS = 100
"""Digits of an integer that are read at all: far more than any good one has."""

_BROWSER_FACT: TypeAdapter[PageViewed | VisibilityChanged] = TypeAdapter(BrowserFact)
_TYPES = f"{PageViewed.event} or {VisibilityChanged.event}"
_UUID7 = "a version 7 UUID, as 0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_MILLISECONDS = f"an integer from 0 to {MAX_MS}"

Fact = TypeVar("Fact")

EXPECTED = {
    "type": _TYPES,
    "version": "1",
    "pageview_id": _UUID7,
    "seq": f"0 for {PageViewed.event}, an integer from 1 to {MAX_SEQ} else",
    "session_id": _UUID7,
    "view": f"a string of 1 to {MAX_VIEW} characters without NUL",
    "identity": f"a JSON object of at most {MAX_IDENTITY_BYTES} bytes",
    "previous_pageview_id": f"{_UUID7}, or null",
    "previous_seq": f"an integer from 0 to {MAX_SEQ}, or null",
    "referrer": f"a string of at most {MAX_REFERRER} characters without NUL",
    "visibility": "visible or hidden",
    "engagement_ms": _MILLISECONDS,
    "age_ms": _MILLISECONDS,
    "delay_ms": _MILLISECONDS,
    "visitor_id": "a UUID, as 0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01",
    "browser_agent": "a string",
    "received_at": "an integer, milliseconds since 1970",
}
"""What would be right, for each field of a fact."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request: where (RFC 6901) and what would be right."""

    pointer: str
    detail: str
    reason: Reason


class Reading(NamedTuple, Generic[Fact]):
    """The facts of one request that can be kept, in their order, and what is wrong with the rest."""

    facts: Sequence[Fact]
    errors: list[FieldError]


class Body(BaseModel):
    """What a client posts: 1 to 100 facts. An integer is written without fraction and exponent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    facts: Annotated[
        list[BrowserFact],
        Field(min_length=1, max_length=MAX_FACTS, description="The facts, each on its own."),
    ]


def read_facts(body: bytes) -> Reading[PageViewed | VisibilityChanged]:
    """Read `{"facts": [...]}`; a fact that is refused takes no other with it.

    Raises:
        Refusal: nothing in the body can be read as a list of facts, or it holds more than 100
            (reason `TOO_MANY`).
    """
    facts = facts_of(body)
    accepted: list[PageViewed | VisibilityChanged] = []
    errors: list[FieldError] = []
    validate = _BROWSER_FACT.validate_python
    for index, raw in enumerate(facts):
        try:
            accepted.append(validate(typed(raw)))
        except ValidationError as error:
            errors += [
                field_error(found, f"/facts/{index}", raw)
                for found in error.errors(include_url=False)
            ]
    return Reading(accepted, errors)


def typed(raw: Any) -> Any:
    """A fact that does not say its type has the one that its `seq` has: 0 is the page's first view."""
    if isinstance(raw, dict) and "type" not in raw:
        kind = PageViewed if raw.get("seq") == 0 else VisibilityChanged
        return raw | {"type": kind.event}
    return raw


def _load(body: bytes) -> Any:
    """The JSON in `body`.

    What only the lenient reader takes (NaN, endless digits and nesting) is refused later, with the
    fact it stands in, instead of the whole request here. Half of a surrogate pair, which is what
    cutting a text in JavaScript can leave, becomes U+FFFD, as it does wherever a browser encodes it.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        return _paired(json.loads(_shallow(body.decode()), parse_int=_integer))
    except ValueError as error:
        raise Refusal(Reason.NOT_JSON, f"the body is not JSON: {error}") from None


def _paired(document: Any) -> Any:
    """`document` with U+FFFD in the place of each half of a surrogate pair."""
    text = json.dumps(document, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _integer(digits: str) -> int:
    """What is cut stays as far beyond every bound as it was, and Python reads it quickly."""
    return int(digits[:MAX_READ_DIGITS])


def _shallow(text: str) -> str:
    """JSON without what stands in it deeper than `MAX_READ_DEPTH`, which no reader has to read."""
    kept: list[str] = []
    depth = begin = 0
    for found in _PIECE.finditer(text):
        if found[0] in ("{", "["):
            depth += 1
            if depth == MAX_READ_DEPTH + 1:
                kept.append(text[begin : found.end()])
        elif found[0] in ("}", "]"):
            if depth == MAX_READ_DEPTH + 1:
                begin = found.start()
            depth -= 1
    if depth <= MAX_READ_DEPTH:
        kept.append(text[begin:])
    return "".join(kept)


def facts_of(body: bytes) -> list[Any]:
    """What stands in the list of a body, good or not.

    Raises:
        Refusal: there is no such list, or more than 100 facts in it.
    """
    document = _load(body)
    facts = document.get("facts") if isinstance(document, dict) else None
    if not isinstance(facts, list) or not facts:
        raise Refusal(
            Reason.NO_FACTS,
            f'the body is {shown(document)}: expected {{"facts": [...]}} with 1 to {MAX_FACTS} facts',
            pointer="/facts" if isinstance(document, dict) else "",
        )
    if len(facts) > MAX_FACTS:
        raise Refusal(
            Reason.TOO_MANY,
            f"the body holds {len(facts)} facts: expected at most {MAX_FACTS}",
            pointer="/facts",
        )
    return facts


def field_error(
    found: ErrorDetails, at: str, raw: Any, right: Mapping[str, str] = EXPECTED
) -> FieldError:
    """What pydantic found in the fact `raw`, said with the field, its value and what would be right.

    Args:
        right: what would be right, for each field that the fact can have.
    """
    kind = found["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        problem = f"type is {shown(raw['type'])}" if "type" in raw else "type is missing"
        return FieldError(f"{at}/type", f"{problem}: expected {_TYPES}", Reason.UNKNOWN_TYPE)
    names = [part for part in found["loc"] if part in right]
    if not names and kind == "engagement_ms":
        names = ["engagement_ms"]
    if not names:
        return FieldError(
            at, f"the fact is {shown(raw)}: expected a JSON object", Reason.INVALID_FIELD
        )
    name = str(names[0])
    expected = found.get("ctx", {}).get("expected") if kind in right else right[name]
    given = raw.get(name) if isinstance(raw, dict) else None
    problem = f"{name} is missing" if kind == "missing" else f"{name} is {shown(given)}"
    reason = Reason.UNKNOWN_VERSION if name == "version" else Reason.INVALID_FIELD
    return FieldError(f"{at}/{name}", f"{problem}: expected {expected}", reason)


def shown(value: Any, most: int = 80) -> str:
    """`value` as ASCII JSON, cut to `most` characters, for a message."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
