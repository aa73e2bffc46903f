"""`dwell prune`, as a person types it."""

from pathlib import Path

import pytest

from dwell import cli
from tests.consumers.test_pruning import bounds, old_and_new
from tests.support.replaying import project, settings_of


def test_it_says_what_would_go_and_what_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWELL_DATA", str(tmp_path / "data"))
    settings = settings_of(tmp_path / "data")
    old, new = old_and_new(settings)

    assert cli.run(["prune"]) == 2
    assert "expected how long the log keeps facts, as 90d" in capsys.readouterr().err

    assert cli.run(["prune", "--keep-facts", "1d"]) == 0
    printed = capsys.readouterr()
    assert f"{old + new} records older than" in printed.err
    assert printed.out.startswith("0 records from before")

    project(settings)
    capsys.readouterr()
    assert cli.run(["prune", "--keep-facts", "1d", "--dry-run"]) == 0
    assert f"{old + new - 1} records from before" in capsys.readouterr().out
    assert bounds(settings) == (0, old + new)

    assert cli.run(["prune", "--keep-facts", "1d"]) == 0
    assert f"{old + new - 1} records from before" in capsys.readouterr().out
    assert bounds(settings) == (old + new - 1, old + new)
