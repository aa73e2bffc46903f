"""What a change of a JSON Schema would break for the facts and readers that exist.

Facts stay in the log for good, so a committed schema may be widened and may gain optional fields;
it is never narrowed, and no field is retyped, renamed or removed. What cannot be compared, such as
two patterns, counts as a break.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED = {
    *_LOWER,
    *_UPPER,
    *("$defs", "type", "enum", "properties", "required", "items", "additionalProperties"),
    *("anyOf", "oneOf"),
}
_REMARKS = {"$id", "$schema", "$comment", "title", "description", "examples", "deprecated"}


def breaks(old: Schema, new: Schema, *, asked: bool = False) -> list[str]:
    """One line for each thing that the new schema breaks, with the field it is about.

    Args:
        asked: the schema is what clients are asked for, and nobody else reads it: they may be asked
            for less.
    """
    return list(_Comparison(old, new, asked).of(old, new, ""))


class _Comparison:
    """Two schemas, each with its own `$defs`."""

    def __init__(self, old: Schema, new: Schema, asked: bool) -> None:
        self.old = old
        self.new = new
        self.asked = asked

    def of(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """Compare two subschemas that describe the same place of a document."""
        old, new = _resolved(old, self.old), _resolved(new, self.new)
        if old.get("type") != new.get("type"):
            yield f"{at or 'the whole'} was {_kind(old)} and would be {_kind(new)}"
            return
        yield from _bounds(old, new, at)
        yield from _values(old, new, at)
        yield from _anything_else(old, new, at)
        yield from self._alternatives(old, new, at)
        yield from self._properties(old, new, at)
        if "items" in new:
            yield from self.of(old.get("items", {}), new["items"], f"{at}[]")

    def _alternatives(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        for keyword in ("anyOf", "oneOf"):
            before = {_name(each, self.old): each for each in old.get(keyword, [])}
            after = {_name(each, self.new): each for each in new.get(keyword, [])}
            for name in before.keys() - after.keys():
                yield f"{at} could be {name} and could be no longer"
            for name in after.keys() - before.keys():
                # A new kind of fact beside the others is welcome; a field of a new type is not.
                if not before or keyword == "anyOf":
                    yield f"{at} could not be {name} and could be now"
            for name in before.keys() & after.keys():
                yield from self.of(before[name], after[name], at)

    def _properties(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            field = f"{at}.{name}" if at else name
            if name not in after:
                yield f"{field} would be removed, or renamed"
                continue
            if name in required_before - required_after and not self.asked:
                yield f"{field} was required and would be optional"
            yield from self.of(before[name], after[name], field)
        for name in sorted(required_after - required_before):
            yield f"{f'{at}.{name}' if at else name} would be required and was not"


def _resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a `$ref` names, with the remarks beside the reference left out."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def _kind(schema: Schema) -> str:
    return str(schema["type"]) if "type" in schema else "one of several types"


def _name(schema: Schema, root: Schema) -> str:
    """What an alternative is known by: its constant `type` field, or else its type."""
    schema = _resolved(schema, root)
    tag = schema.get("properties", {}).get("type", {})
    return str(tag.get("const", schema.get("type", schema)))


def _bounds(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for names, narrower in ((_LOWER, float.__gt__), (_UPPER, float.__lt__)):
        for name in names:
            before, after = old.get(name), new.get(name)
            if after is None or before == after:
                continue
            if before is None or narrower(float(after), float(before)):
                yield f"{at}: {name} was {before} and would be {after}"


def _values(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if "enum" in new and "enum" not in old:
        yield f"{at} could be anything and would be one of {new['enum']}"
    for value in old.get("enum", ()):
        if value not in new.get("enum", [value]):
            yield f"{at} could be {value!r} and could be no longer"
    before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if after != before and after is not True:
        yield f"{at or 'the whole'}: additionalProperties was {before} and would be {after}"


def _anything_else(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for keyword in sorted((old.keys() | new.keys()) - _COMPARED - _REMARKS):
        before, after = old.get(keyword), new.get(keyword)
        if before != after:
            yield f"{at}: {keyword} was {before!r} and would be {after!r}"
