"""Every shape in which a fact was ever written is read, by every reader, to the rows it always gave."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dwell.consumers.judge import judge
from dwell.schemas.documents import FOLDER
from dwell.schemas.records import read_record, record_of_glimpse
from dwell.schemas.upcasting import Versions
from dwell.schemas.wire import read_facts
from dwell.warehouse.reading import Readable
from tests.support.facts import Projected, Stored, narrow_judge
from tests.support.house import ROOT

SAMPLES = Path(__file__).parent / "samples"
RECORDS = sorted(SAMPLES.glob("dwell.*/*.jsonl"))
BODIES = sorted(each for each in SAMPLES.glob("wire.*/*.json") if ".rows" not in each.name)
BY_OTHERS = ("least", "foreign")
"""Shapes that Dwell itself never wrote, which the schema allows to others."""

VISITOR = "6f1d3f0a-93a5-4c2e-8b6e-7c110a9c0153"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
RECEIVED_AT = 1_795_416_600_123

Rows = dict[str, list[dict[str, Any]]]


def name_of(path: Path) -> str:
    return path.relative_to(SAMPLES).as_posix()


def records_in(path: Path) -> list[bytes]:
    """The records of a sample, byte for byte."""
    return path.read_bytes().splitlines()


def expected_of(path: Path) -> Rows:
    """The rows that a sample must give."""
    expected: Rows = json.loads(path.with_suffix(".rows.json").read_text())
    return expected


def rows(projected: Projected, values: Iterable[bytes], expected: Rows) -> Rows:
    """What the projection makes of records: the tables and columns that a sample tells of."""
    projected.append(Stored(value, RECEIVED_AT) for value in values).project()
    assert projected.rows("select detail from dead_letter") == []
    return {table: read(projected, table, told) for table, told in expected.items()}


def read(projected: Projected, table: str, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(told[0]) if told else [name for name, *_ in projected.rows(f"describe {table}")]
    columns = ", ".join(f'"{name}"' for name in names)
    found = projected.rows(f"select {columns} from {table} order by all")
    return [dict(zip(names, map(plain, row), strict=True)) for row in found]


def plain(value: Any) -> Any:
    """As a sample says it: numbers, truth and null as JSON's, all else as text."""
    return value if value is None or isinstance(value, int | float) else str(value)


def test_every_committed_schema_has_samples() -> None:
    committed = {path.stem for path in (ROOT / "schemas" / "json").glob("*.json")}
    assert {path.parent.name for path in RECORDS + BODIES} == committed
    current = Versions(name for name in committed if name.startswith("dwell.")).current
    for name, version in current.items():
        assert list(SAMPLES.glob(f"{name}.v{version}/*.jsonl"))


def test_every_sample_is_what_it_was_when_it_was_added() -> None:
    told = {}
    for line in (SAMPLES / "digests.txt").read_text().splitlines():
        if not line.startswith("#"):
            digest, _, name = line.partition("  ")
            assert name not in told, (
                f"{name} is told of twice: a sample is never changed, add another"
            )
            told[name] = digest
    files = {name_of(path): path for path in SAMPLES.glob("*/*")}
    assert told.keys() - files.keys() == set(), "samples are gone: records of these shapes are not"
    assert files.keys() - told.keys() == set(), "samples/README.md says how to add a sample"
    changed = [
        name
        for name, path in files.items()
        if hashlib.sha256(path.read_bytes()).hexdigest() != told[name]
    ]
    assert changed == [], "a sample is never changed, because logs are not: add another"


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_every_record_is_valid_by_the_schema_that_was_committed(path: Path) -> None:
    for value in records_in(path):
        event = json.loads(value)
        schema = json.loads((FOLDER / "json" / f"{event['type']}.json").read_text())
        Draft202012Validator(schema).validate(event)
    assert path.parent.name in {json.loads(value)["type"] for value in records_in(path)}


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_the_projection_makes_the_rows_that_it_always_made(path: Path, tmp_path: Path) -> None:
    expected = expected_of(path)
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        assert rows(projected, records_in(path), expected) == expected


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_the_models_read_every_record_to_the_same_rows(path: Path, tmp_path: Path) -> None:
    expected = expected_of(path)
    read = [judged(value) for value in records_in(path)]
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        assert rows(projected, read, expected) == expected


def judged(value: bytes) -> bytes:
    """The record as the judge writes it anew, if it is a fact of a page."""
    verdict = judge(value)
    return verdict.value if isinstance(verdict, Readable) else value


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in RECORDS
        if path.stem not in BY_OTHERS and "forgotten" not in path.parent.name
    ],
    ids=name_of,
)
def test_what_dwell_wrote_in_the_current_version_is_read_at_first_sight(
    path: Path, tmp_path: Path
) -> None:
    current = {read_record(value).type for value in records_in(path)}
    if path.parent.name not in current:
        pytest.skip("a former version: the judge lifts it, unless the SQL has a reader of its own")
    with Projected(tmp_path / "warehouse.duckdb", narrow_judge) as projected:
        expected = expected_of(path)
        assert rows(projected, records_in(path), expected) == expected


@pytest.mark.parametrize("path", BODIES, ids=name_of)
def test_every_body_that_browsers_posted_is_taken_to_the_same_rows(
    path: Path, tmp_path: Path
) -> None:
    body, expected = path.read_bytes(), expected_of(path)
    reading = read_facts(body)
    assert reading.errors == []
    received: dict[str, Any] = {
        "visitor_id": VISITOR,
        "browser_agent": AGENT,
        "received_at": RECEIVED_AT,
    }
    values = [record_of_glimpse(fact, **received) for fact in reading.facts]
    with Projected(tmp_path / "warehouse.duckdb") as projected:
        assert rows(projected, values, expected) == expected


@pytest.mark.parametrize("path", BODIES, ids=name_of)
def test_every_body_is_valid_by_the_schema_that_was_committed(path: Path) -> None:
    schema = json.loads((FOLDER / "json" / f"{path.parent.name}.json").read_text())
    Draft202012Validator(schema).validate(json.loads(path.read_bytes()))
