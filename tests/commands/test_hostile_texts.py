"""What visitors send is shown by every command, and obeyed by no terminal."""

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from dwell.cli import run
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from tests.support.facts import NOW, Projected, Stored, glimpse, uuid7
from tests.support.publishing import copy_of

CONTROLS = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\x08\r\u202e"
"""Clears a screen, names a window, colours it, deletes, overwrites, and turns the writing round."""
RECORDS = [
    glimpse(
        1,
        view=f"view{CONTROLS}",
        identity={"path": f"/{CONTROLS}", "title": CONTROLS, CONTROLS: 1},
        referrer=f"https://{CONTROLS}.example/",
        browser_agent=f"Mozilla/5.0 {CONTROLS}",
    ),
    glimpse(1, 1, engagement_ms=5000, view=f"view{CONTROLS}"),
    Stored(f'{{"not": json {CONTROLS}'.encode(), NOW + 1, CONTROLS.encode()),
]
COMMANDS = [
    ["sql", "from pageview"],
    ["sql", "select view_name::integer from pageview"],
    ["sql", f'select 1 as "{CONTROLS}"'],
    ["sql", f"selec {CONTROLS}"],
    ["sql", "from dead_letter", "--format", "csv"],
    ["query", "engagement_by_view", "--since", "2025-01-01"],
    ["query", CONTROLS],
    ["explain", uuid7(1)],
    ["explain", CONTROLS],
    ["facts", "show", "0:0"],
    ["facts", "show", "0:2"],
    ["facts", "show", CONTROLS],
    ["dead-letters", "list"],
    ["dead-letters", "show", "0:2"],
    ["dead-letters", "retry"],
    ["doctor"],
    ["verify", CONTROLS],
    [CONTROLS],
]


def have(settings: Settings, records: Sequence[Stored]) -> None:
    """The records in the log, and the warehouse that they make, published."""

    async def append() -> str:
        writer, reader = open_writer(settings), open_reader(settings)
        await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
        await writer.close()
        identity = await reader.identity()
        await reader.close()
        return identity

    identity = asyncio.run(append())
    with Projected(settings.warehouse) as projected:
        projected.warehouse.belong_to(identity)
        projected.append(records).project(100)
        copy_of(projected.warehouse, settings.data)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    have(Settings(data=folder), RECORDS)
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: re.sub(r"\W+", "_", command[0]))
def test_no_command_lets_a_control_character_through(
    command: list[str],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DWELL_DATA", str(data))
    monkeypatch.setenv("DWELL_TIMEZONE", "UTC")
    run(command)
    said = capsys.readouterr()
    assert said.out + said.err
    for each in said.out + said.err:
        assert each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf"), repr(said)
