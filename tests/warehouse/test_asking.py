"""A question that somebody breaks off."""

import signal
import threading
import time

import duckdb
import pytest

from dwell.warehouse.asking import interruptibly

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
