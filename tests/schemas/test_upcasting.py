"""A record of an older version is read for ever: shown with a version 2 that is this test's own."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StringConstraints

from dwell.consumers.judge import judge
from dwell.schemas.documents import record_schema
from dwell.schemas.records import (
    FORMER,
    RECORDS,
    PageViewedRecord,
    ReceivedPageViewed,
    RecordReader,
    VisibilityChangedRecord,
    VisitorForgottenRecord,
    read_record,
    type_of,
)
from dwell.schemas.refusals import Reason, Refusal
from dwell.schemas.upcasting import UPCASTERS, Data, Versions
from dwell.warehouse import live
from tests.support.facts import NOW, Projected, Stored, curt, glimpse, uuid7

VIEWED = "dwell.page.viewed"


class ViewedIn2(ReceivedPageViewed):
    """Views were named without the site before; from version 2 on the name begins with it."""

    view: Annotated[str, StringConstraints(pattern=r"^[a-z]+:.+$")] = Field(description="Its name.")


class PageViewed2Record(PageViewedRecord):
    """`page.viewed` as it would be in version 2."""

    type: Literal["dwell.page.viewed.v2"]  # type: ignore[assignment]
    dataschema: Literal["urn:dwell:page.viewed:2"]  # type: ignore[assignment]
    data: ViewedIn2


class PageViewed3Record(PageViewed2Record):
    """And in version 3, which says the same in lower case."""

    type: Literal["dwell.page.viewed.v3"]  # type: ignore[assignment]
    dataschema: Literal["urn:dwell:page.viewed:3"]  # type: ignore[assignment]


def with_site(data: Data) -> Data:
    return data | {"view": f"shop:{data['view']}"}


def lower(data: Data) -> Data:
    return data | {"view": data["view"].lower()}


OTHERS = (VisibilityChangedRecord, VisitorForgottenRecord)
IN_2 = RecordReader((PageViewed2Record, *OTHERS), (PageViewedRecord,), {(VIEWED, 1): with_site})
IN_3 = RecordReader(
    (PageViewed3Record, *OTHERS),
    (PageViewed2Record, PageViewedRecord),
    {(VIEWED, 1): with_site, (VIEWED, 2): lower},
)


def in_version(version: int, stored: Stored, **fields: Any) -> Stored:
    """The record as that version writes it."""
    event = json.loads(stored.value)
    event["type"] = event["type"].replace("viewed.v1", f"viewed.v{version}")
    event["dataschema"] = event["dataschema"].replace("viewed:1", f"viewed:{version}")
    event["data"] |= fields
    return Stored(json.dumps(event, separators=(",", ":")).encode(), stored.timestamp, stored.key)


def upgrade(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the SQL of a Dwell whose current `page.viewed` is that version."""

    def statements(name: str) -> str:
        return live.statements(name).replace("page.viewed.v1", f"page.viewed.v{version}")

    monkeypatch.setattr("dwell.warehouse.reading.statements", statements)


def views(projected: Projected) -> list[tuple[str, ...]]:
    return projected.rows("select view_name from pageview order by pageview_id")


def test_records_of_an_older_version_become_rows_of_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(2, monkeypatch)
    with Projected(tmp_path / "w.duckdb", partial(judge, read=IN_2.read)) as projected:
        projected.append(
            [
                glimpse(1, view="Basket"),
                in_version(2, glimpse(2), view="shop:Basket"),
                curt(pageview=3, view="Basket"),
                glimpse(2, 1, view="anything", engagement_ms=4000),  # the other type has version 1
                glimpse(1, view="Basket"),
            ]
        ).project()
        assert views(projected) == [("shop:Basket",)] * 3
        assert projected.rows("select sum(engagement_time), sum(facts) from pageview") == [(4.0, 4)]
        assert projected.rows("from dead_letter") == []


def test_a_version_is_lifted_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(3, monkeypatch)
    with Projected(tmp_path / "w.duckdb", partial(judge, read=IN_3.read)) as projected:
        projected.append(
            [
                glimpse(1, view="Basket"),
                in_version(2, glimpse(2), view="shop:Basket"),
                in_version(3, glimpse(3), view="shop:basket"),
            ]
        ).project()
        assert views(projected) == [("shop:basket",)] * 3


def test_the_order_of_the_versions_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(2, monkeypatch)
    told = [glimpse(1, view="Basket"), in_version(2, glimpse(1), view="shop:Basket")]
    found = []
    for name, records in {"a": told, "b": told[::-1]}.items():
        path = tmp_path / f"{name}.duckdb"
        with Projected(path, partial(judge, read=IN_2.read)) as projected:
            found.append(projected.append(records).project(1).tables())
    assert found[0] == found[1]


def test_a_version_that_is_not_known_yet_waits_as_a_dead_letter_for_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, newer = tmp_path / "w.duckdb", in_version(2, glimpse(1), view="shop:Basket")
    with Projected(path) as projected:
        projected.append([newer, glimpse(2)]).project()
        assert projected.rows("select reason, payload from dead_letter") == [
            ("unknown_version", newer.value)
        ]
    upgrade(2, monkeypatch)
    with Projected(path, partial(judge, read=IN_2.read)) as projected:
        projected.append([newer, glimpse(2), newer])  # the last one is what `retry` appends
        projected.position = 2
        projected.project()
        assert projected.rows("from dead_letter") == []
        assert ("shop:Basket",) in views(projected)


def test_what_is_read_is_always_of_the_current_version() -> None:
    lifted = IN_3.read(glimpse(1, view="Basket", previous=2, previous_seq=7).value)
    assert isinstance(lifted, PageViewed3Record)
    assert (lifted.type, lifted.dataschema) == (f"{VIEWED}.v3", "urn:dwell:page.viewed:3")
    assert (lifted.id, lifted.data.previous_seq) == (f"{uuid7(1)}:0", 7)
    assert lifted.data.occurred_at == NOW
    assert IN_3.read(lifted.model_dump_json().encode()) == lifted


def test_an_older_record_is_checked_by_its_own_model_first() -> None:
    with pytest.raises(Refusal) as caught:
        IN_2.read(glimpse(1).value.replace(b'"age_ms":0', b'"age_ms":-1'))
    assert (caught.value.reason, caught.value.pointer) == (Reason.INVALID_FIELD, "/data/age_ms")


def test_an_upcaster_is_given_whole_data_with_every_default() -> None:
    given: list[Data] = []

    def watch(data: Data) -> Data:
        given.append(data)
        return with_site(data)

    reader = RecordReader((PageViewed2Record, *OTHERS), (PageViewedRecord,), {(VIEWED, 1): watch})
    reader.read(curt(pageview=1).value)
    assert given[0].keys() == ReceivedPageViewed.model_fields.keys()
    assert given[0]["referrer"] == ""


def test_what_an_upcaster_makes_wrong_is_a_dead_letter_and_not_a_row() -> None:
    wrong = {(VIEWED, 1): lambda data: data | {"view": "no site"}}
    reader = RecordReader((PageViewed2Record, *OTHERS), (PageViewedRecord,), wrong)
    with pytest.raises(Refusal, match='view is "no site"'):
        reader.read(glimpse(1).value)


@pytest.mark.parametrize(
    ("type_", "detail"),
    [
        ("dwell.page.viewed.v3", "expected version 1 to 2 of dwell.page.viewed"),
        ("dwell.page.viewed.v0", "expected version 1 to 2 of dwell.page.viewed"),
        ("dwell.page.viewed.v01", "expected version 1 to 2 of dwell.page.viewed"),
        ("dwell.page.viewed.v", "expected version 1 to 2 of dwell.page.viewed"),
        ("dwell.page.visibility_changed.v2", "expected version 1 of dwell.page.visibility_changed"),
    ],
)
def test_a_version_that_nobody_knows_is_refused(type_: str, detail: str) -> None:
    event = json.loads(glimpse(1).value) | {"type": type_}
    with pytest.raises(Refusal, match=detail) as caught:
        IN_2.read(json.dumps(event).encode())
    assert caught.value.reason is Reason.UNKNOWN_VERSION


@pytest.mark.parametrize(
    ("types", "upcasters", "problem"),
    [
        (["a.v1", "a.v2"], {}, "a: nothing lifts version 1 to 2"),
        (["a.v2"], {("a", 1): with_site}, "a: no model of version 1, and there is one of 2"),
        (["a.v1", "a.v3"], {("a", 1): lower}, "a: no model of version 2, and there is one of 3"),
    ],
)
def test_a_step_that_is_missing_is_noticed_at_once(
    types: list[str], upcasters: Mapping[tuple[str, int], Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Versions(types, upcasters)


def test_every_former_version_has_its_step_and_no_other_has() -> None:
    former = {tuple(type_of(each).rsplit(".v", 1)) for each in FORMER}
    assert {(name, str(version)) for name, version in UPCASTERS} == former


def test_the_sql_reads_at_first_sight_the_current_versions_and_no_other() -> None:
    read = set(re.findall(r"'(dwell\.[a-z_.]+\.v\d+)'", live.statements("facts")))
    current = {type_of(each) for each in RECORDS if each is not VisitorForgottenRecord}
    assert read == current


def test_a_former_version_keeps_its_document() -> None:
    made = record_schema(PageViewedRecord)
    assert made["properties"]["type"]["const"] == "dwell.page.viewed.v1"
    assert record_schema(PageViewed2Record)["$id"] == "urn:dwell:record:page.viewed:2"


def test_reading_what_is_current_lifts_nothing() -> None:
    record = read_record(glimpse(1).value)
    assert isinstance(record, PageViewedRecord)
    written = record.model_dump(exclude={"datacontenttype"})
    assert written == json.loads(glimpse(1).value)
