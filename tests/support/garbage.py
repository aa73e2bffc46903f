"""Modules and tests live as long as the run: Python's collector of garbage looks past them.

It would go through some 600,000 objects that are never garbage, once while each worker imports the
tests and then again and again while they run.
"""

import gc

import pytest


def pytest_configure() -> None:
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # what ends with the process is looked at once more
