"""Scenarios run in Chromium; with --long in every engine, several times. Results can be kept."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.engagement.expectations import expected
from tests.support.browsers import NoBrowser
from tests.support.engines import ENGINES, Browser, Cannot, opened
from tests.support.scenarios import scenario_of
from tests.support.visits import Measurement, Visits, visited


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run" not in metafunc.fixturenames:
        return
    config = metafunc.config
    asked = config.getoption("--engine") or (list(ENGINES) if _long(config) else ["chromium"])
    metafunc.parametrize("engine", asked, scope="package")
    metafunc.parametrize("run", range(1, config.getoption("--runs") + 1))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Two lanes for each engine, every second run in the other; a lane runs on one worker."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        engine, run = item.callspec.params["engine"], item.callspec.params["run"]
        lane = f"browser-{engine}" if run in (1, 3, 5) else f"browser-{engine}-2"
        item.add_marker(pytest.mark.browser(group=lane))


def _long(config: pytest.Config) -> bool:
    return bool(config.getoption("--long"))


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> tuple[float, ...]:
    """The lengths of the scenario."""
    found = scenario_of(request.node)
    assert found is not None
    return tuple(found.lengths(_long(request.config)))


@pytest.fixture(autouse=True)
def as_expected(request: pytest.FixtureRequest, engine: str, run: int) -> None:
    """What an engine is known not to pass has to fail."""
    reason = expected(engine, request.node.originalname)
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason.why, strict=reason.always))


class Keeper:
    """Appends what was measured to a file, a JSON document a line; does nothing without a file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def keep(self, **values: object) -> None:
        """One line, written at once: workers share the file."""
        if self._file is not None:
            with self._file.open("a") as sink:
                sink.write(json.dumps(values) + "\n")


def _keeper(config: pytest.Config) -> Keeper:
    file = config.getoption("--accuracy")
    return Keeper(Path(file) if file else None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = scenario_of(item)
    if found is not None and (report.when == "call" or report.skipped):
        reason = getattr(report, "wasxfail", "")
        if report.skipped and not reason:
            assert isinstance(report.longrepr, tuple)
            reason = report.longrepr[2].removeprefix("Skipped: ")
        _keeper(item.config).keep(
            scenario=found.title(_long(item.config)),
            engine=item.callspec.params["engine"],  # type: ignore[attr-defined]
            outcome=report.outcome,
            reason=reason,
        )
    return report


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visits]:
    with visited(tmp_path_factory.mktemp("data")) as visits:
        yield visits


@pytest.fixture
def visits(request: pytest.FixtureRequest, site: Visits, engine: str) -> Visits:
    """The site, which has forgotten who came before."""
    found, keeper, long = scenario_of(request.node), _keeper(request.config), _long(request.config)
    version = request.getfixturevalue("versions")

    def kept(measurement: Measurement) -> None:
        if found is not None:
            keeper.keep(
                scenario=found.title(long),
                engine=engine,
                version=version.get(engine, ""),
                truths=measurement.truths,
                measured=measurement.measured,
                allowed=measurement.allowed.bounds,
            )

    site.begin()
    site.measured = kept
    site.patience = 0.5 if long else 0
    return site


@pytest.fixture(scope="session")
def versions() -> dict[str, str]:
    """The versions of the browsers that were opened."""
    return {}


@pytest.fixture
def new_browser(engine: str, versions: dict[str, str]) -> Iterator[Callable[..., Browser]]:
    """Opens a browser of the engine, as often as called; see `opened` for the options."""
    with ExitStack() as stack:

        def opens(**options: object) -> Browser:
            try:
                browser = stack.enter_context(opened(engine, **options))
            except NoBrowser as error:
                pytest.skip(str(error))
            versions[engine] = browser.version
            return browser

        yield opens


@pytest.fixture(scope="package")
def one_browser(engine: str, versions: dict[str, str]) -> Iterator[Browser]:
    """One browser for all of these tests."""
    try:
        with opened(engine) as browser:
            versions[engine] = browser.version
            yield browser
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def browser(one_browser: Browser, visits: Visits) -> Browser:
    """It, with its blank tab alone, and nothing stored."""
    one_browser.clear(visits.origin)
    visits.begin()
    return one_browser


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What an engine cannot do is a skip, with the reason."""
    try:
        return (yield)
    except Cannot as error:
        pytest.skip(str(error))
