import asyncio
import csv
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from dwell.cli import run
from dwell.commands.dead_letters.showing import written
from dwell.events.log import NewRecord
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings
from dwell.warehouse import snapshot
from dwell.warehouse.reading import Unreadable, Verdict
from tests.support.facts import NOW, Projected, Stored, curt, forgotten, glimpse, narrow_judge
from tests.support.house import ROOT
from tests.support.running import environment, running, wait_until
from tests.support.terminal import in_terminal

DAY = 86_400_000
NASTY = b'\x1b[2J\xe2\x80\xae{"not": json'
WRONG = glimpse(9).value.replace(b'"age_ms":0', b'"age_ms":-1')
RECORDS = [
    glimpse(1, visitor=1),
    curt(pageview=2, visitor=1),  # 0:1, which this version can read
    Stored(b"\xff\xfe" + bytes(20), NOW + 1, b"key"),  # 0:2
    Stored(NASTY, NOW + 2),  # 0:3
    Stored(WRONG, NOW + 3),  # 0:4
    curt(pageview=2, visitor=1),  # 0:5, the same as 0:1
    forgotten(8, NOW + 5),  # 0:6, which this version can read
    Stored(b" ", NOW + DAY),  # 0:7
]

Said = Callable[..., tuple[int, str, str]]


async def append(settings: Settings, records: Sequence[Stored]) -> str:
    """Append to the log of these settings; returns its identity."""
    writer, reader = open_writer(settings), open_reader(settings)
    await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
    await writer.close()
    identity = await reader.identity()
    await reader.close()
    return identity


def publish_what_was_set_aside(
    settings: Settings,
    records: Sequence[Stored] = tuple(RECORDS),
    judge: Callable[[bytes], Verdict] = narrow_judge,
) -> None:
    """Have a log with records that an older version could not read, and the warehouse it published."""
    identity = asyncio.run(append(settings, records))
    with Projected(settings.warehouse, judge) as projected:
        projected.warehouse.belong_to(identity)
        projected.append(list(records)).project()
        projected.warehouse.checkpoint()
        snapshot.copy(projected.warehouse.path, settings.published)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a warehouse, with the embedded log."""
    settings = Settings(data=tmp_path_factory.mktemp("original") / "data")
    publish_what_was_set_aside(settings)
    return settings.data


@pytest.fixture
def data(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(original, tmp_path / "data")


@pytest.fixture
def said(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs `dwell dead-letters` with the arguments: exit status, standard output and error."""
    monkeypatch.setenv("DWELL_DATA", str(data))

    def say(*arguments: str) -> tuple[int, str, str]:
        return run(["dead-letters", *arguments]), *capsys.readouterr()

    return say


async def read_log(data: Path) -> list[tuple[bytes, bytes, int]]:
    """Key, value and time of what the log has beyond the first records."""
    reader = open_reader(Settings(data=data))
    await reader.assign({0: len(RECORDS)})
    batches = await reader.read(100, 0.2)
    await reader.close()
    return [
        row
        for batch in batches
        for row in zip(batch.keys, batch.values, batch.timestamps, strict=True)
    ]


def appended(data: Path) -> list[tuple[bytes, bytes, int]]:
    return asyncio.run(read_log(data))


def examples() -> list[str]:
    """The commands of docs/dead-letters.md, as they stand there."""
    page = (ROOT / "docs" / "dead-letters.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.real_broker
def test_a_misspelt_topic_is_refused_and_not_made(
    kafka: str,
    topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = f"kafka://{kafka}/{topic}"
    given = {"log": log, "data": tmp_path / "data", "topic_partitions": 1}
    publish_what_was_set_aside(Settings.read(given, environ={}))
    monkeypatch.setenv("DWELL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DWELL_LOG", f"{log}-misspelt")
    assert run(["dead-letters", "retry", "--all"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"dwell: DWELL_LOG is '{log}-misspelt', the log kafka:")
    assert f": expected kafka://HOST:PORT/{topic} with a broker of the cluster " in said
    assert said.endswith(", which the letters were read from\n")
    assert f"{topic}-misspelt" not in asyncio.run(topics(kafka))


async def topics(address: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    found: list[str] = await admin.list_topics()
    await admin.close()
    return found


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_docs_works(
    data: Path, example: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWELL_DATA", str(data))
    status = run(shlex.split(example)[1:])
    said = capsys.readouterr()
    meant_nothing = "0:17" in example
    assert status == (1 if meant_nothing or "retry" in example else 0)
    assert bool(said.err) == meant_nothing
    assert bool(said.out) != meant_nothing


def test_the_list_begins_with_the_newest(said: Said) -> None:
    status, out, err = said("list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["letter", "received_at", "reason", "bytes", "detail"]
    assert [line.split()[0] for line in lines[2:-1]] == [
        *("0:7", "0:6", "0:4", "0:3", "0:2", "0:5", "0:1"),
    ]
    assert lines[-1] == "(7 rows)"


def test_the_list_is_cut_where_it_is_told_and_says_so(said: Said) -> None:
    status, out, err = said("list", "--limit", "2", "--format", "csv")
    assert (status, err) == (0, "the newest 2 of 7: --limit 0 lists all\n")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["letter"], row["bytes"]) for row in rows] == [("0:7", "1"), ("0:6", "336")]
    assert len(said("list", "--limit", "0", "--format", "csv")[1].splitlines()) == 8


def test_the_list_is_of_one_reason_and_since_a_moment(said: Said) -> None:
    assert json.loads(said("list", "--reason", "not_json", "--format", "json")[1]) == []
    out = said("list", "--reason", "unknown_version", "--since", "2025-11-25", "--format", "json")
    [letter] = json.loads(out[1])
    assert letter == {
        "letter": "0:7",
        "received_at": "2025-11-25T16:00:00",
        "reason": "unknown_version",
        "bytes": 1,
        "detail": "expected what an older version knew",
    }
    assert json.loads(said("list", "--since", "1h", "--format", "json")[1]) == []
    zoned = said("list", "--since", "2025-11-25T17:00:00.001+01:00", "--format", "json")
    assert json.loads(zoned[1]) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["list", "--since", "soon"], "--since is 'soon': expected so long ago"),
        (["list", "--since", "999999w"], "--since is '999999w': expected"),
        (["list", "--reason", "bored"], "--reason is 'bored': expected one of "),
        (["show", "17"], "PARTITION:OFFSET is '17': expected PARTITION:OFFSET"),
        (["retry"], "which ones? Expected PARTITION:OFFSET or --reason, or --all alone"),
        (["retry", "--all", "0:1"], "which ones? Expected"),
    ],
)
def test_what_cannot_be_meant_ends_with_2_and_one_line(
    said: Said, arguments: list[str], line: str
) -> None:
    status, out, err = said(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"dwell: {line}")
    assert err.count("\n") == 1


def test_a_letter_is_shown_whole(said: Said) -> None:
    status, out, err = said("show", "00:04")
    assert (status, err) == (0, "")
    head, _, record = out.partition("\n\nThe record, JSON:\n")
    assert head.splitlines() == [
        "letter        0:4",
        "reason        unknown_version",
        "detail        expected what an older version knew",
        "received_at   2025-11-24 16:00:00.003 UTC",
        "forwarded_at  not forwarded",
        "key           empty",
        f"bytes         {len(WRONG)}",
    ]
    assert json.loads(record) == json.loads(WRONG)
    assert '\n    "age_ms": -1,\n' in record


def test_a_letter_that_is_no_text_is_shown_in_bytes(said: Said) -> None:
    _, out, _ = said("show", "0:2")
    assert "\nkey           key\n" in out
    assert out.endswith(
        "The record, which is not UTF-8:\n"
        "00000000  ff fe 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................\n"
        "00000010  00 00 00 00 00 00                                ......\n"
    )


def test_a_blank_record_and_one_that_is_not_there_are_told_apart(said: Said) -> None:
    assert said("show", "0:7")[1].endswith("\n\nThe record, which is not JSON:\n \n")
    status, out, err = said("show", "0:0")
    assert (status, out) == (1, "")
    assert err.startswith("dwell: there is no dead letter 0:0")


@pytest.mark.parametrize(
    ("command", "last", "status"),
    [("show 0:3", '"not": json', 0), ("retry 0:3", "1 still cannot be read", 1)],
)
def test_no_letter_steers_a_terminal(data: Path, command: str, last: str, status: int) -> None:
    with in_terminal("dead-letters", *command.split(), environ=environment(data, 1)) as screen:
        assert screen.wait() == status
    assert last in screen.shown
    assert "\x1b[2J" not in screen.raw
    assert "\u202e" not in screen.raw


def test_no_detail_of_a_letter_steers_a_terminal(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    detail = NASTY.decode()
    publish_what_was_set_aside(settings, RECORDS, lambda _: Unreadable("not_json", detail))
    with in_terminal("dead-letters", "list", environ=environment(settings.data, 1)) as screen:
        assert screen.wait() == 0
    assert r"\x1b[2J\u202e" in screen.shown
    assert "\x1b[2J" not in screen.raw
    assert "\u202e" not in screen.raw


def test_what_could_steer_a_terminal_is_written_out(said: Said) -> None:
    assert said("show", "0:3")[1].endswith(
        'The record, which is not JSON:\n\\x1b[2J\\u202e{"not": json\n'
    )


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        ("{}", ["{}"]),
        ('[ 1.50,-0 , 1E400,"a\\u001b, {b]"]', ["[", "  1.50,", "  -0,", "  1E400,", '  "a\\u001b, {b]"', "]"]),
        ('{"a":[],"a":{"b":{}}}', ["{", '  "a": [],', '  "a": {', '    "b": {}', "  }", "}"]),
        ('"\u202e\\""', ['"\\u202e\\""']),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)  # fmt: skip
def test_json_is_laid_out_without_a_change(payload: str, lines: list[str]) -> None:
    assert written(payload.encode())[1] == lines


def test_a_dry_run_says_what_would_happen_and_appends_nothing(said: Said, data: Path) -> None:
    status, out, err = said("retry", "--all", "--dry-run")
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"0:1  can be read now: dwell.page.viewed.v1 of {subject(RECORDS[1])}"
    assert lines[1] == "0:2  still cannot be read, not_utf8: the record is not UTF-8: invalid start byte"  # fmt: skip
    assert lines[3] == (
        "0:4  still cannot be read, invalid_field: age_ms is -1: expected an integer from 0 to"
        " 34560000000"
    )
    assert lines[4] == f"0:6  can be read now: dwell.visitor.forgotten.v1 of {subject(RECORDS[6])}"
    assert lines[-1] == "2 records would be appended to the log again, 4 still cannot be read"
    assert appended(data) == []


def subject(record: Stored) -> str:
    return str(json.loads(record.value)["subject"])


def test_a_retry_appends_the_same_bytes_under_their_own_key_and_time(
    said: Said, data: Path
) -> None:
    status, out, err = said("retry", "0:1", "0:6", "0:5")
    assert (status, out, err) == (0, "2 records appended to the log again\n", "")
    assert appended(data) == [
        (RECORDS[1].key, RECORDS[1].value, RECORDS[1].timestamp),
        (json.loads(RECORDS[6].value)["subject"].encode(), RECORDS[6].value, NOW + 5),
    ]


def test_letters_that_are_not_there_are_named(said: Said, data: Path) -> None:
    status, out, err = said("retry", "0:1", "0:77")
    assert (status, out) == (1, "1 record appended to the log again\n")
    assert err == "dwell: there is no dead letter 0:77\n"
    assert len(appended(data)) == 1
    status, out, err = said("retry", "--reason", "not_json")
    assert (status, out, err) == (1, "", "dwell: there is no such dead letter\n")


def test_a_retried_record_becomes_rows_and_its_letters_go(
    said: Said, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running("project", environ=environment(data, 1), output=tmp_path / "out"):
        wait_until(lambda: "projecting" in (tmp_path / "out").read_text())
        for _ in range(2):
            assert said("retry", "--reason", "unknown_version")[0] == 1
        wait_until(lambda: sorted(letters(said)) == ["0:2", "0:3", "0:4", "0:7"])
    run(["sql", "--format", "csv", "select count(*) as n from pageview"])
    assert capsys.readouterr().out == "n\n2\n"


@pytest.mark.real_broker
def test_on_kafka_too_and_what_is_left_is_forwarded(
    kafka: str, topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, log = tmp_path / "data", f"kafka://{kafka}/{topic}"
    given = {"log": log, "topic_partitions": 1, "dead_letter_topic": True}
    publish_what_was_set_aside(Settings.read({"data": data} | given, {}))

    def asked(*arguments: str) -> str:
        run([*arguments, "--data", str(data)])
        return capsys.readouterr().out

    said = asked("dead-letters", "retry", "--all", "--log", log)
    assert said.endswith("2 records appended to the log again, 4 still cannot be read\n")
    left = (
        "select letter.offset, forwarded_at is null as waits from dead_letter as letter order by 1"
    )
    with running("project", environ=environment(data, 1, **given), output=tmp_path / "out"):
        wait_until(
            lambda: (
                asked("sql", left, "--format", "csv")
                == "offset,waits\n2,false\n3,false\n4,false\n7,false\n"
            )
        )


@pytest.mark.real_broker
def test_a_letter_from_the_future_stops_no_retry(
    kafka: str, topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, log = tmp_path / "data", f"kafka://{kafka}/{topic}"
    settings = Settings.read({"data": data, "log": log, "topic_partitions": 1}, {})
    ahead = curt(pageview=3, visitor=1, received_at=int(1000 * time()) + 2 * DAY)
    records = [curt(pageview=2, visitor=1), replace(ahead, timestamp=NOW), curt(pageview=4)]
    publish_what_was_set_aside(settings, records)
    assert run(["dead-letters", "retry", "--all", "--data", str(data), "--log", log]) == 0
    assert capsys.readouterr().out == "3 records appended to the log again\n"


def letters(said: Said) -> list[str]:
    return [each["letter"] for each in json.loads(said("list", "--format", "json")[1])]


def test_another_log_is_refused_and_none_is_made(
    said: Said, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWELL_DURABLE_WITHIN", "0.3")
    other = tmp_path / "other.sqlite"
    status, out, err = said("retry", "0:1", "--log", f"embedded:{other}")
    assert (status, out) == (2, "")
    assert err.startswith(f"dwell: DWELL_LOG is 'embedded:{other}', and there is no log at")
    assert not other.exists()
    asyncio.run(append(Settings(data=data, log=f"embedded:{other}"), RECORDS[:1]))
    status, out, err = said("retry", "0:1", "--log", f"embedded:{other}")
    assert (status, out) == (2, "")
    assert "which the letters were read from" in err
    assert appended(data) == []


def test_without_a_warehouse_one_line_says_what_to_do(
    said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DWELL_DATA", str(tmp_path / "nowhere"))
    for arguments in (["list"], ["show", "0:1"], ["retry", "--all"]):
        status, out, err = said(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("dwell: there is no warehouse at ")
