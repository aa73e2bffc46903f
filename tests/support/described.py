"""Requests that Schemathesis makes of the collector's OpenAPI description, and holds the answers to it."""

import warnings
from collections import Counter
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core.result import Ok

from dwell.site.collector.openapi import description
from tests.support.hostile import made

HELD_TO = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def described(origin: str, number: int, seeded: int) -> Counter[int]:
    """Send so many requests to a running site; how often each status was answered.

    Raises:
        AssertionError: an answer that the description does not tell of.
    """
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        for case in made(_cases(), number, seeded):
            try:
                answer = case.call(base_url=f"{origin}/dwell", session=session, timeout=5)
            except (requests.RequestException, UnicodeError):
                statuses[0] += 1  # requests itself does not send it
                continue
            statuses[answer.status_code] += 1
            if answer.status_code != 503:
                case.validate_response(answer, checks=HELD_TO)
    return statuses


def _cases() -> st.SearchStrategy[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(description())
    modes = schemathesis.GenerationMode
    found = (result.ok() for result in schema.get_all_operations() if isinstance(result, Ok))
    return st.one_of(
        *(
            operation.as_strategy(generation_mode=mode)
            for operation in found
            for mode in (modes.POSITIVE, modes.NEGATIVE)
            if mode is modes.POSITIVE or operation.body
        )
    )
