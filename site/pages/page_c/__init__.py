"""Page C: two tabs in one frame, and the paths that lead to them."""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from dwell.site.answer import Redirect
from dwell.site.pages.page_c.tab_1 import Tab1
from dwell.site.pages.page_c.tab_2 import Tab2

TABS = (Tab1(), Tab2())

_chances = tuple(Redirect(tab.path, 307, "no-store") for tab in TABS)


class AnyTab:
    """Sends each visit at random to one of the tabs. No document, hence no pageview."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with one of the redirects."""
        await secrets.choice(_chances)(scope, receive, send)


REDIRECTS: dict[str, ASGIApp] = {
    "/page_c": AnyTab(),
    # In people's notes from the time when tabs had letters. A day in caches, so that it can be mended.
    "/page_c/tab_b": Redirect(Tab2.path, 308, "max-age=86400"),
}
