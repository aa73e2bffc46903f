"""Why a fact is not kept: a closed set of reasons."""

from enum import StrEnum


class Reason(StrEnum):
    """Each way in which a fact or a record can be unreadable."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NO_FACTS = "no_facts"
    TOO_MANY = "too_many"
    NOT_AN_EVENT = "not_an_event"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    INVALID_FIELD = "invalid_field"


OF_RECORDS = (
    Reason.NOT_UTF8,
    Reason.NOT_JSON,
    Reason.NOT_AN_EVENT,
    Reason.UNKNOWN_TYPE,
    Reason.UNKNOWN_VERSION,
    Reason.INVALID_FIELD,
)
"""Those for which a record of the log becomes a dead letter; the others are a request's."""


class Refusal(Exception):
    """A request or a record that cannot be read, with the one reason and what would be right."""

    def __init__(self, reason: Reason, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.pointer = pointer
