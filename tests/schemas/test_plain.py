"""The quick reader takes what the careful one takes, and reads it as that one does, or leaves it."""

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwell.schemas.plain import PlainFact, Received, read_plain
from dwell.schemas.records import ReceivedPageViewed, record_of_glimpse
from dwell.schemas.refusals import Refusal
from dwell.schemas.wire import EXPECTED, read_facts
from tests.support.wire import FACT, LATER, PAGEVIEW, body, body_of, written

RECEIVED: dict[str, Any] = {
    "visitor_id": "0193a5c2-0000-7d20-9000-000000000000",
    "browser_agent": 'Mozilla/5.0 "é"',
    "received_at": 1_795_000_000_123,
}
AS_STATED = {name: LATER[name] for name in LATER if name not in ("type", "version")}
"""The beacon leaves out what `seq` says, and the version, of which there is one."""

INTEGERS = ("0", "-0", "1", "01", "1.0", "1e0", "1E2", "-1", "true", "null", '"1"', "1000001")
GREAT = ("34560000000", "34560000001", "9223372036854775808", "1" + 30 * "0", "1e400", "NaN")
TEXTS = (
    '""',
    '"a"',
    r'"\u0000"',
    r'"\\u0000"',
    r'"\ud83d\ude00"',
    r'"\ud83d"',
    r'"\b\f\n\r\t\"\\\/\u001f\u007f\u00e9"',
    '"\U0001f600"',
    '"a\nb"',
    f'"{200 * "é"}"',
    f'"{201 * "é"}"',
    f'"{2048 * "x"}"',
    f'"{2049 * "x"}"',
    "5",
    "null",
)
UUIDS = (
    f'"{PAGEVIEW}"',
    f'"{PAGEVIEW.upper()}"',
    f'"{PAGEVIEW}\\n"',
    f'" {PAGEVIEW}"',
    f'"{{{PAGEVIEW}}}"',
    f'"{PAGEVIEW.replace("-", "")}"',
    '"00000000-0000-0000-0000-000000000000"',
    "null",
)
IDENTITIES = (
    "{}",
    '{"path": "/a", "title": "A", "tab": null, "new": true}',
    '{"path": "/a", "path": "/b"}',
    '{"n": 5}',
    '{"n": 1e400}',
    '{"n": 123456789012345678901234567890}',
    '{"deep": {"er": [1]}}',
    r'{"\u0000": ""}',
    f'{{"long": "{2036 * "x"}"}}',
    f'{{"long": "{2037 * "x"}"}}',
    f'{{"long": "{2037 * " "}", "more": "{50 * "x"}"}}',
    rf'{{"escaped": "{1000 * chr(92)}{1000 * chr(92)}"}}',
    "[]",
    "null",
    '"{}"',
)
RAW = {
    **dict.fromkeys(
        ("seq", "engagement_ms", "age_ms", "delay_ms", "previous_seq"), INTEGERS + GREAT
    ),
    **dict.fromkeys(("view", "referrer", "visibility"), (*TEXTS, '"visible"', '"hidden"')),
    **dict.fromkeys(("pageview_id", "session_id", "previous_pageview_id"), UUIDS),
    "identity": IDENTITIES,
    "type": ('"page.viewed"', '"page.visibility_changed"', '"visitor.forgotten"', "null", "1"),
    "version": ("1", "1.0", "2", "true", "null"),
    "visitor_id": ('"a"', "5", "null"),
    "received_at": ("5", '"a"', "1e400"),
    "more": ("NaN", "[[[]]]", r'"\ud83d"'),
}


def both(raw: bytes) -> list[PlainFact] | None:
    """What the quick reader gives, having compared it with the careful one."""
    plain = read_plain(raw)
    if plain is None:
        return None
    careful = read_facts(raw)
    assert careful.errors == []
    assert len(plain) == len(careful.facts)
    for quick, fact in zip(plain, careful.facts, strict=True):
        assert quick.session_id == fact.session_id
        one, other = Received(**RECEIVED).record_of(quick), record_of_glimpse(fact, **RECEIVED)
        assert json.loads(one) == json.loads(other)
        assert list(json.loads(one)["data"]) == list(json.loads(other)["data"])
    return plain


@pytest.mark.parametrize("fact", [FACT, LATER, AS_STATED, AS_STATED | {"seq": 0}])
def test_what_browsers_state_is_plain(fact: dict[str, Any]) -> None:
    left_out = {name: fact[name] for name in fact if fact[name] is not None}

    assert len(both(body(fact, left_out)) or []) == 2


@pytest.mark.parametrize("name", RAW)
def test_each_field_is_read_as_the_careful_reader_does(name: str) -> None:
    facts = (FACT, LATER, AS_STATED)
    readings = [both(body_of(written(name, raw, fact))) for raw, fact in product(RAW[name], facts)]

    assert name == "more" or any(reading is not None for reading in readings)


def test_it_knows_every_field_in_the_order_of_a_record() -> None:
    received = [name for name in PlainFact.__struct_fields__ if name not in ("type", "version")]

    assert [*received, *RECEIVED] == list(ReceivedPageViewed.model_fields)
    assert set(EXPECTED) == {*PlainFact.__struct_fields__, *RECEIVED}


def test_a_field_that_comes_twice_has_its_last_value() -> None:
    twice = json.dumps(LATER)[:-1] + ', "seq": 7, "view": "b", "identity": {"path": "/b"}}'

    [fact] = both(body_of(twice)) or []
    assert (fact.seq, fact.view, fact.identity) == (7, "b", {"path": "/b"})


def test_what_only_the_collector_may_say_is_not_believed() -> None:
    [fact] = both(body(FACT | {"visitor_id": PAGEVIEW, "browser_agent": "x"})) or []

    said = json.loads(Received(**RECEIVED).record_of(fact))["data"]
    assert {name: said[name] for name in RECEIVED} == RECEIVED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"facts": []}',
        body(*[FACT] * 101),
        b"\xef\xbb\xbf" + body(FACT),
        body(FACT) + b" x",
        body(FACT)[:-1],
        body(FACT).replace(b"Page A", b"Page \xff"),
        b'{"facts": [' + 10_000 * b"[",
        body(FACT)[:-1] + b', "more": "\xff"}',
    ],
)
def test_any_other_body_is_left_to_the_careful_reader(raw: bytes) -> None:
    assert both(raw) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100 if settings.get_current_profile_name() == "long" else 40)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(RAW)), JSON, max_size=2), min_size=1, max_size=3
    )
)
def test_whatever_is_taken_is_taken_by_both(changes: list[dict[str, Any]]) -> None:
    raw = body(*(LATER | change for change in changes))
    try:
        both(raw)
    except Refusal as refusal:
        pytest.fail(f"the careful reader refuses it: {refusal.detail}")
