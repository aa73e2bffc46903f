"""`dwell facts`, on real logs."""

import asyncio
import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from dwell.cli import run
from dwell.commands.broker.server import Broker
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from tests.support.facts import NOW, Stored, forgotten, glimpse, uuid7
from tests.support.house import ROOT
from tests.support.running import environment, piped
from tests.support.terminal import in_terminal

NASTY = "\x1b[2J\u202e\x9b1m"
UNKNOWN = glimpse(7).value.replace(b"viewed.v1", b"viewed.v9")
EXTRA = glimpse(6).value.replace(b'"referrer"', b'"mood": 1.50, "mood": 1E400, "referrer"')
RECORDS = [
    glimpse(1, visitor=1, session=11, received_at=NOW),
    glimpse(1, 1, visitor=1, session=11, engagement_ms=5000, received_at=NOW + 5000),
    glimpse(2, visitor=2, session=12, view="shop.Basket", received_at=NOW + 6000, delay_ms=90_061),
    forgotten(2, NOW + 7000),
    Stored(b"", NOW + 8000, uuid7(2).encode()),
    Stored(b"\xff\xfe\x1b[2J", NOW + 9000, NASTY.encode()),
    Stored(UNKNOWN, NOW + 10_000),
    glimpse(3, visitor=3, view=f"shop.{NASTY}", identity={"title": NASTY}, received_at=NOW + 11_000),
    Stored(EXTRA, NOW + 12_000),
]  # fmt: skip

Said = Callable[..., tuple[int, str, str]]


async def append(settings: Settings, records: Sequence[Stored]) -> None:
    writer = open_writer(settings)
    await writer.append([NewRecord(each.key, each.value, each.timestamp) for each in records])
    await writer.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the embedded log."""
    data = tmp_path / "data"
    asyncio.run(append(Settings(data=data), RECORDS))
    return data


@pytest.fixture
def said(data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs `dwell facts` with the arguments: exit status, standard output and error."""
    monkeypatch.setenv("DWELL_DATA", str(data))

    def say(*arguments: str) -> tuple[int, str, str]:
        return run(["facts", *arguments]), *capfd.readouterr()

    return say


def places(out: str) -> list[str]:
    return [line.split()[2] for line in out.splitlines()]


def examples() -> list[str]:
    """The commands of docs/explaining.md that read the log alone and end by themselves."""
    page = (ROOT / "docs" / "explaining.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if "facts show" in line or "--no-follow" in line]


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_docs_works(said: Said, example: str) -> None:
    command, _, pipe = example.partition(" | ")
    status, out, err = said(*shlex.split(command)[2:])
    assert status == 0
    assert bool(err) == bool(pipe), "what is no object is named elsewhere"
    assert bool(out) == ("--visitor" not in example)


def test_a_record_is_shown_with_every_field_and_what_it_means(said: Said) -> None:
    status, out, err = said("show", "0:2")
    assert (status, err) == (0, "")
    lines = {name: " ".join(rest) for name, *rest in map(str.split, filter(None, out.splitlines()))}
    assert lines["place"] == "0:2"
    assert lines["received"] == "2025-11-24 16:00:06.000 UTC the record's timestamp"
    assert lines["key"].startswith(f"{uuid7(2)} the visitor")
    assert lines["type"].startswith("dwell.page.viewed.v1 A page came into view")
    assert lines["data.view"].startswith("shop.Basket Dotted name of the view")
    assert lines["data.delay_ms"].startswith("90061 (1 min 30 s) Milliseconds from the fact to")
    assert lines["occurred_at"] == "2025-11-24 15:58:35.939 UTC received_at less delay_ms"
    stated = json.loads(RECORDS[2].value)
    assert {f"data.{name}" for name in stated["data"]} <= lines.keys()
    assert stated.keys() - {"data"} <= lines.keys()


def test_an_erased_record_says_so(said: Said) -> None:
    status, out, err = said("show", "0:4")
    assert (status, err) == (0, "")
    assert "erased: its payload was taken out of the log on the visitor's wish" in out
    assert "cannot be read" not in out


def test_a_record_that_cannot_be_read_is_shown_with_the_reason(said: Said) -> None:
    status, out, err = said("show", "0:5")
    assert (status, err) == (0, "")
    assert re.search(r"^reason +not_utf8 ", out, re.MULTILINE)
    assert out.endswith(
        "The record, which is not UTF-8:\n"
        "00000000  ff fe 1b 5b 32 4a                                ...[2J\n"
    )
    out = said("show", "0:6")[1]
    assert re.search(r"^reason +unknown_version ", out, re.MULTILINE)
    assert re.search(r"^detail .*v9.*: expected version 1 of", out, re.MULTILINE)
    assert '\n  "type": "dwell.page.viewed.v9",\n' in out


def test_a_field_that_nobody_knows_is_shown_too(said: Said) -> None:
    assert re.search(r"^data.mood .* no field that this version", said("show", "0:8")[1], re.M)


def test_a_record_is_given_to_programs(said: Said) -> None:
    given = json.loads(said("show", "0:2", "--format", "json")[1])
    event = given.pop("event")
    assert event == json.loads(RECORDS[2].value)
    assert given == {
        "place": "0:2",
        "partition": 0,
        "offset": 2,
        "timestamp": NOW + 6000,
        "key": uuid7(2),
        "bytes": len(RECORDS[2].value),
        "erased": False,
        "reason": None,
        "detail": None,
    }
    given = json.loads(said("show", "0:5", "--format", "json")[1])
    assert (given["reason"], given["event"]) == ("not_utf8", None)


def test_the_raw_bytes_are_given_and_nothing_else(data: Path) -> None:
    asked = ("facts", "show", "0:5", "--format", "raw")
    with piped(*asked, environ=environment(data, 1)) as facts:
        assert (facts.stdout.read(), facts.stderr.read()) == (RECORDS[5].value, b"")
        assert facts.process.wait(20) == 0


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("0:9", "there is no record 0:9 yet: the log {log} holds 0:0 to 0:8"),
        ("3:0", "there is no partition 3 in the log {log}: expected 0 alone"),
    ],
)
def test_a_record_that_is_not_there_is_answered_with_1_and_the_bounds(
    said: Said, data: Path, place: str, line: str
) -> None:
    expected = line.format(log=data / "live" / "log.sqlite")
    assert said("show", place) == (1, "", f"dwell: {expected}\n")


@pytest.mark.long
def test_no_record_steers_a_terminal(data: Path) -> None:
    for command, last in [
        ("show 0:5", "not UTF-8"),
        ("show 0:7", "started_at"),
        ("show 0:7 --format json", "received_at"),
        ("tail --no-follow", "0:8"),
        ("tail --no-follow --format json --view shop.*", "0:7"),
    ]:
        with in_terminal("facts", *command.split(), environ=environment(data, 1)) as screen:
            assert screen.wait() == 0
        assert last in screen.shown
        for steering in ("\x1b[2J", "\u202e", "\x9b"):
            assert steering not in screen.raw, command


def test_the_last_lines_are_shown_each_with_its_place(said: Said) -> None:
    status, out, err = said("tail", "--no-follow", "--lines", "8")
    assert (status, err) == (0, "")
    assert places(out) == [f"0:{offset}" for offset in range(1, 9)]
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["2025-11-24", "16:00:05.000"]
    assert lines[0].split()[3:] == ["00000001", "00000001", "dwell.site.pages.page_a.PageA", "1", "visible", "5.000", "s"]  # fmt: skip
    assert lines[1].endswith("1 min 30 s late")
    assert lines[2].endswith("00000002  this visitor is to be forgotten")
    assert "erased: its payload" in lines[3]
    assert "cannot be read, not_utf8: " in lines[4]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--visitor", uuid7(2)], ["0:2", "0:3"]),
        (["--visitor", uuid7(2).upper(), "--type", "visitor.forgotten"], ["0:3"]),
        (["--session", uuid7(11)], ["0:0", "0:1"]),
        (["--pageview", uuid7(1), "--type", "page.visibility_changed"], ["0:1"]),
        (["--view", "shop.*"], ["0:2", "0:7"]),
        (["--view", "shop.Basket", "--lines", "1"], ["0:2"]),
        (["--type", "page.viewed", "--type", "visitor.forgotten", "--from-offset", "0:3"], ["0:3", "0:7", "0:8"]),
        (["--from-datetime", "2025-11-24T17:00:11+01:00"], ["0:7", "0:8"]),
        (["--from-beginning", "--view", "*PageA"], ["0:0", "0:1", "0:8"]),
        (["--from-beginning", "--view", "PageA"], ["0:0", "0:1", "0:8"]),
        (["--lines", "0"], []),
    ],
)  # fmt: skip
def test_only_what_is_wanted_is_shown(
    said: Said, arguments: list[str], expected: list[str]
) -> None:
    status, out, err = said("tail", "--no-follow", *arguments)
    assert (status, places(out), err) == (0, expected, "")


def test_programs_get_an_event_a_line_and_what_is_none_stands_elsewhere(said: Said) -> None:
    status, out, err = said("tail", "--no-follow", "--format", "json")
    assert status == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [each["place"] for each in events] == ["0:0", "0:1", "0:2", "0:3", "0:6", "0:7", "0:8"]
    for event, offset in zip(events, (0, 1, 2, 3, 6, 7), strict=False):
        del event["place"]
        assert event == json.loads(RECORDS[offset].value)
    assert '"mood": 1.50, "mood": 1E400' in out.splitlines()[-1]
    assert out.isascii()
    assert places(err) == ["0:4", "0:5"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["show", "17"], "PARTITION:OFFSET is '17': expected PARTITION:OFFSET"),
        (["tail", "--visitor", "me"], "--visitor is 'me': expected a UUID such"),
        (["tail", "--from-datetime", "soon"], "--from-datetime is 'soon': expected"),
        (["tail", "--lines", "3", "--from-beginning"], "where to begin? Expected one of --lines, "),
        (["tail", "--from-offset", "0:1", "--from-offset", "0:2"], "--from-offset: expected one PA"),
        (["tail", "--from-offset", "0:77"], "offset 77 of partition 0 lies beyond the end of the log"),
        (["tail", "--from-offset", "4:0"], "partition 4 is not in the log"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_ends_with_2_and_one_line(
    said: Said, arguments: list[str], line: str
) -> None:
    status, out, err = said(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"dwell: {line}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", ["tail --no-follow", "tail --no-follow --from-beginning", "show 0:2"]
)
def test_a_log_that_is_not_there_ends_with_2_at_once(
    tmp_path: Path, said: Said, arguments: str
) -> None:
    status, out, err = said(*arguments.split(), "--data", str(tmp_path / "nope"))
    assert (status, out) == (2, "")
    assert err == (
        f"dwell: DWELL_LOG is 'embedded:', and there is no log at {tmp_path}/nope/live/log.sqlite:"
        f" expected the one that the facts are in; DWELL_DATA is '{tmp_path}/nope'\n"
    )


def test_brokers_that_are_away_are_named_with_their_setting(said: Said) -> None:
    status, _, err = said("show", "0:2", "--log", "kafka://127.0.0.1:1/facts")
    assert status == 2
    assert err.splitlines()[-1] == (
        "dwell: the log kafka://127.0.0.1:1/facts failed: no broker that DWELL_LOG names answers: expected"
        " one that runs, and can be reached from here at 127.0.0.1:1"
    )


def test_a_log_is_followed_from_before_it_is_there_until_ctrl_c(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with in_terminal("facts", "tail", environ=environment(data, 1)) as screen:
        screen.expect(f"there is nothing in the log {data}/live/log.sqlite yet")
        asyncio.run(append(Settings(data=data), RECORDS[:1]))
        screen.expect("0:0 ")
        asyncio.run(append(Settings(data=data), RECORDS[1:2]))
        screen.expect("5.000 s")
        screen.type("\x03")
        assert screen.wait(30) == 130
    assert "Traceback" not in screen.raw
    assert screen.shown.startswith("received (UTC)")


@pytest.mark.long
@pytest.mark.real_broker
def test_on_kafka_it_survives_an_outage_and_sees_new_partitions(
    own_broker: Broker, topic: str, tmp_path: Path
) -> None:
    log = f"kafka://{own_broker.address}/{topic}"
    given = {"data": tmp_path / "data", "log": log, "topic_partitions": 1}
    settings = Settings.read(given, environ={})
    there = environment(tmp_path / "data", 1, log=log)
    with in_terminal("facts", "tail", environ=there) as screen:
        screen.expect("is not there: expected a topic of that name", within=30)
        assert topic not in asyncio.run(topics(own_broker.address))
        asyncio.run(append(settings, RECORDS[:1]))
        screen.expect("0:0 ", within=40)
        own_broker.pause()
        at = screen.expect("does not answer, trying again", within=40, after=len(screen.shown))
        own_broker.resume()
        at = screen.expect("the log answers again", within=40, after=at)
        asyncio.run(grow(own_broker.address, topic, 3))
        visitors = [glimpse(number, visitor=number) for number in range(20, 40)]
        asyncio.run(append(settings, visitors))
        for number in range(20, 40):
            screen.expect(f"{uuid7(number)[-8:]}  {uuid7(number)[-8:]}", within=40, after=at)
        own_broker.pause()
        screen.type("\x03")
        assert screen.process.wait(30) == 130
    own_broker.resume()
    assert "Traceback" not in screen.raw


@pytest.mark.real_broker
def test_a_record_on_kafka_is_shown_and_its_bounds_are_named(
    kafka: str, topic: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = f"kafka://{kafka}/{topic}"
    settings = Settings.read({"data": tmp_path, "log": log, "topic_partitions": 1}, environ={})
    asyncio.run(append(settings, RECORDS[:3]))
    assert run(["facts", "show", "0:2", "--log", log]) == 0
    assert "shop.Basket" in capfd.readouterr().out
    assert run(["facts", "show", "0:3", "--log", log]) == 1
    assert capfd.readouterr().err == f"dwell: there is no record 0:3 yet: the log {log} holds 0:0 to 0:2\n"  # fmt: skip
    assert run(["facts", "tail", "--no-follow", "--log", log]) == 0
    assert places(capfd.readouterr().out) == ["0:0", "0:1", "0:2"]


async def topics(address: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    found: list[str] = await admin.list_topics()
    await admin.close()
    return found


async def grow(address: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(partitions)})
    await admin.close()


def test_a_reader_of_the_pipe_that_goes_away_ends_it(data: Path) -> None:
    asked = ("facts", "tail", "--format", "json")
    with piped(*asked, environ=environment(data, 1)) as tail:
        tail.stdout.readline()
        tail.stdout.close()
        asyncio.run(append(Settings(data=data), RECORDS[:1]))
        assert tail.process.wait(30) == 141
        assert b"Traceback" not in tail.stderr.read()
