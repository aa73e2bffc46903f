import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dwell.schemas.documents import schema_of
from dwell.schemas.facts import MAX_MS, MAX_SEQ, PageViewed, VisibilityChanged
from dwell.schemas.refusals import Reason, Refusal
from dwell.schemas.wire import Body, FieldError, read_facts
from tests.support.wire import FACT, LATER, PAGEVIEW, body, body_of, written

UUID = "a version 7 UUID, as 0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"
MILLISECONDS = "an integer from 0 to 34560000000"


def only_error(*facts: str) -> FieldError:
    """What is wrong with the last of the facts; the ones before it must be kept."""
    reading = read_facts(body_of(*facts))
    assert len(reading.facts) == len(facts) - 1
    (error,) = reading.errors
    return error


def refused(field: str, raw: str, fact: dict[str, Any] = FACT) -> str:
    """Why a field's value is refused, when a good fact stands before it in the request."""
    error = only_error(json.dumps(FACT), written(field, raw, fact))
    assert error.pointer == f"/facts/1/{field}"
    return error.detail


def kept(field: str, raw: str, fact: dict[str, Any] = FACT) -> Any:
    """The value of a field after reading."""
    reading = read_facts(body_of(written(field, raw, fact)))
    assert reading.errors == []
    return getattr(reading.facts[0], field)


def test_a_fact_is_read_with_its_whole_context() -> None:
    viewed, changed = read_facts(body(FACT, LATER)).facts
    assert isinstance(viewed, PageViewed)
    assert isinstance(changed, VisibilityChanged)
    assert viewed.model_dump() == FACT
    assert changed.model_dump() == LATER


def test_what_may_be_left_out_has_its_default() -> None:
    optional = {"version", "identity", "previous_pageview_id", "previous_seq", "referrer"}
    (fact,) = read_facts(body({name: FACT[name] for name in FACT if name not in optional})).facts
    assert (fact.version, fact.identity, fact.referrer) == (1, {}, "")
    assert (fact.previous_pageview_id, fact.previous_seq) == (None, None)


@pytest.mark.parametrize(("fact", "kind"), [(FACT, PageViewed), (LATER, VisibilityChanged)])
def test_a_fact_without_a_type_has_the_one_its_seq_has(
    fact: dict[str, Any], kind: type[PageViewed | VisibilityChanged]
) -> None:
    (read,) = read_facts(body({name: fact[name] for name in fact if name != "type"})).facts
    assert isinstance(read, kind)
    assert read.model_dump() == fact


@pytest.mark.parametrize("seq", ["false", "0.0", '"0"', "-1", "null", "1000001"])
def test_without_a_type_a_wrong_seq_is_refused_all_the_same(seq: str) -> None:
    fact = {name: LATER[name] for name in LATER if name != "type"}
    assert f"seq is {seq}: expected " in refused("seq", seq, fact)


@pytest.mark.parametrize("field", sorted(FACT.keys() - {"type", "version", "identity", "referrer"}))
def test_what_may_not_be_left_out_is_missed(field: str) -> None:
    reading = read_facts(body({name: FACT[name] for name in FACT if name != field}, LATER))
    if field in ("previous_pageview_id", "previous_seq"):
        assert reading.errors == []
        return
    (error,) = reading.errors
    assert error.pointer == f"/facts/0/{field}"
    assert error.detail.startswith(f"{field} is missing: expected ")
    assert len(reading.facts) == 1


def test_unknown_fields_are_kept_out_and_do_no_harm() -> None:
    unknown = ("NaN", '"\\ud800"', "9" * 5000, "[" * 5000 + "]" * 5000, '{"seq": 7}')
    reading = read_facts(body_of(*(written("unknown", raw) for raw in unknown)))
    assert reading.errors == []
    assert [fact.model_dump() for fact in reading.facts] == [FACT] * len(unknown)
    assert read_facts(b'{"more": 1, "facts": [%s]}' % json.dumps(FACT).encode()).errors == []


@pytest.mark.parametrize("field", ["pageview_id", "session_id", "previous_pageview_id"])
def test_a_uuid_in_any_case_is_stored_lower(field: str) -> None:
    assert kept(field, json.dumps(PAGEVIEW.upper())) == PAGEVIEW


@pytest.mark.parametrize("field", ["pageview_id", "session_id", "previous_pageview_id"])
@pytest.mark.parametrize(
    "value",
    [
        PAGEVIEW.replace("-7c11-", "-4c11-"),
        PAGEVIEW.replace("-8f53-", "-cf53-"),
        PAGEVIEW.replace("-", ""),
        f"{{{PAGEVIEW}}}",
        f"urn:uuid:{PAGEVIEW}",
        PAGEVIEW + "\n",
        " " + PAGEVIEW,
        PAGEVIEW.replace("0193", "٠١٩٣"),
        "00000000-0000-0000-0000-000000000000",
        "",
        7,
        [PAGEVIEW],
    ],
)
def test_another_uuid_is_refused(field: str, value: Any) -> None:
    expected = f"{UUID}, or null" if field == "previous_pageview_id" else UUID
    assert (
        refused(field, json.dumps(value)) == f"{field} is {json.dumps(value)}: expected {expected}"
    )


def test_an_absurd_time_in_a_uuid_is_accepted() -> None:
    far = "ffffffff-ffff-7c11-8f53-2d1f6f0a9c01"
    assert kept("pageview_id", json.dumps(far)) == far


@pytest.mark.parametrize(
    ("field", "fact", "good", "bad"),
    [
        ("seq", FACT, ("0",), ("-1", "1")),
        ("seq", LATER, ("1", str(MAX_SEQ)), ("0", str(MAX_SEQ + 1))),
        (
            "previous_seq",
            FACT,
            ("0", str(MAX_SEQ), "null"),
            ("-1", str(MAX_SEQ + 1), "1.0", "1e0", "true", '"0"', "NaN", "[0]", "9" * 30, "{}"),
        ),
        ("engagement_ms", FACT | {"age_ms": MAX_MS}, ("0", str(MAX_MS)), ("-1", str(MAX_MS + 1))),
        ("age_ms", FACT, ("0", str(MAX_MS)), ("-1", str(MAX_MS + 1))),
        ("delay_ms", FACT, ("0", str(MAX_MS)), ("-1", str(MAX_MS + 1))),
        ("view", FACT, ('"a"', f'"{"é" * 200}"', '"\\ud83d\\ude00"'), ('""', f'"{"a" * 201}"')),
        ("referrer", FACT, ('""', f'"{"é" * 2048}"'), (f'"{"a" * 2049}"', "null")),
        ("visibility", FACT, ('"visible"', '"hidden"'), ('"prerender"', '"Visible"', '""', "null")),
        ("version", FACT, ("1",), ("0", "2", "null")),
    ],
)
def test_each_bound_holds_to_the_last(
    field: str, fact: dict[str, Any], good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    for raw in good:
        assert kept(field, raw, fact) == json.loads(raw)
    for raw in bad:
        assert refused(field, raw, fact).startswith(f"{field} is ")


@pytest.mark.parametrize("field", ["seq", "engagement_ms", "age_ms", "delay_ms", "version"])
@pytest.mark.parametrize(
    "raw",
    [
        "0.0",
        "1.0",
        "1e0",
        "true",
        "false",
        '"0"',
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "[0]",
        "9" * 30,
        "9" * 5000,
        "-" + "9" * 5000,
        "{}",
        "null",
    ],
)
def test_only_a_json_integer_is_an_integer(field: str, raw: str) -> None:
    assert ": expected " in refused(field, raw)


def test_engagement_may_lead_age_by_a_second_and_no_more() -> None:
    fact = LATER | {"age_ms": 500}
    assert kept("engagement_ms", "1500", fact) == 1500
    assert refused("engagement_ms", "1501", fact) == (
        "engagement_ms is 1501: expected at most age_ms + 1000, here 1500"
    )


@pytest.mark.parametrize("field", ["view", "referrer", "identity"])
def test_nul_is_refused(field: str) -> None:
    raw = '"\\u0000"' if field != "identity" else '{"a": ["\\u0000"]}'
    assert f"{field} is " in refused(field, raw)
    assert "identity is " in refused("identity", '{"\\u0000": 1}')


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\uD83d \\uDE00", "\\ude00\\ud83d"])
def test_half_of_a_surrogate_pair_becomes_the_replacement_character(half: str) -> None:
    mended = half.replace("\\ud83d", "\ufffd").replace("\\ude00", "\ufffd")
    mended = mended.replace("\\uD83d", "\ufffd").replace("\\uDE00", "\ufffd")
    assert kept("view", f'"a{half}"') == f"a{mended}"
    assert kept("referrer", f'"{half}b"') == f"{mended}b"
    raw = f'{{"{half}": ["{half}", "\\ud83d\\ude00", "\\\\ud83d", 1.5, 18446744073709551615]}}'
    whole = {mended: [mended, "\U0001f600", "\\ud83d", 1.5, 18446744073709551615]}
    assert kept("identity", raw) == whole


def nested(depth: int) -> str:
    """An identity of so many levels, objects and arrays in turn."""
    opening = ['{"a": ' if level % 2 == 0 else "[" for level in range(depth)]
    closing = ["}" if level % 2 == 0 else "]" for level in reversed(range(depth))]
    return "".join([*opening, "1", *closing])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"a": NaN}', "only finite numbers in it"),
        ('{"a": [Infinity]}', "only finite numbers in it"),
        ('{"a": -1e400}', "only finite numbers in it"),
        ('{"a": 18446744073709551616}', "integers of at most 64 bits in it"),
        ('{"a": -9223372036854775809}', "integers of at most 64 bits in it"),
        ('{"a": %s}' % ("9" * 5000), "integers of at most 64 bits in it"),
        ('{"a": "\\u0000"}', "no NUL character in it"),
        ('{"\\u0000": 1}', "no NUL character in it"),
        (nested(33), "nesting of at most 32 levels"),
        (nested(250), "nesting of at most 32 levels"),
        (nested(20_000), "nesting of at most 32 levels"),
        ('{"a":"%s"}' % ("é" * 1021), "at most 2048 bytes as compact JSON; these are 2050"),
        ("[]", "a JSON object of at most 2048 bytes"),
        ("null", "a JSON object of at most 2048 bytes"),
        ('"path"', "a JSON object of at most 2048 bytes"),
    ],
)
def test_an_identity_that_a_reader_could_misread_is_refused(raw: str, expected: str) -> None:
    detail = refused("identity", raw)
    assert detail.startswith("identity is ")
    assert detail.endswith(f": expected {expected}")
    assert len(detail) < 200


@pytest.mark.parametrize(
    "raw",
    [
        "{}",
        '{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1.5e300, "d": true, "e": null}',
        nested(32),
        '{"a":"%s"}' % ("é" * 1020),
        '{"tab": "1", "ünïcode": "😀", "quote": "\\"[{", "escape": "\\\\"}',
    ],
)
def test_any_other_identity_is_kept_as_it_is(raw: str) -> None:
    assert kept("identity", raw) == json.loads(raw)
    # The same beside a fact that only the lenient reader can read.
    reading = read_facts(body_of(written("identity", raw), written("identity", nested(300))))
    assert [fact.identity for fact in reading.facts] == [json.loads(raw)]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ('"visitor.forgotten"', 'type is "visitor.forgotten"'),
        ('"page.closed"', 'type is "page.closed"'),
        ("null", "type is null"),
        ("[1]", "type is [1]"),
        ('"\\ud800"', 'type is "\\ufffd"'),
    ],
)
def test_an_unknown_type_is_refused(raw: str, problem: str) -> None:
    error = only_error(json.dumps(LATER), written("type", raw))
    assert error.pointer == "/facts/1/type"
    assert error.detail == f"{problem}: expected page.viewed or page.visibility_changed"
    assert error.reason is Reason.UNKNOWN_TYPE


def test_an_unknown_version_has_a_reason_of_its_own() -> None:
    error = only_error(written("version", "2"))
    assert (error.detail, error.reason) == ("version is 2: expected 1", Reason.UNKNOWN_VERSION)


@pytest.mark.parametrize("raw", ["1", "null", '"x"', "[]", "true", "NaN"])
def test_what_is_no_object_is_no_fact(raw: str) -> None:
    error = only_error(json.dumps(FACT), raw)
    assert (error.pointer, error.detail) == (
        "/facts/1",
        f"the fact is {raw}: expected a JSON object",
    )


def test_each_field_of_a_fact_is_reported() -> None:
    (first, second) = read_facts(body(FACT | {"seq": "0", "visibility": 1})).errors
    assert (first.pointer, first.detail) == (
        "/facts/0/seq",
        'seq is "0": expected 0 for page.viewed, an integer from 1 to 1000000 else',
    )
    assert (second.pointer, second.detail) == (
        "/facts/0/visibility",
        "visibility is 1: expected visible or hidden",
    )


@pytest.mark.parametrize(
    ("raw", "reason", "pointer"),
    [
        (b"", Reason.NOT_JSON, ""),
        (b"\xff", Reason.NOT_JSON, ""),
        (b'\xef\xbb\xbf{"facts": []}', Reason.NOT_JSON, ""),
        (b'{"facts": [1]} x', Reason.NOT_JSON, ""),
        (b'{"facts": ["\xed\xa0\x80"]}', Reason.NOT_JSON, ""),
        (b'{"facts": ' + b"[" * 60_000, Reason.NOT_JSON, ""),
        (b'{"facts": [1}', Reason.NOT_JSON, ""),
        (b"]]]" * 20_000, Reason.NOT_JSON, ""),
        (b"null", Reason.NO_FACTS, ""),
        (b"9" * 60_000, Reason.NO_FACTS, ""),
        (b"[" * 30_000 + b"]" * 30_000, Reason.NO_FACTS, ""),
        (b"{}", Reason.NO_FACTS, "/facts"),
        (b'{"facts": []}', Reason.NO_FACTS, "/facts"),
        (b'{"facts": {"0": 1}}', Reason.NO_FACTS, "/facts"),
        (body(*[FACT] * 101), Reason.TOO_MANY, "/facts"),
    ],
)
def test_a_body_without_a_list_of_facts_is_refused_whole(
    raw: bytes, reason: Reason, pointer: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read_facts(raw)
    assert (caught.value.reason, caught.value.pointer) == (reason, pointer)
    assert caught.value.detail.startswith("the body ")
    assert len(caught.value.detail) < 200


def test_a_hundred_facts_are_read() -> None:
    assert len(read_facts(body(*[FACT] * 100)).facts) == 100


@pytest.mark.parametrize(
    "hostile", [b'"', b"\\", b'\\"', b"[", b"]", b'{"', b"1,", b"-", b'["\\ud800",']
)
def test_no_body_takes_long_to_refuse(hostile: bytes) -> None:
    raw = hostile * (65_536 // len(hostile))
    begin = time.process_time()
    with pytest.raises(Refusal):
        read_facts(raw)
    assert time.process_time() - begin < 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | JSON.map(body))
def test_any_body_is_read_or_refused(raw: bytes) -> None:
    try:
        reading = read_facts(raw)
    except Refusal:
        return
    assert reading.facts or reading.errors


@given(st.dictionaries(st.sampled_from(sorted(FACT)), JSON, min_size=1, max_size=3))
def test_a_fact_that_is_kept_keeps_its_values(changes: dict[str, Any]) -> None:
    fact = LATER | changes
    reading = read_facts(body(FACT, fact))
    assert reading.facts[0].model_dump() == FACT
    assert bool(reading.errors) == (len(reading.facts) == 1)
    for error in reading.errors:
        assert error.pointer.startswith("/facts/1/")
        assert error.pointer.rpartition("/")[2] in FACT
    if not reading.errors:
        assert reading.facts[1].model_dump() == fact
        Draft202012Validator(schema_of(Body)).validate({"facts": [fact]})
