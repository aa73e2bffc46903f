"""docs/examples/superset_dwell.py, against a real Apache Superset in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import ROOT
from tests.support.publishing import PAGE_A, PAGE_B, publish
from tests.support.running import answers, free_port, wait_until

EXAMPLE = ROOT / "docs" / "examples" / "superset_dwell.py"
SUPERSET = ROOT / ".cache" / "superset" / "bin" / "superset"
ADMIN = ("--username", "admin", "--firstname", "A", "--lastname", "D", "--email", "a@example.org")
PASSWORD = "for this test alone"


@contextmanager
def superset(folder: Path) -> Iterator[str]:
    """A new Superset with an administrator, as its manual sets one up; its address."""
    config = folder / "superset_config.py"
    config.write_text(
        f"SECRET_KEY = {os.urandom(42).hex()!r}\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder}/superset.db'\n"
    )
    environ = os.environ | {
        "FLASK_APP": "superset",
        "SUPERSET_CONFIG_PATH": str(config),
        "SUPERSET_HOME": str(folder),
    }
    with (folder / "superset.log").open("wb") as log:

        def begin(*arguments: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen([SUPERSET, *arguments], env=environ, stdout=log, stderr=log)

        for arguments in (
            ("db", "upgrade"),
            ("fab", "create-admin", *ADMIN, "--password", PASSWORD),
            ("init",),
        ):
            assert begin(*arguments).wait() == 0, (folder / "superset.log").read_text()
        port = free_port()
        with begin("run", "--host", "127.0.0.1", "--port", str(port)) as server:
            try:
                wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), within=300)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def drawn(url: str, warehouse: Path) -> dict[str, Any]:
    """What the example prints: the rows of the chart by view."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, url, "admin", warehouse],
        env=os.environ | {"SUPERSET_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["view_name"]: (row["median seconds"], row["count"]) for row in rows}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_superset_draws_the_newest_publication_each_time(tmp_path: Path) -> None:
    if not SUPERSET.exists():
        pytest.skip("no Superset: ./dev test --long brings it")
    warehouse = publish(tmp_path / "data", [1.0, 3.0, 8.0])
    with superset(tmp_path) as url:
        assert drawn(url, warehouse) == {PAGE_A: (3.0, 3)}
        publish(tmp_path / "data", [2.0], PAGE_B)
        assert drawn(url, warehouse) == {PAGE_A: (3.0, 3), PAGE_B: (2.0, 1)}
    left = sorted(each.name for each in (tmp_path / "data").iterdir())
    assert left == ["live", "warehouse.duckdb"]
