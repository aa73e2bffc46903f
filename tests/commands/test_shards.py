"""Several `dwell project` on one data folder, as an operator starts them."""

from pathlib import Path

import duckdb

from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.settings import Settings
from tests.support.facts import NOW, glimpse
from tests.support.running import done, environment, free_port, running, wait_until


def said(*arguments: str, environ: dict[str, str]) -> tuple[int, str, str]:
    ended = done(*arguments, environ=environ)
    return ended.status, ended.stdout, ended.stderr


async def test_two_shards_make_one_warehouse_and_a_third_projector_is_refused(
    tmp_path: Path,
) -> None:
    settings = Settings.read({"data": tmp_path / "data"}, environ={})
    environ = environment(settings.data, free_port(), publish_seconds=0.2)
    writer = open_writer(settings)
    facts = [glimpse(number, session=number) for number in range(1, 51)]
    await writer.append([NewRecord(each.key, each.value, NOW) for each in facts])

    def united() -> bool:
        if not settings.published.exists():
            return False
        with duckdb.connect(settings.published, read_only=True) as connection:
            found = "select count(*), (select count(*) from shard) from pageview"
            return connection.execute(found).fetchall() == [(50, 2)]

    with (
        running("project", "--shard", "1/2", environ=environ, output=tmp_path / "1.log") as first,
        running("project", "--shard", "2/2", environ=environ, output=tmp_path / "2.log") as second,
    ):
        wait_until(united, within=60)
        asked = said(
            "sql", "select count(*) as n from pageview", "--format", "csv", environ=environ
        )
        assert asked == (0, "n\n50\n", "")
        status, _, refused = said("project", "--shard", "2/2", environ=environ)
        assert status == 2
        assert f"warehouse-2-of-2.duckdb is held by process {second.pid}: " in refused
        assert "or give --shard another share" in refused
        for other in ((), ("--shard", "1/3")):
            status, _, refused = said("project", *other, environ=environ)
            assert status == 2
            assert "is being projected into 2 shards" in refused
        assert (first.stop(), second.stop()) == (0, 0)
    assert united()
    late = glimpse(51)
    await writer.append([NewRecord(late.key, late.value, NOW)])
    await writer.close()
    assert said("healthy", "project", "--shard", "1/2", environ=environ)[0] == 1
    assert said("healthy", "project", "--shard", "2/2", environ=environ) == (0, "well\n", "")
