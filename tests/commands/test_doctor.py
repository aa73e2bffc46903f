"""`dwell doctor`, on installations at rest, well and not. Beside processes at work it is in
`test_figures.py`."""

import asyncio
import json
import os
import re
import socket
import sqlite3
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from packaging.requirements import Requirement
from starlette.applications import Starlette

from dwell import cli
from dwell.commands.doctor.clock import is_synchronised
from dwell.commands.doctor.finding import Finding, wrong
from dwell.commands.doctor.log import ask
from dwell.commands.doctor.places import amount
from dwell.commands.doctor.telling import as_object, as_text
from dwell.commands.doctor.versions import DUCKDB, parsed, resets_well
from dwell.commands.doctor.warehouse import seconds
from dwell.errors import LogGap, LogMismatch
from dwell.events.log import NewRecord
from dwell.events.memory import MemoryLog, MemoryReader
from dwell.events.opening import open_reader, open_writer
from dwell.settings import Settings, variable_of
from dwell.site import Dwell
from dwell.site.dashboard.passwords import hash_of
from tests.support.facts import Projected, Stored, glimpse
from tests.support.house import ROOT
from tests.support.publishing import copy_of
from tests.support.replaying import append, project, settings_of
from tests.support.running import Process, environment, free_port
from tests.support.serving import serving

Doctor = Callable[..., tuple[int, dict[str, dict[str, str]]]]


@pytest.fixture
def doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Doctor:
    """Examines an installation in `tmp_path/data`: exit status, and the findings by what they are of."""
    ports = {"port": free_port(), "dashboard_port": free_port()}

    def run(*arguments: str, **settings: object) -> tuple[int, dict[str, dict[str, str]]]:
        for name, value in ({"data": tmp_path / "data"} | ports | settings).items():
            monkeypatch.setenv(variable_of(name), str(value))
        status = cli.run(["doctor", "--json", *arguments])
        said = json.loads(capsys.readouterr().out)
        assert said["well"] == (status == 0)
        return status, {each["of"]: each for each in said["findings"]}

    return run


def verdicts(findings: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """By what they are of, but for what depends on the machine."""
    of_machine = ("SQLite", "clock", "space", "versions")
    return {of: each["verdict"] for of, each in findings.items() if of not in of_machine}


def now(ago_seconds: float = 0) -> int:
    return int((time.time() - ago_seconds) * 1_000)


def kept(settings: Settings, *facts: Stored) -> str:
    """Append facts to the log; returns its identity."""

    async def append() -> str:
        writer, reader = open_writer(settings), open_reader(settings)
        for each in facts:
            await writer.append([NewRecord(each.key, each.value, each.timestamp)])
        await writer.close()
        identity = await reader.identity()
        await reader.close()
        return identity

    return asyncio.run(append())


def made(tmp_path: Path, *facts: Stored, published: int | None = None) -> Settings:
    """An installation at rest, of which the first so many facts are published; all by default."""
    settings = Settings(data=tmp_path / "data")
    identity = kept(settings, *facts)
    with Projected(settings.warehouse) as projected:
        projected.warehouse.belong_to(identity)
        projected.append(facts[: len(facts) if published is None else published]).project()
        copy_of(projected.warehouse, settings.data)
    return settings


def test_before_the_first_start_there_are_notes_and_nothing_is_made(
    doctor: Doctor, tmp_path: Path
) -> None:
    status, findings = doctor()
    assert status == 0
    assert verdicts(findings) == dict.fromkeys(
        ("folder", "log", "warehouse", "site", "projector", "dashboard"), "note"
    )
    assert findings["folder"]["advice"] == "`dwell up` makes it"
    assert list(tmp_path.iterdir()) == []


def test_old_facts_that_were_not_pruned_are_wrong_and_new_ones_are_well(
    doctor: Doctor, tmp_path: Path
) -> None:
    made(tmp_path, glimpse(1, received_at=now(9 * 86_400)), glimpse(2, received_at=now(80)))
    assert "pruning" not in doctor()[1]
    status, findings = doctor(keep_facts="7d")
    assert (status, findings["pruning"]["verdict"]) == (1, "wrong")
    assert "1 records in the log were received longer ago" in findings["pruning"]["said"]
    assert findings["pruning"]["advice"].startswith("`dwell prune` drops them")
    status, findings = doctor(keep_facts="10d")
    assert (status, findings["pruning"]["verdict"]) == (0, "well")


def test_an_archive_that_does_not_go_with_the_log_is_told(
    doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now(90)), glimpse(2, received_at=now(80)))
    assert "archive" not in doctor()[1]
    assert cli.run(["archive", "--data", str(settings.data)]) == 0
    capsys.readouterr()
    status, findings = doctor()
    assert (status, findings["archive"]["verdict"]) == (0, "well")
    assert "has 2 records" in findings["archive"]["said"]

    kept(settings, glimpse(3, received_at=now(70)), glimpse(4, received_at=now(60)))
    with closing(sqlite3.connect(settings.embedded_log)) as connection, connection:
        connection.execute('delete from record where "offset" < 3')
    status, findings = doctor()
    assert (status, findings["archive"]["verdict"]) == (1, "wrong")
    assert findings["archive"]["said"].startswith(
        "the facts from 2 to 2 of partition 0 are in neither the archive"
    )
    assert "`dwell prune`" in findings["archive"]["advice"]

    (settings.archive_folder / "manifest.json").write_text("[]")
    status, findings = doctor()
    assert (status, findings["archive"]["verdict"]) == (1, "wrong")
    assert "manifest.json cannot be read" in findings["archive"]["said"]


def test_what_cannot_be_begun_with_is_wrong_and_has_advice(doctor: Doctor, tmp_path: Path) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now(90)))
    with settings.warehouse.open("rb+") as file:
        file.write(bytes(range(256)) * 48)
    status, findings = doctor()
    assert (status, findings["projector"]["verdict"]) == (1, "wrong")
    assert "not a valid DuckDB database file" in findings["projector"]["said"]
    assert findings["projector"]["advice"].endswith("(docs/keeping.md, A lost warehouse)")
    settings.embedded_log.write_bytes(b"x" * 8192)
    assert doctor()[1]["log"]["advice"].endswith("see docs/keeping.md, A lost log")

    (tmp_path / "file").touch()
    status, findings = doctor(data=tmp_path / "file")
    assert (status, findings["folder"]["verdict"]) == (1, "wrong")
    assert findings["folder"]["said"] == f"{tmp_path / 'file'} is no folder"


@pytest.mark.parametrize(
    ("log", "error", "unreadable"),
    [
        ("embedded:", LogMismatch("it is damaged"), True),
        ("embedded:", LogGap("facts are gone"), False),
        ("kafka://127.0.0.1:9/facts", LogMismatch("it is another one"), False),
    ],
)
async def test_only_of_a_file_that_is_damaged_is_it_said_that_it_be_kept(
    log: str, error: LogMismatch, unreadable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader(MemoryReader):
        async def identity(self) -> str:
            raise error

    monkeypatch.setattr("dwell.commands.doctor.log.open_reader", lambda _: Reader(MemoryLog()))
    settings = Settings(data=tmp_path, log=log)
    if not settings.kafka_servers:
        settings.live.mkdir()
        settings.embedded_log.touch()
    found = await ask(settings, {})
    assert (found.trouble, found.unreadable) == (str(error), unreadable)


def test_an_installation_at_rest_is_well(doctor: Doctor, tmp_path: Path) -> None:
    made(tmp_path, glimpse(1, received_at=now(90)), glimpse(2, received_at=now(80)))
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*.duckdb")}
    status, findings = doctor()
    assert status == 0
    assert {of for of, verdict in verdicts(findings).items() if verdict == "well"} == {
        *("folder", "log", "warehouse", "lag", "dead letters")
    }
    assert findings["log"]["said"].endswith("has 2 records in one partition")
    assert findings["clock"]["verdict"] in ("well", "note")
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*.duckdb")} == before


def test_facts_that_nobody_sees_are_told_with_their_age(doctor: Doctor, tmp_path: Path) -> None:
    late = glimpse(2, received_at=now(7_300))
    made(tmp_path, glimpse(1, received_at=now(7_400)), late, published=1)
    status, findings = doctor()
    assert (status, findings["lag"]["verdict"]) == (1, "wrong")
    assert findings["lag"]["said"] == "1 records are not published, the oldest of them 2 h old"
    assert findings["lag"]["advice"].startswith("start the projector: ")
    assert doctor("--within", "8000")[0] == 0


def test_facts_from_the_future_are_told_from_where_on(doctor: Doctor, tmp_path: Path) -> None:
    made(tmp_path, glimpse(1, received_at=now()), glimpse(2, received_at=now(-3_600)))
    status, findings = doctor()
    assert (status, findings["clock"]["verdict"]) == (1, "wrong")
    assert "from offset 1 of partition 0 on facts were received later" in findings["clock"]["said"]


def test_facts_of_which_nothing_is_published_are_told_too(doctor: Doctor, tmp_path: Path) -> None:
    kept(Settings(data=tmp_path / "data"), glimpse(1, received_at=now(7_300)))
    status, findings = doctor()
    assert (status, findings["lag"]["verdict"]) == (1, "wrong")
    assert "dead letters" not in findings


def test_another_log_than_the_warehouse_s_is_told(doctor: Doctor, tmp_path: Path) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now()))
    other = tmp_path / "other.sqlite"
    kept(settings.model_copy(update={"log": f"embedded:{other}"}), glimpse(1))
    status, findings = doctor(log=f"embedded:{other}")
    assert (status, findings["log"]["verdict"]) == (1, "wrong")
    assert "and the warehouse was made from embedded:" in findings["log"]["said"]
    assert "lag" not in findings, "positions in one log say nothing of another"
    status, findings = doctor(log=f"embedded:{tmp_path / 'none.sqlite'}")
    assert (status, findings["log"]["verdict"]) == (1, "wrong")
    assert "is gone" in findings["log"]["said"]


def test_a_log_that_lost_what_was_not_read_is_told(doctor: Doctor, tmp_path: Path) -> None:
    made(tmp_path, glimpse(1, received_at=now(90)), glimpse(2, received_at=now()), published=1)
    log = tmp_path / "data/live/log.sqlite"
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("delete from record")
        connection.execute("update sqlite_sequence set seq = 7")
    status, findings = doctor()
    assert (status, findings["lag"]["verdict"]) == (1, "wrong")
    assert "are gone" in findings["lag"]["said"]


def test_a_disk_with_less_free_than_is_to_be_kept_is_told(doctor: Doctor, tmp_path: Path) -> None:
    made(tmp_path, glimpse(1, received_at=now()))
    status, findings = doctor("--keep-free", "900TB")
    assert (status, findings["log space"]["verdict"]) == (1, "wrong")
    assert re.search(r"fewer than DWELL_KEEP_FREE \(9\d+\.0 GB\)", findings["log space"]["said"])
    assert "log space" not in doctor("--keep-free", "0")[1]


def test_dead_letters_are_counted_by_reason(doctor: Doctor, tmp_path: Path) -> None:
    junk = Stored(b"what is this", now())
    made(tmp_path, glimpse(1, received_at=now()), junk, Stored(b"{}", now()))
    status, findings = doctor()
    assert (status, findings["dead letters"]["verdict"]) == (0, "note")
    said = findings["dead letters"]["said"]
    assert said.startswith("2 records could not be read: 1 not_")


def test_a_warehouse_of_a_newer_version_and_one_that_is_none_are_told(
    doctor: Doctor, tmp_path: Path
) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now()))
    with duckdb.connect(settings.published) as connection:
        connection.execute("update projection_info set value = '999' where name = 'schema_version'")
    status, findings = doctor()
    assert (status, findings["warehouse"]["verdict"]) == (1, "wrong")
    assert "a newer Dwell wrote it" in findings["warehouse"]["advice"]
    settings.published.write_bytes(b"These are my notes. " * 1000)
    status, findings = doctor()
    assert (status, findings["warehouse"]["verdict"]) == (1, "wrong")
    assert "dead letters" not in findings


def test_who_may_read_what_they_should_not_is_told(doctor: Doctor, tmp_path: Path) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now()))
    wal = settings.embedded_log.with_name("log.sqlite-wal")
    for each in (settings.embedded_log, wal):
        each.touch()
        each.chmod(0o644)
    password = tmp_path / "password"
    password.write_text(hash_of("a long enough password"))
    password.chmod(0o644)
    status, findings = doctor(dashboard_password_file=password)
    assert status == 0
    assert findings["rights"]["advice"] == f"chmod 600 {settings.embedded_log} {wal}"
    assert findings["secrets"]["advice"] == f"chmod o= {password}"
    password.chmod(0o600)
    assert doctor(dashboard_password_file=password)[1]["secrets"]["verdict"] == "well"
    password.unlink()
    status, findings = doctor(dashboard_password_file=password)
    assert (status, findings["secrets"]["verdict"]) == (1, "wrong")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_told(doctor: Doctor, tmp_path: Path) -> None:
    settings = made(tmp_path, glimpse(1, received_at=now()))
    settings.live.chmod(0o500)
    status, findings = doctor()
    settings.live.chmod(0o700)
    assert (status, findings["folder"]["verdict"]) == (1, "wrong")


def test_what_else_listens_on_a_port_is_told(doctor: Doctor) -> None:
    with serving(Starlette()) as origin:
        port = origin.rpartition(":")[2]
        status, findings = doctor(port=port)
    assert (status, findings["site"]["said"]) == (1, f"something else answers on 127.0.0.1:{port}")


def test_a_broker_that_is_away_is_told(doctor: Doctor) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        status, findings = doctor(log=f"kafka://127.0.0.1:{port}/facts")
    assert (status, findings["log"]["verdict"]) == (1, "wrong")
    assert "SQLite" not in findings


def test_a_dashboard_that_would_let_everybody_in_is_told(doctor: Doctor) -> None:
    status, findings = doctor(dashboard_host="0.0.0.0")
    assert status == 1
    assert "other machines reach it" in findings["protection"]["said"]


def test_a_file_that_would_keep_a_part_from_starting_is_told(
    doctor: Doctor, tmp_path: Path
) -> None:
    (secret := tmp_path / "secret").write_text("neither a hash nor a digest")
    secret.chmod(0o600)
    status, findings = doctor(dashboard_password_file=secret, api_keys_file=secret)
    assert status == 1
    assert "holds no Argon2 hash" in findings["protection"]["said"]
    assert str(secret) in findings["keys"]["said"]
    assert {findings[each]["verdict"] for each in ("protection", "keys")} == {"wrong"}


def test_a_folder_that_this_user_may_not_enter_is_all_that_is_told(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, glimpse(1, received_at=now()))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "live")
    status, findings = doctor()
    assert (status, list(findings)) == (1, ["folder"])
    assert f"cannot look into {tmp_path / 'data' / 'live'}" in findings["folder"]["said"]


def test_people_read_what_is_wrong_and_what_to_do() -> None:
    findings = [Finding("well", "log", "it is there"), wrong("lag", "it is late", "wait")]
    assert as_text(findings).splitlines() == [
        "well   log  it is there",
        "wrong  lag  it is late",
        "            → wait",
        "",
        "1 of 2 things are wrong",
    ]
    assert json.loads(as_object(findings)) == {
        "well": False,
        "findings": [asdict(each) for each in findings],
    }


def test_numbers_are_told_for_people() -> None:
    assert [amount(each) for each in (999, 1_000, 2_500_000, 10**10)] == [
        *("999 bytes", "1.0 kB", "2.5 MB", "10.0 GB"),
    ]
    assert [seconds(each) for each in (0, 119, 120, 7_200, 172_800)] == [
        *("0 s", "119 s", "2 min", "2 h", "2 d"),
    ]


def test_versions_are_compared_by_their_numbers() -> None:
    assert parsed("1.5.6") == (1, 5, 6)
    assert parsed("2.0.0.dev1") == (2, 0, 0)
    well = [(3, 51, 3), (3, 52, 0), (4, 0, 0), (3, 50, 7), (3, 44, 6)]
    assert all(resets_well(each) for each in well)
    assert not any(resets_well(each) for each in [(3, 51, 2), (3, 50, 6), (3, 49, 9), (3, 40, 1)])


def test_the_versions_of_duckdb_are_those_that_dwell_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [wanted] = [each for each in map(Requirement, project["dependencies"]) if each.name == "duckdb"]
    first, last = (".".join(map(str, each)) for each in DUCKDB)
    assert {str(each) for each in wanted.specifier} == {f">={first}", f"<{last}"}


@pytest.mark.parametrize(("state", "is_kept"), [(0, True), (1, True), (5, False), (-1, None)])
def test_the_kernel_is_asked_whether_somebody_keeps_the_time(
    monkeypatch: pytest.MonkeyPatch, state: int, is_kept: bool | None
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(
        "ctypes.CDLL", lambda _: SimpleNamespace(adjtimex=lambda timex: state - any(timex.raw))
    )
    assert is_synchronised() is is_kept


def test_an_origin_is_told_whether_its_pages_may_send(doctor: Doctor, tmp_path: Path) -> None:
    allowed = Settings(data=tmp_path, allowed_origins=("https://shop.example",))
    app = Starlette()
    Dwell(allowed).mount(app)
    with serving(app) as at:
        port = int(at.rpartition(":")[2])
        _, findings = doctor("--origin", "https://shop.example", port=port)
        assert findings["origin"]["said"] == "pages of https://shop.example may send facts"
        status, findings = doctor("--origin", "https://other.example", port=port)
        _, elsewhere = doctor("--origin", "https://shop.example", port=port, prefix="/else")

    assert (status, findings["origin"]["verdict"]) == (1, "wrong")
    assert "DWELL_ALLOWED_ORIGINS" in findings["origin"]["advice"]
    assert elsewhere["origin"]["said"].endswith("says 404")
    status, findings = doctor("--origin", "https://shop.example", port=port)
    assert (status, findings["origin"]["verdict"]) == (1, "wrong")


@pytest.mark.parametrize(
    "value", ["https://shop.example/", "", "https://a.example https://b.example"]
)
def test_what_is_no_origin_is_not_asked_about(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["doctor", "--origin", value]) == 2
    assert "expected an origin such as https://shop.example" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes root its might by setpriv")
def test_for_who_is_not_root_what_is_published_need_not_be_written(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    append(settings, [glimpse(1)])
    project(settings)
    root = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    doctor = Process(
        *("doctor", "--json"),
        environ=environment(settings.data, free_port()),
        output=tmp_path / "output",
        under=root if os.geteuid() == 0 else (),
    )
    doctor.wait(60)
    findings = json.loads(doctor.printed())["findings"]
    assert [each["verdict"] for each in findings if each["of"] == "folder"] == ["well"]
