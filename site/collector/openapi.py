"""The collector in OpenAPI 3.1, made of the models of facts and the table of refusals.

`python -m dwell.site.collector.openapi` prints what stands in docs/collector.openapi.json.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from dwell.health import LIVE, READY
from dwell.schemas.documents import schema_of
from dwell.schemas.refusals import Reason
from dwell.schemas.stated import ServerBody
from dwell.schemas.wire import Body
from dwell.site.collector.refusals import STATUS, TITLES, Cause
from dwell.site.collector.servers import PATH as SERVERS

_DEFINITIONS = "#/components/schemas/"
_OF_THE_MOUNT = {Cause.NOT_FOUND, Cause.METHOD}
_OF_SERVERS = {Cause.UNKNOWN_KEY}
_OF_THE_END = {Cause.OTHER_ORIGIN}
_TEXT = {"type": "string"}
_COOKIE = {
    "Set-Cookie": {"description": "The visitor, for another 400 days.", "schema": _TEXT},
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}


def description() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dwell's collector",
            "version": "1",
            "description": "Takes facts of how long pages could be seen, and answers when they are "
            "durable. 204 and 400 settle every fact of a request, 403 and 413 too, but for a batch "
            "that can be split; after any other answer, or none, the same facts are sent again.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/dwell", "description": "DWELL_PREFIX"}],
        "paths": {
            "/facts": {"post": _facts()},
            SERVERS: {"post": _server_facts()},
            "/visitor": {"delete": _end("endVisitor"), "post": _end("endVisitorByPost")},
            "/beacon.js": {"get": _beacon()},
            LIVE: {"get": _health("live", "Whether it lives.")},
            READY: {"get": _health("ready", "Whether a fact can be made durable now.")},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _facts() -> dict[str, Any]:
    body = {"schema": {"$ref": f"{_DEFINITIONS}Body"}}
    causes = set(STATUS) - _OF_THE_MOUNT - _OF_SERVERS
    kept = "Every fact is durable, or the visitor opts out (Sec-GPC, DNT) and nothing is kept."
    return {
        "operationId": "postFacts",
        "summary": "Post facts.",
        "requestBody": {
            "required": True,
            "content": {"application/json": body, "text/plain": body},
        },
        "responses": {"204": {"description": kept, "headers": _COOKIE}, **_refusals(causes)},
    }


def _server_facts() -> dict[str, Any]:
    body = {"schema": {"$ref": f"{_DEFINITIONS}ServerBody"}}
    causes = set(STATUS) - {Cause.METHOD, Cause.OTHER_ORIGIN}
    return {
        "operationId": "postServerFacts",
        "summary": "Post facts of whatever day since 1970 as a server; not found where no server has a key.",
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": body, "text/plain": body},
        },
        "responses": {"204": {"description": "Every fact is durable."}, **_refusals(causes)},
    }


def _end(name: str) -> dict[str, Any]:
    done = {"description": "The browser drops the visitor and the session.", "headers": _COOKIE}
    return {
        "operationId": name,
        "summary": "End the visitor of this browser.",
        "responses": {"204": done, **_refusals(_OF_THE_END)},
    }


def _beacon() -> dict[str, Any]:
    script = {"text/javascript": {"schema": _TEXT}}
    return {
        "operationId": "getBeacon",
        "summary": "The script for pages, under its stable name.",
        "responses": {"200": {"description": "The script.", "content": script}},
    }


def _health(name: str, summary: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object", "required": [name]}}}
    return {
        "operationId": f"is{name.capitalize()}",
        "summary": summary,
        "responses": {
            "200": {"description": "Yes.", "content": content},
            "503": {"description": "No.", "content": content},
        },
    }


def _refusals(causes: Iterable[Cause | Reason]) -> dict[str, Any]:
    """By status, the titles of those that have it."""
    titles: dict[int, list[str]] = {}
    for cause in sorted(causes, key=str):
        if STATUS[cause] >= 400 and TITLES[cause] not in titles.setdefault(STATUS[cause], []):
            titles[STATUS[cause]].append(TITLES[cause])
    return {str(status): _refusal(status, titles[status]) for status in sorted(titles)}


def _refusal(status: int, titles: list[str]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": f"{_DEFINITIONS}Problem"}}}
    made: dict[str, Any] = {"description": ". ".join(titles) + ".", "content": content}
    return made | ({"headers": _RETRY} if status in (429, 503) else {})


def _schemas() -> dict[str, Any]:
    bodies = {"Body": _within(schema_of(Body)), "ServerBody": _within(schema_of(ServerBody))}
    parts = [body.pop("$defs") for body in bodies.values()]
    return {**parts[0], **parts[1], **bodies, "Problem": _within(schema_of(Problem))}


def _within(schema: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(schema).replace("#/$defs/", _DEFINITIONS))
    if "$defs" in made and "Wrong" in made["$defs"]:
        made["properties"]["errors"]["items"] = made.pop("$defs")["Wrong"]
    return made


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    accepted: int = 0
    errors: list[Wrong] = []


def main() -> None:
    """Print it."""
    sys.stdout.write(json.dumps(description(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
