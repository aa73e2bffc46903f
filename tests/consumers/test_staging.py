"""Several processes read the log side by side, for a command that Ctrl-C ends at any moment."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from dwell.consumers import staging
from dwell.consumers.spans import Span
from tests.support.facts import glimpse
from tests.support.replaying import append, settings_of

OF_CTRL_C = 1 << (signal.SIGINT - 1)


def heeds_nothing(process: int) -> bool:
    """Whether Ctrl-C does nothing to it."""
    status = Path(f"/proc/{process}/status").read_text()
    masks = (status.partition(f"{name}:")[2].split()[0] for name in ("SigIgn", "SigBlk"))
    return any(int(mask, 16) & OF_CTRL_C for mask in masks)


def test_ctrl_c_is_heard_by_the_command_alone_and_ends_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path / "data")
    append(settings, [glimpse(number) for number in range(40)])
    monkeypatch.setattr(staging, "TASK_OFFSETS", 20)
    spans, folder, began = [Span(0, 0, 40)], tmp_path / "segments", []

    def look() -> None:
        while not (workers := multiprocessing.active_children()):
            time.sleep(0.001)
        began.append(heeds_nothing(workers[0].ident or 0))  # long before it has imported anything

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    looking = threading.Thread(target=look)
    looking.start()
    with pytest.raises(KeyboardInterrupt):
        staging.stage(settings, spans, folder, "stated", processes=1, done=interrupted)
    looking.join()
    assert began == [True]
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    with pytest.raises(KeyboardInterrupt), staging._uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        began.append(True)
    assert began == [True, True], "it is heard when all have begun"

    told: list[int] = []
    found = staging.stage(settings, spans, folder, "stated", processes=1, done=told.append)
    assert sum(each.records for each in found) == 40
    assert sum(told) <= 20, "what the worker had finished is not read again"
