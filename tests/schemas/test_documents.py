import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from dwell.schemas import documents
from dwell.schemas.documents import FOLDER, examples, incompatible, main, stale
from tests.support.house import ROOT
from tests.support.wire import FACT, LATER

VIEWED = "json/dwell.page.viewed.v1.json"
WIRE = "json/wire.v1.json"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every document as the models say it."""
    assert main([], tmp_path) == 0
    return tmp_path


def test_the_committed_documents_are_what_the_models_say() -> None:
    assert stale(FOLDER, documents.documents()) == []
    assert incompatible(FOLDER, documents.documents()) == []


def test_the_command_checks() -> None:
    command = [sys.executable, "-m", "dwell.schemas.documents", "--check"]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_document_that_differs_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], folder) == 0
    (folder / "asyncapi.json").write_text("{}")
    assert main(["--check"], folder) == 1
    said = "schemas: asyncapi.json is not what the models say: run ./dev docs\n"
    assert capsys.readouterr().err == said
    assert main([], folder) == 0
    assert main(["--check"], folder) == 0


def data(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page view's data, in that of its record."""
    found: dict[str, Any] = schema["$defs"]["ReceivedPageViewed"]
    return found


def changed(path: str, change: Change) -> dict[str, str]:
    """The documents that models would make whose schema is changed."""
    made = documents.documents()
    schema = json.loads(made[path])
    change(schema)
    return made | {path: json.dumps(schema, indent=2) + "\n"}


def rename(schema: dict[str, Any]) -> None:
    data(schema)["properties"]["link"] = data(schema)["properties"].pop("referrer")


@pytest.mark.parametrize(
    ("change", "break_"),
    [
        (rename, "data.referrer would be removed, or renamed"),
        (
            lambda schema: data(schema)["properties"]["seq"].update(type="string"),
            "data.seq was integer and would be string",
        ),
        (
            lambda schema: data(schema)["properties"]["seq"].update(type="number"),
            "data.seq was integer and would be number",
        ),
        (
            lambda schema: data(schema)["properties"].update(
                view={"anyOf": [{"type": "string"}, {"type": "null"}]}
            ),
            "data.view was string and would be one of several types",
        ),
        (
            lambda schema: data(schema)["properties"]["previous_pageview_id"]["anyOf"].pop(),
            "data.previous_pageview_id could be null and could be no longer",
        ),
        (
            lambda schema: data(schema)["properties"]["previous_pageview_id"]["anyOf"].append(
                {"type": "integer"}
            ),
            "data.previous_pageview_id could not be integer and could be now",
        ),
        (
            lambda schema: data(schema)["properties"]["age_ms"].update(maximum=1000),
            "data.age_ms: maximum was 34560000000 and would be 1000",
        ),
        (
            lambda schema: data(schema)["properties"]["age_ms"].update(minimum=1),
            "data.age_ms: minimum was 0 and would be 1",
        ),
        (
            lambda schema: data(schema)["properties"]["browser_agent"].update(maxLength=512),
            "data.browser_agent: maxLength was None and would be 512",
        ),
        (
            lambda schema: data(schema)["properties"]["view"].update(pattern="^[a-z]+$"),
            "data.view: pattern was",
        ),
        (
            lambda schema: data(schema)["properties"]["visibility"]["enum"].remove("hidden"),
            "data.visibility could be 'hidden' and could be no longer",
        ),
        (
            lambda schema: data(schema)["properties"]["view"].update(enum=["a"]),
            "data.view could be anything and would be one of ['a']",
        ),
        (
            lambda schema: data(schema)["properties"]["referrer"].update(default="none"),
            "data.referrer: default was '' and would be 'none'",
        ),
        (
            lambda schema: data(schema)["required"].append("referrer"),
            "data.referrer would be required and was not",
        ),
        (
            lambda schema: data(schema)["required"].remove("view"),
            "data.view was required and would be optional",
        ),
        (
            lambda schema: (
                data(schema)["required"].append("country"),
                data(schema)["properties"].update(country={"type": "string"}),
            ),
            "data.country would be required and was not",
        ),
        (
            lambda schema: data(schema).update(additionalProperties=False),
            "data: additionalProperties was True and would be False",
        ),
        (
            lambda schema: schema["properties"]["type"].update(const="dwell.page.seen.v1"),
            "type: const was 'dwell.page.viewed.v1' and would be 'dwell.page.seen.v1'",
        ),
        (
            lambda schema: schema["properties"].pop("subject"),
            "subject would be removed, or renamed",
        ),
    ],
)
def test_a_change_that_breaks_is_refused_and_nothing_is_written(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    break_: str,
) -> None:
    before = (folder / VIEWED).read_text()
    made = changed(VIEWED, change)
    monkeypatch.setattr(documents, "documents", lambda: made)
    for arguments in ([], ["--check"]):
        assert main(arguments, folder) == 1
        said = capsys.readouterr().err
        assert f"schemas: {VIEWED}: {break_}" in said
        assert "give the fact a new one" in said
        assert (folder / VIEWED).read_text() == before


@pytest.mark.parametrize(
    ("change", "break_"),
    [
        (
            lambda schema: schema["properties"]["facts"].update(maxItems=50),
            "facts: maxItems was 100 and would be 50",
        ),
        (
            lambda schema: schema["properties"]["facts"]["items"]["oneOf"].pop(),
            "facts[] could be page.visibility_changed and could be no longer",
        ),
        (
            lambda schema: schema["$defs"]["PageViewed"]["properties"]["seq"].update(minimum=1),
            "facts[].seq: minimum was 0 and would be 1",
        ),
    ],
)
def test_the_wire_is_held_as_well(folder: Path, change: Change, break_: str) -> None:
    assert incompatible(folder, changed(WIRE, change)) == [f"{WIRE}: {break_}"]


def test_a_version_that_no_model_makes_any_more_is_refused(folder: Path) -> None:
    made = documents.documents()
    del made[VIEWED]
    assert incompatible(folder, made) == [
        f"{VIEWED}: no model makes it any more, but facts of it may be in a log"
    ]


def new_kind(schema: dict[str, Any]) -> None:
    seen = schema["$defs"]["PageViewed"]
    printed = seen | {"properties": seen["properties"] | {"type": {"const": "page.printed"}}}
    schema["$defs"]["PagePrinted"] = printed
    schema["properties"]["facts"]["items"]["oneOf"].append({"$ref": "#/$defs/PagePrinted"})


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (VIEWED, lambda schema: data(schema)["properties"].update(country={"type": "string"})),
        (VIEWED, lambda schema: data(schema)["properties"]["age_ms"].update(maximum=10**12)),
        (VIEWED, lambda schema: data(schema)["properties"]["age_ms"].pop("maximum")),
        (VIEWED, lambda schema: data(schema)["properties"]["view"].update(description="Its name.")),
        (VIEWED, lambda schema: data(schema)["properties"]["visibility"]["enum"].append("asleep")),
        (WIRE, lambda schema: schema["properties"]["facts"].update(maxItems=1000)),
        (WIRE, new_kind),
    ],
)
def test_what_is_only_added_or_widened_is_welcome(folder: Path, path: str, change: Change) -> None:
    made = changed(path, change)
    assert stale(folder, made) == [path]
    assert incompatible(folder, made) == []


def test_every_schema_is_one() -> None:
    for path in (FOLDER / "json").glob("*.json"):
        Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_the_schema_of_the_data_has_the_urn_that_a_record_names() -> None:
    schema = json.loads((FOLDER / VIEWED).read_text())
    event = examples()["dwell.page.viewed.v1"]
    assert data(schema)["$id"] == event["dataschema"]
    Draft202012Validator({"$defs": {"it": data(schema)}, "$ref": event["dataschema"]}).validate(
        event["data"]
    )


def test_the_wire_takes_both_facts_and_no_other() -> None:
    wire = Draft202012Validator(json.loads((FOLDER / WIRE).read_text()))
    wire.validate({"facts": [FACT, LATER]})
    assert not wire.is_valid({"facts": [FACT | {"type": "visitor.forgotten"}]})
    assert not wire.is_valid({"facts": []})


ASYNCAPI = json.loads((FOLDER / "asyncapi.json").read_text())


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def followed(reference: str) -> Any:
    """What a reference of the AsyncAPI document points to."""
    node = ASYNCAPI
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_the_asyncapi_document_has_what_version_3_requires() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= ASYNCAPI["info"].keys()
    assert {each["action"] for each in ASYNCAPI["operations"].values()} == {"send", "receive"}
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        of_channel = {f"{channel}/messages/{name}" for name in followed(channel)["messages"]}
        assert {message["$ref"] for message in operation["messages"]} == of_channel
    assert all(followed(reference) for reference in references(ASYNCAPI))


def test_the_asyncapi_document_is_valid_by_its_own_schema() -> None:
    path = ROOT / ".cache/npm/node_modules/@asyncapi/specs/schemas/3.0.0.json"
    if not path.exists():
        pytest.skip("@asyncapi/specs is not here; ./dev test brings it by npm")
    specification = Draft7Validator(json.loads(path.read_text()))
    specification.validate(ASYNCAPI)
    wrong = ASYNCAPI | {"operations": {"read": {"action": "get"}}}
    assert not specification.is_valid(wrong)


def test_the_asyncapi_messages_are_the_records() -> None:
    messages = ASYNCAPI["components"]["messages"]
    assert [f"json/{name}.json" for name in messages] == [
        path for path in documents.documents() if path.startswith("json/dwell.")
    ]
    for name, message in messages.items():
        schema = json.loads((FOLDER / f"json/{name}.json").read_text())
        (example,) = message["examples"]
        Draft202012Validator(schema).validate(example["payload"])
        properties = followed(message["payload"]["$ref"])["properties"]
        assert properties.keys() == schema["properties"].keys()
        assert message["bindings"]["kafka"]["key"]["type"] == "string"
