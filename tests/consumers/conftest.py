"""What the tests of consumers share."""

import pytest


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector that has nothing to read notices in a tenth of a second that it is to stop."""
    monkeypatch.setattr("dwell.consumers.projector.IDLE_WAIT", 0.1)
