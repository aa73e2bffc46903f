from pathlib import Path

import pytest

from dwell.settings import Settings
from tests.support.dashboards import password_file


@pytest.fixture
def locked(tmp_path: Path) -> Settings:
    """The settings of a dashboard that asks for `PASSWORD`."""
    return Settings(data=tmp_path / "data", dashboard_password_file=password_file(tmp_path))
