"""Which worker of pytest-xdist runs what: a browser, a broker and the fixtures of a file are made once."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

from tests.support.forking import share
from tests.support.house import ROOT

FIRST = ("browser-browser", "kafka")
"""Browsers and brokers wait half of the time: two of these groups go at once, beside what computes."""
QUICK = ("house", "schemas", "site")
"""Folders whose tests are short: they are left for the end, when workers wait for the last one."""


@pytest.hookimpl(trylast=True)  # when it is known where temporary files are
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") != "no":
        share()


class Together(LoadGroupScheduling):  # type: ignore[misc]
    """The tests of a group run on one worker, and those of a file that are in no group."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    if config.option.dist != "loadgroup":
        return None
    config.option.loadscopereorder = False  # the order below, and not what has most tests first
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist puts the group into the name of a test
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_later)


def _group(item: pytest.Item) -> str:
    """Where it shares a browser or a broker, if it does."""
    if marker := item.get_closest_marker("browser"):
        # Browsers measure time: those of a folder run one after the other.
        return str(marker.kwargs.get("group", f"browser-{item.path.parent.name}"))
    wanted = {"kafka", "broker"} & set(getattr(item, "fixturenames", ()))
    return "kafka" if wanted else ""


def _later(item: pytest.Item) -> int:
    """What takes long comes first."""
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    if marker := item.get_closest_marker("xdist_group"):
        return 0 if marker.args[0] in FIRST else 2
    if folder == "commands":
        return 1
    return 4 if folder in QUICK else 3
