"""What the client raises.

ClientError
├── FactsRefused      some facts are wrong; none of their request was kept
├── NotAdmitted       the collector does not know the key, or takes no facts of servers
└── Unreachable       it did not answer, or could not keep facts, for longer than the client is patient
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class ClientError(Exception):
    """Facts were not kept; the message says why."""


@dataclass(frozen=True, slots=True)
class FactError:
    """One thing that is wrong with a fact.

    Attributes:
        index: of its pageview among those that `send` was given, from 0.
        field: which field, as `engagement_ms`; empty if it is the whole fact.
        value: what it was.
        detail: the field, its value and what would be right, in words.
        fact: the whole fact, as it was sent.
    """

    index: int
    field: str
    value: Any
    detail: str
    fact: dict[str, Any]


class FactsRefused(ClientError):
    """Some facts are wrong. No fact of their request was kept; those of the requests before are.

    Send everything once more when they are put right: what is known already does no harm.

    Attributes:
        errors: all that is wrong in that request.
    """

    def __init__(self, errors: Sequence[FactError]) -> None:
        first, more = errors[0], len(errors) - 1
        others = f", and {more} more" if more else ""
        super().__init__(f"pageview {first.index}: {first.detail}{others}")
        self.errors = tuple(errors)


class NotAdmitted(ClientError):
    """The collector does not know the key, or takes no facts of servers at all."""


class Unreachable(ClientError):
    """The collector did not answer, or could not keep facts, for longer than the client is patient.

    Whether the facts of the last request are kept is unknown: send them again.
    """
