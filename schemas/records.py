"""The record: a fact in the log, as a CloudEvents 1.0 object in structured mode."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from dwell.schemas import wire
from dwell.schemas.facts import (
    MAX_AGENT,
    MAX_DELAY_MS,
    MAX_RECEIVED_AT,
    MAX_SEQ,
    Glimpse,
    PageViewed,
    Uuid,
    VisibilityChanged,
    VisitorForgotten,
)
from dwell.schemas.refusals import Reason, Refusal
from dwell.schemas.upcasting import UPCASTERS, Upcaster, Versions
from dwell.schemas.wire import field_error, shown

SOURCE = "/dwell"

_EPOCH = datetime(1970, 1, 1)
_STRICT = ConfigDict(frozen=True, strict=True, extra="ignore")


class ReceivedGlimpse(Glimpse):
    """A browser's fact with what the collector adds, or a server's with what belongs to it."""

    delay_ms: int = Field(
        ge=0, le=MAX_DELAY_MS, description="Milliseconds from the fact to its sending."
    )
    visitor_id: Uuid = Field(
        description="The visitor: the value of the long-lasting cookie; any case, stored lower."
    )
    browser_agent: str = Field(
        description=f"The User-Agent header; the collector keeps {MAX_AGENT} characters of it."
    )
    received_at: int = Field(
        ge=0,
        le=MAX_RECEIVED_AT,
        description="Milliseconds since 1970 in UTC, the collector's clock.",
    )

    @property
    def occurred_at(self) -> int:
        """When it happened: milliseconds since 1970, by the collector's clock alone."""
        return self.received_at - self.delay_ms

    @property
    def started_at(self) -> int:
        """When its pageview began: milliseconds since 1970, by the collector's clock alone."""
        return self.occurred_at - self.age_ms


class ReceivedPageViewed(ReceivedGlimpse):
    """`page.viewed`, as stored."""

    seq: int = Field(ge=0, le=0, description="0: the first fact of its pageview.")


class ReceivedVisibilityChanged(ReceivedGlimpse):
    """`page.visibility_changed`, as stored."""

    seq: int = Field(ge=1, le=MAX_SEQ, description="1, 2, …: position in its pageview.")


class Envelope(BaseModel):
    """What every record has around its data."""

    model_config = _STRICT

    specversion: Literal["1.0"] = Field(description="The version of CloudEvents.")
    id: str = Field(
        min_length=1,
        description="Identifies the fact, with source: <pageview_id>:<seq>, or a UUIDv7 of its own.",
    )
    source: str = Field(min_length=1, description=f"Who says it: {SOURCE} from Dwell itself.")
    time: str = Field(
        description="When it happened, RFC 3339 in UTC: received_at less delay_ms, if it has one."
    )
    subject: str = Field(description="What it is about: the pageview_id, or the visitor_id.")
    datacontenttype: Literal["application/json"] = Field(
        default="application/json", description="What data is; left out by Dwell itself."
    )


class PageViewedRecord(Envelope):
    """A page came into view for the first time."""

    type: Literal["dwell.page.viewed.v1"]
    dataschema: Literal["urn:dwell:page.viewed:1"]
    data: ReceivedPageViewed


class VisibilityChangedRecord(Envelope):
    """A page became visible or hidden, or is still visible at a checkpoint."""

    type: Literal["dwell.page.visibility_changed.v1"]
    dataschema: Literal["urn:dwell:page.visibility_changed:1"]
    data: ReceivedVisibilityChanged


class VisitorForgottenRecord(Envelope):
    """A visitor's data is to be erased."""

    type: Literal["dwell.visitor.forgotten.v1"]
    dataschema: Literal["urn:dwell:visitor.forgotten:1"]
    data: VisitorForgotten


Record = PageViewedRecord | VisibilityChangedRecord | VisitorForgottenRecord
RECORDS: tuple[type[Record], ...] = (
    PageViewedRecord,
    VisibilityChangedRecord,
    VisitorForgottenRecord,
)
"""The current version of each type of record: what is written, and what reading gives."""
FORMER: tuple[type[Envelope], ...] = ()
"""The versions before: records of them stay in logs for good."""
EXPECTED = {
    "id": "a string that is not empty",
    "source": "a string that is not empty",
    "time": "a string, when it happened by RFC 3339",
    "subject": "a string, the pageview or the visitor",
    "datacontenttype": "application/json, or nothing",
    "dataschema": "the URN that belongs to the type, as urn:dwell:page.viewed:1",
    "data": "an object, what is said about the subject",
}
"""What would be right, for each attribute of an event."""
EXPECTED_DATA = wire.EXPECTED | {"delay_ms": f"an integer from 0 to {MAX_DELAY_MS}"}
"""What would be right, for each field of its data."""


_ENVELOPE = (
    b'{"specversion":"1.0","id":"%%b","source":"'
    + SOURCE.encode()
    + b'","type":"dwell.%b.v%d","time":"%%b","subject":"%%b","dataschema":"%b","data":%%b}'
)


def rfc3339(milliseconds: int) -> str:
    """Milliseconds since 1970 as `2026-11-23T06:50:00.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=128)
def _second(seconds: int) -> str:
    """Most facts of a moment share their second, and to write it takes longer than to look it up."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def record_of_glimpse(
    fact: PageViewed | VisibilityChanged, *, visitor_id: str, browser_agent: str, received_at: int
) -> bytes:
    """The value of the log record for a fact a browser sent.

    Args:
        visitor_id: lower-case UUID.
        browser_agent: the `User-Agent` header, of any length.
        received_at: milliseconds since 1970 in UTC.
    """
    data = fact.__dict__.copy()
    del data["type"], data["version"]
    data["visitor_id"] = visitor_id
    data["browser_agent"] = browser_agent[:MAX_AGENT]
    data["received_at"] = received_at
    return enveloped(
        event=fact.event,
        version=fact.version,
        id_=f"{fact.pageview_id}:{fact.seq}",
        time=received_at - fact.delay_ms,
        subject=fact.pageview_id,
        data=to_json(data),
    )


def record_of_forgotten(fact: VisitorForgotten, *, id_: str) -> bytes:
    """The value of the log record for a `visitor.forgotten`; `id_` is a UUIDv7."""
    return enveloped(
        event=fact.event,
        version=1,
        id_=id_,
        time=fact.received_at,
        subject=fact.visitor_id,
        data=to_json(fact.__dict__),
    )


def enveloped(*, event: str, version: int, id_: str, time: int, subject: str, data: bytes) -> bytes:
    """A CloudEvent around what is said; nothing but `data` has anything in it to be escaped.

    Args:
        time: milliseconds since 1970 in UTC.
        data: JSON.
    """
    return envelope_of(event, version) % (
        id_.encode(),
        rfc3339(time).encode(),
        subject.encode(),
        data,
    )


@cache
def envelope_of(event: str, version: int) -> bytes:
    """A CloudEvent with places for id, time, subject and data, in this order."""
    return _ENVELOPE % (event.encode(), version, urn_of(event, version).encode())


class RecordReader:
    """Reads records of every version, and gives them in the current one.

    Args:
        current: a model of each type, in its current version.
        former: models of the versions before.
        upcasters: the steps from each former version to the next.

    Raises:
        ValueError: a version is missing between, or a step.
    """

    def __init__(
        self,
        current: Sequence[type[Record]] = RECORDS,
        former: Sequence[type[Envelope]] = FORMER,
        upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    ) -> None:
        self._written = _reading((*current, *former))
        self._current = _reading(current)
        self._versions = Versions(map(type_of, (*current, *former)), upcasters)

    def read(self, value: bytes) -> Record:
        """The fact in a record's value, checked to the last field.

        An older version is checked by its own model, lifted, and checked again by the current one.

        Raises:
            Refusal: with the reason for which the record becomes a dead letter.
        """
        raw = _load(value)
        self._check_type(raw)
        record = _checked(self._written, raw)
        return record if self._versions.is_current(record.type) else self._lifted(record)

    def _lifted(self, record: Record) -> Record:
        name, version, data = self._versions.lift(record.type, record.data.model_dump())
        raw = record.model_dump() | {
            "type": f"{name}.v{version}",
            "dataschema": urn_of(name.removeprefix("dwell."), version),
            "data": data,
        }
        return _checked(self._current, raw)

    def _check_type(self, raw: Any) -> None:
        given = raw.get("type") if isinstance(raw, dict) else None
        if not isinstance(given, str) or raw.get("specversion") != "1.0":
            raise Refusal(
                Reason.NOT_AN_EVENT,
                f"the record is {shown(raw)}: expected a CloudEvents 1.0 object with specversion and "
                "type",
            )
        name = given.rpartition(".v")[0]
        last = self._versions.current.get(name)
        if last is None:
            names = ", ".join(self._versions.current)
            raise Refusal(Reason.UNKNOWN_TYPE, f"type is {shown(given)}: expected one of {names}")
        if given not in self._versions:
            known = "1" if last == 1 else f"1 to {last}"
            raise Refusal(
                Reason.UNKNOWN_VERSION,
                f"type is {shown(given)}: expected version {known} of {name}",
            )


def type_of(record: type[Envelope]) -> str:
    """The CloudEvents type of a record, as `dwell.page.viewed.v1`."""
    (type_,) = get_args(record.model_fields["type"].annotation)
    return str(type_)


def urn_of(event: str, version: int) -> str:
    """The name of the schema of a record's data."""
    return f"urn:dwell:{event}:{version}"


def read_record(value: bytes) -> Record:
    """The fact in a record's value of any version, checked to the last field.

    Raises:
        Refusal: with the reason for which the record becomes a dead letter.
    """
    return _READER.read(value)


def _reading(models: Sequence[type[Envelope]]) -> TypeAdapter[Record]:
    """Reads any of these, by its type."""
    any_of_them: Any = Union[tuple(models)]  # noqa: UP007
    return TypeAdapter(Annotated[any_of_them, Field(discriminator="type")])


def _load(value: bytes) -> Any:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Refusal(Reason.NOT_UTF8, f"the record is not UTF-8: {error.reason}") from None
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(Reason.NOT_JSON, f"the record is not JSON: {error}") from None


def _checked(models: TypeAdapter[Record], raw: dict[str, Any]) -> Record:
    try:
        return models.validate_python(raw)
    except ValidationError as error:
        raise _refusal(error, raw) from None


def _refusal(error: ValidationError, raw: dict[str, Any]) -> Refusal:
    found = error.errors(include_url=False)[0]
    _, name, *inside = found["loc"]
    if name == "data" and (inside or found["type"] != "missing"):
        wrong = field_error(found, "/data", raw["data"], EXPECTED_DATA)
        return Refusal(Reason.INVALID_FIELD, wrong.detail, wrong.pointer)
    problem = f"{name} is {shown(raw[name])}" if name in raw else f"{name} is missing"
    return Refusal(Reason.NOT_AN_EVENT, f"{problem}: expected {EXPECTED[str(name)]}", f"/{name}")


_READER = RecordReader()
