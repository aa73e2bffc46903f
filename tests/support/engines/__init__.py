"""Real browsers of three engines behind one face, and what each of them cannot do."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.support.engines.browser import Browser, Cannot, Tab
from tests.support.engines.chromium import chromium
from tests.support.engines.firefox import firefox
from tests.support.engines.webkit import webkit

__all__ = ["ENGINES", "Browser", "Cannot", "Tab", "opened"]

ENGINES: dict[str, Callable[..., AbstractContextManager[Browser]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
}


@contextmanager
def opened(engine: str, **options: object) -> Iterator[Browser]:
    """A browser with a fresh profile for the time of a `with`; its blank tab is in front.

    Options, all false unless said: `hasty`, not to wait for slow scripts; `forgetful`, with every
    storage forbidden; `clock`, a `Clock` that it reads the time of day from.

    Raises:
        NoBrowser: this machine has it not; the message says what is missing.
        Cannot: the engine has no such option.
    """
    with ENGINES[engine](**options) as browser:
        yield browser
