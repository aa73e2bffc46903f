"""Forgetting, where a projector publishes or promotes at the same moment."""

import shutil
from pathlib import Path

import pytest

from dwell.consumers.forgetting import Forgetting
from dwell.errors import WarehouseError
from dwell.settings import Settings
from dwell.warehouse import promotion, scrubbing, snapshot
from dwell.warehouse.kept import renew
from tests.consumers.test_replaying import visits
from tests.support.facts import uuid7
from tests.support.replaying import append, project, settings_of

VISITOR = uuid7(1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_of(tmp_path / "data")
    append(settings, visits(3))
    project(settings)
    return settings


def forget(settings: Settings) -> list[str]:
    """What could not be done yet."""
    return Forgetting(settings, [VISITOR], wait=1, say=lambda line: None).run().undone


def test_the_publication_before_the_one_that_people_open_goes(settings: Settings) -> None:
    forget(settings)
    former = snapshot.former_of(settings.publication)
    former.write_bytes(b"a publication with rows of the visitor")
    assert forget(settings) == []
    assert not former.exists()


def test_what_is_taken_while_it_is_written_anew_is_not_put_there_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(settings.warehouse, waiting := promotion.waiting(settings.warehouse))
    scrub = scrubbing.scrub

    def taken_meanwhile(source: Path, target: Path) -> None:
        scrub(source, target)
        waiting.unlink()

    monkeypatch.setattr(scrubbing, "scrub", taken_meanwhile)
    with pytest.raises(WarehouseError, match="was taken while it was written anew"):
        renew(waiting, tmp_path, [VISITOR], lambda warehouse: None)
    assert not waiting.exists()
