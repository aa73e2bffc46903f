"""`dwell healthy`, beside processes that are well and processes that are not."""

from pathlib import Path
from time import time

from dwell.commands.healthy import trouble_of_projector
from dwell.events.log import NewRecord
from dwell.events.log_file import create
from dwell.events.opening import open_writer
from dwell.settings import Settings
from dwell.warehouse import snapshot
from dwell.warehouse.live import LiveWarehouse
from tests.support.facts import glimpse
from tests.support.running import done, environment, free_port, running, wait_until


def healthy(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit status and what was said, on both outputs."""
    ended = done("healthy", *arguments, environ=environ)
    return ended.status, (ended.stdout + ended.stderr).strip()


def test_the_site_is_well_while_it_answers(tmp_path: Path) -> None:
    port = free_port()
    environ = environment(tmp_path / "data", port, host="0.0.0.0")
    status, said = healthy(environ, "site")
    assert status == 1
    assert said.startswith(f"the site does not answer on 127.0.0.1:{port}: ")
    url = f"http://127.0.0.1:{port}/"
    with running("site", environ=environ, output=tmp_path / "site", url=url):
        assert healthy(environ, "site") == (0, "well")
        elsewhere = environ | {"DWELL_PREFIX": "/elsewhere"}
        assert healthy(elsewhere, "site") == (
            1,
            "the site answers /elsewhere/health/live with 404: expected 200",
        )


def test_the_dashboard_is_well_while_it_answers_published_or_not(tmp_path: Path) -> None:
    environ = environment(tmp_path / "data", free_port())
    port = environ["DWELL_DASHBOARD_PORT"]
    status, said = healthy(environ, "dashboard")
    assert status == 1
    assert said.startswith(f"the dashboard does not answer on 127.0.0.1:{port}: ")
    url = f"http://127.0.0.1:{port}/healthy"
    with running("dashboard", environ=environ, output=tmp_path / "dashboard", url=url):
        assert healthy(environ, "dashboard") == (0, "well")


async def test_the_projector_is_well_if_old_facts_are_published(tmp_path: Path) -> None:
    settings = Settings.read({"data": tmp_path / "data"}, environ={})
    environ = environment(settings.data, free_port(), publish_seconds=0.2)
    status, said = healthy(environ, "project")
    assert status == 1
    assert said.startswith(f"there is no warehouse at {settings.published} yet")

    writer = open_writer(settings)
    with running("project", environ=environ, output=tmp_path / "project"):
        wait_until(settings.published.exists)
        wait_until(lambda: healthy(environ, "project") == (0, "well"))
    minute_ago = int(time() * 1_000) - 61_000
    fact = glimpse()
    await writer.append([NewRecord(fact.key, fact.value, minute_ago)])
    await writer.close()

    assert healthy(environ, "project") == (
        1,
        "facts older than 60 s are not published: from offset 0 of partition 0 on",
    )
    assert healthy(environ, "project", "--within", "3600") == (0, "well")
    with running("project", environ=environ, output=tmp_path / "project"):
        wait_until(lambda: healthy(environ, "project") == (0, "well"))


async def test_a_projector_of_another_log_is_not_well(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with LiveWarehouse(settings.warehouse) as warehouse:
        warehouse.belong_to("kafka:cluster/dwell-facts")
        warehouse.checkpoint()
        snapshot.copy(warehouse.path, settings.published)
    create(settings.embedded_log)
    trouble = await trouble_of_projector(settings, 60)
    assert trouble is not None
    assert trouble.startswith("DWELL_LOG is 'embedded:', the log embedded:")
    assert "expected kafka://HOST:PORT/dwell-facts with a broker of the cluster cluster" in trouble
