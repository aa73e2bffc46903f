"""The units of docs/examples/systemd, read by systemd itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.house import ROOT, every_command

UNITS = sorted((ROOT / "docs" / "examples" / "systemd").glob("*.service"))
EXPOSED = 12
"""How exposed a unit may be by `systemd-analyze security`: 100 is wide open, an ordinary one has 96."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there"
)


def analyzed(*arguments: str) -> str:
    """What systemd says, if it finds nothing wrong."""
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_there_is_a_unit_for_each_process() -> None:
    assert [each.stem for each in UNITS] == ["dwell-dashboard", "dwell-project", "dwell-site"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_with_it(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    command = re.search(r"^ExecStart=/opt/dwell/bin/dwell (.+)$", text, re.MULTILINE)
    assert command is not None
    assert command[1] in every_command()
    installed = tmp_path / unit.name
    installed.write_text(text.replace("/opt/dwell/bin/dwell", shutil.which("true") or ""))
    assert analyzed("verify", "--man=no", str(installed)) == ""
    analyzed("security", "--offline=true", f"--threshold={EXPOSED}", str(installed))
