"""A question that somebody breaks off."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pytest

from dwell.warehouse.asking import Worker, interruptibly

LONG = "select sum(range % 7) from range(1_000_000_000)"


def test_ctrl_c_between_two_statements_ends_the_next_one() -> None:
    answers, main = [], threading.main_thread().ident or 0
    with duckdb.connect() as connection:

        def work() -> None:
            time.sleep(0.1)  # until it is waited for
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.1)
            answers.append(connection.execute(LONG).fetchall())

        with pytest.raises(KeyboardInterrupt):
            interruptibly(connection, work)
    assert answers == []


def test_ctrl_c_while_work_is_given_waits_for_what_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[bool] = []

    def work() -> None:
        try:
            connection.execute(LONG)
        finally:
            ended.append(True)

    with duckdb.connect() as connection, Worker(connection) as worker:
        submit = ThreadPoolExecutor.submit

        def interrupted(pool: ThreadPoolExecutor, given: Any) -> Any:
            future = submit(pool, given)
            if given is work:
                raise KeyboardInterrupt
            return future

        monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.call(work)
        assert ended == [True]
        assert connection.execute("select 1").fetchall() == [(1,)]
