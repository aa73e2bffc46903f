"""The log that a warehouse was made from is the one that goes on."""

from pathlib import Path

import pytest

from dwell.commands.up.own_log import require_own
from dwell.consumers.origin import as_setting, refuse_other
from dwell.errors import LogMismatch
from dwell.events.log_file import create, open_to_read
from dwell.settings import Settings
from dwell.warehouse import snapshot
from dwell.warehouse.live import LiveWarehouse

CLUSTER = "kafka:C16Il4zuSmOFmZTJ/dwell-facts"


def made(settings: Settings, identity: str) -> None:
    """A warehouse of this log, published."""
    settings.live.mkdir(parents=True, exist_ok=True)
    with LiveWarehouse(settings.warehouse) as warehouse:
        warehouse.belong_to(identity)
        warehouse.checkpoint()
        snapshot.copy(warehouse.path, settings.publication)


def identity_of(path: Path) -> str:
    connection = open_to_read(path)
    (identity,) = connection.execute("select identity from log").fetchone()
    connection.close()
    return str(identity)


def test_a_forgotten_option_makes_no_other_log(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    made(settings, CLUSTER)
    with pytest.raises(LogMismatch) as refused:
        require_own(settings, ask=False)
    assert str(refused.value).startswith(
        f"DWELL_LOG is 'embedded:', and there is no log at {tmp_path}/live/log.sqlite: expected"
        " kafka://HOST:PORT/dwell-facts with a broker of the cluster C16Il4zuSmOFmZTJ, which"
        f" {tmp_path}/warehouse.duckdb was made from; `dwell log move` moves to another log"
    )
    assert not settings.embedded_log.exists()


def test_another_topic_and_another_kind_of_log_are_told_apart_without_asking(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path)
    create(settings.embedded_log)
    identity = identity_of(settings.embedded_log)
    kafka = Settings(data=tmp_path, log="kafka://127.0.0.1:1/dwell-facts")
    with pytest.raises(LogMismatch, match=f"expected embedded:, the log {identity[9:]} in"):
        refuse_other(kafka, tmp_path / "w.duckdb", identity, ask=True)
    with pytest.raises(
        LogMismatch, match=r"'kafka://127.0.0.1:1/dwell-facts', another log: expected"
    ):
        refuse_other(kafka, tmp_path / "w.duckdb", "kafka:C/other", ask=True)


def test_a_log_that_was_lost_is_not_begun_anew(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    create(settings.embedded_log)
    made(settings, identity_of(settings.embedded_log))
    require_own(settings, ask=True)
    settings.embedded_log.unlink()
    with pytest.raises(LogMismatch, match=r"there is no log at .*: expected embedded:FILE"):
        require_own(settings, ask=True)
    other = Settings(data=tmp_path, log=f"embedded:{tmp_path}/other.sqlite")
    create(other.embedded_log)
    with pytest.raises(LogMismatch, match=f"the log {identity_of(other.embedded_log)}: expected"):
        require_own(other, ask=True)


def test_whoever_moves_the_warehouse_away_begins_anew_on_purpose(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    made(settings, CLUSTER)
    settings.warehouse.rename(tmp_path / "live" / "former.duckdb")
    require_own(settings, ask=False)


def test_brokers_that_are_away_are_no_reason(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, log="kafka://127.0.0.1:1/dwell-facts")
    made(settings, CLUSTER)
    require_own(settings, ask=True)


def test_a_log_elsewhere_is_named_by_its_file(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert as_setting(settings, "embedded:1") == "embedded:FILE with the file of the log 1"
