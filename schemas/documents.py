"""The documents for other people's tools, made from the models: JSON Schemas and an AsyncAPI file.

`python -m dwell.schemas.documents` writes them beside this module, `--check` compares. Both refuse
a change that would break the facts and readers that exist: what is committed is the baseline.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from dwell.schemas.compatibility import breaks
from dwell.schemas.facts import PageViewed, VisibilityChanged, VisitorForgotten
from dwell.schemas.records import (
    FORMER,
    RECORDS,
    Envelope,
    record_of_forgotten,
    record_of_glimpse,
    type_of,
)
from dwell.schemas.wire import Body

FOLDER = Path(__file__).parent
DIALECT = GenerateJsonSchema.schema_dialect
WIRE = "json/wire.v1.json"
EVERY: tuple[type[Envelope], ...] = (*RECORDS, *FORMER)
"""Every version that was ever committed has its documents, for as long as facts of it are in logs."""
RECEIVED_AT = 1_795_416_600_123
"""Of the examples: 2026-11-23T06:50:00.123Z."""

_VISITOR = "0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"
_SEEN: dict[str, Any] = {
    "type": "page.viewed",
    "pageview_id": "0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01",
    "seq": 0,
    "session_id": _VISITOR,
    "view": "dwell.site.pages.page_a.PageA",
    "identity": {"path": "/page_a", "title": "Page A"},
    "visibility": "visible",
    "engagement_ms": 0,
    "age_ms": 0,
    "delay_ms": 4,
}
_LEFT = _SEEN | {
    "type": "page.visibility_changed",
    "seq": 1,
    "visibility": "hidden",
    "engagement_ms": 3000,
    "age_ms": 3002,
}


class _Plain(GenerateJsonSchema):
    """Without a title for each field, and without OpenAPI's own `discriminator`."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        made = super().tagged_union_schema(schema)
        made.pop("discriminator", None)
        return made


def documents() -> dict[str, str]:
    """The text of every document, by its path from this folder."""
    made = {f"json/{type_of(record)}.json": record_schema(record) for record in EVERY}
    made[WIRE] = {"$schema": DIALECT, "$id": "urn:dwell:wire:1"} | schema_of(Body)
    made["asyncapi.json"] = asyncapi()
    return {
        path: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for path, document in made.items()
    }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model."""
    return model.model_json_schema(schema_generator=_Plain)


def record_schema(record: type[Envelope]) -> dict[str, Any]:
    """The JSON Schema of a record as it stands in the log.

    That of its `data` has the URN that the record names as its `dataschema`.
    """
    schema = schema_of(record)
    urn = schema["properties"]["dataschema"]["const"]
    data = schema["properties"]["data"]["$ref"].removeprefix("#/$defs/")
    schema["$defs"][data] = {"$id": urn} | schema["$defs"][data]
    return {"$schema": DIALECT, "$id": urn.replace(":dwell:", ":dwell:record:")} | schema


def examples() -> dict[str, Any]:
    """A record of each type, as Dwell writes it, by type; of a former version there is none."""
    seen, left = PageViewed.model_validate(_SEEN), VisibilityChanged.model_validate(_LEFT)
    received: dict[str, Any] = {
        "visitor_id": _VISITOR,
        "browser_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    }
    forgotten = VisitorForgotten(visitor_id=_VISITOR, received_at=RECEIVED_AT + 86_400_000)
    records = (
        record_of_glimpse(seen, received_at=RECEIVED_AT, **received),
        record_of_glimpse(left, received_at=RECEIVED_AT + 3_004, **received),
        record_of_forgotten(forgotten, id_="0193aae8-d770-7a3c-9d52-8a7a3cd46f10"),
    )
    return {event["type"]: event for event in map(json.loads, records)}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the log."""
    _, schemas = models_json_schema(
        [(record, "validation") for record in EVERY],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Plain,
    )
    names = {record: type_of(record) for record in EVERY}
    refs = [{"$ref": f"#/channels/facts/messages/{name}"} for name in names.values()]
    operation = {"channel": {"$ref": "#/channels/facts"}, "messages": refs}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dwell's facts",
            "version": "1",
            "description": "How long visitors really looked at pages, as immutable facts in a log. "
            "The number in a message's type is its version. A version gains optional fields at "
            "most, so readers leave alone what they do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "facts": {
                "address": None,
                "title": "The log of facts",
                "description": "The log that DWELL_LOG names. Facts of one visitor share a key. "
                "The same fact may stand in it more than once, and facts in any order: source and "
                "id identify a fact.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in names.values()
                },
            }
        },
        "operations": {
            "append": {
                "action": "send",
                "title": "Append facts",
                "description": "Done when the facts are durable. What was not acknowledged may be "
                "in the log all the same and is appended again: duplicates do no harm.",
                **operation,
            },
            "read": {
                "action": "receive",
                "title": "Read facts",
                "description": "From an offset, partition by partition. Offsets ascend, with gaps.",
                **operation,
            },
        },
        "components": {
            "messages": {name: _message(record, name) for record, name in names.items()},
            "schemas": schemas["$defs"],
        },
    }


def _message(record: type[Envelope], name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": record.__doc__,
        "contentType": "application/cloudevents+json",
        "description": "A CloudEvents 1.0 object in structured mode. The record's timestamp is "
        "received_at.",
        "payload": {"$ref": f"#/components/schemas/{record.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The visitor_id, in lower case."},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [
            {"name": "example", "payload": payload}
            for type_, payload in examples().items()
            if type_ == name
        ],
    }


def incompatible(folder: Path, made: Mapping[str, str]) -> list[str]:
    """What in the new schemas breaks those that stand in the folder, a line each."""
    lines = []
    for committed in sorted((folder / "json").glob("*.json")):
        path = f"json/{committed.name}"
        if path not in made:
            lines.append(f"{path}: no model makes it any more, but facts of it may be in a log")
            continue
        old, new = json.loads(committed.read_text()), json.loads(made[path])
        found = breaks(old, new, asked=path == WIRE)
        lines += [f"{path}: {line}" for line in found]
    return lines


def stale(folder: Path, made: Mapping[str, str]) -> list[str]:
    """The paths whose document is missing from the folder or another than the new one."""
    return [
        path
        for path, text in made.items()
        if not (folder / path).exists() or (folder / path).read_text() != text
    ]


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write the documents, or with `--check` only compare them; 1 when they may not or do not fit."""
    made = documents()
    if broken := incompatible(folder, made):
        return _say(*broken, "a version that has been committed is kept: give the fact a new one")
    outdated = stale(folder, made)
    if list(arguments) == ["--check"]:
        return _say(*(f"{path} is not what the models say: run ./dev docs" for path in outdated))
    for path in outdated:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(made[path])
    return 0


def _say(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"schemas: {line}\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
