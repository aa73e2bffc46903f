"""One dead letter, whole, for people."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click

from dwell.commands.dead_letters.questions import question
from dwell.commands.sql.forms import plain, rows_of, safe
from dwell.settings import Settings
from dwell.warehouse.session import Session

INDENT = "  "
HEX_BYTES = 16
"""Bytes in a line of what is not text."""

OPENING, CLOSING = ("{", "["), ("}", "]")

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def show_letter(settings: Settings, letter: str) -> int:
    """Write everything that is known of it; returns 1 if there is no such letter."""
    found = _find(settings, letter)
    if found is None:
        click.echo(
            f"dwell: there is no dead letter {letter}; `dwell dead-letters list` shows them",
            err=True,
        )
        return 1
    for line in lines_of(letter, found):
        click.echo(line)
    return 0


def lines_of(letter: str, found: dict[str, Any]) -> Iterator[str]:
    """What is said of a letter, given by the columns of its row. Nothing in it steers a terminal."""
    payload: bytes = found["payload"]
    key = found.get("key")
    said = {
        "letter": letter,
        "reason": found["reason"],
        "detail": found["detail"],
        "received_at": f"{plain(found['received_at'])} UTC",
        "forwarded_at": _moment(found.get("forwarded_at")),
        "key": "not known" if key is None else plain(key) or "empty",
        "bytes": str(len(payload)),
    }
    width = max(map(len, said))
    for name, text in said.items():
        yield f"{name.ljust(width)}  {safe(text)}"
    form, lines = written(payload)
    yield ""
    yield f"The record, {form}:" if payload else "The record is empty."
    yield from lines


def written(payload: bytes) -> tuple[str, list[str]]:
    """In which form a payload is shown, and its lines: JSON, other text, or bytes."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return "which is not UTF-8", list(_dump(payload))
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "which is not JSON", [safe(line) for line in text.split("\n")] if text else []
    return "JSON", list(_laid_out(text))


def _laid_out(text: str) -> Iterator[str]:
    """JSON with a line for each value. Every token stays as it was: what is wrong with a record may
    be how a number or a name is written, or that a name comes twice."""
    depth, line, before = 0, "", ""
    for part in _TOKEN.findall(text):
        opened, closes = before in OPENING, part in CLOSING
        depth -= closes
        if opened != closes or before == ",":
            yield safe(line)
            line = INDENT * depth
        line += ": " if part == ":" else part
        depth += part in OPENING
        before = part
    yield safe(line)


def _dump(payload: bytes) -> Iterator[str]:
    """Hexadecimal, with the place before and the printable characters behind."""
    for at in range(0, len(payload), HEX_BYTES):
        part = payload[at : at + HEX_BYTES]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:08x}  {part.hex(' ').ljust(3 * HEX_BYTES - 1)}  {characters}"


def _moment(value: Any) -> str:
    return "not forwarded" if value is None else f"{plain(value)} UTC"


def _find(settings: Settings, letter: str) -> dict[str, Any] | None:
    partition, offset = map(int, letter.split(":"))
    with Session(settings.published) as session:
        for result in session.run(question("show"), {"partition": partition, "offset": offset}):
            for row in rows_of(result):
                return dict(zip(result.columns, row, strict=True))
    return None
