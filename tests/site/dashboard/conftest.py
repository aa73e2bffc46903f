from collections.abc import Iterator
from pathlib import Path

import pytest

from dwell.settings import Settings
from tests.support.dashboards import dashboard, password_file
from tests.support.serving import Client


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A dashboard that asks nobody, before anything is published. It is shared: change nothing."""
    with dashboard(Settings(data=tmp_path_factory.mktemp("data"))) as client:
        yield client


@pytest.fixture
def locked(tmp_path: Path) -> Settings:
    """The settings of a dashboard that asks for `PASSWORD`."""
    return Settings(data=tmp_path / "data", dashboard_password_file=password_file(tmp_path))
