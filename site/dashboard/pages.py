"""The pages of the dashboard, from their templates.

Every template finds:

- `root`: the dashboard's root, relative to this page, without a slash behind: `{{ root }}/login`.
  All addresses are made so, and hold wherever the dashboard is mounted and whatever proxy stands
  before it.
- `asset(name)`: where a file of `static/` is: `{{ asset("static/board.css") }}`.
- `user`: who looks, as `name` and `by` ("password", "proxy", "application" or "nobody"). Only who
  came by the password can sign out, with a `<form method="post" action="{{ root }}/logout">`.
- `timezone`: whose days and hours are shown.

A form needs no token: a `POST` is taken from the dashboard's own pages alone, by `Origin`,
`Sec-Fetch-Site` and a `SameSite=Strict` cookie.

`board.html` finds also `query`, the parameters of the address, by name; `asked`, those of a selection
as links have them; `problem`, None or why they make none; `alone`, whether the period is compared with
none; and `empty`, whether nothing is published yet. `session.html` finds `session_id`, and `asked`, with which it was linked. `login.html` finds `next`, which its form sends back, and `problem`, None or what was
wrong with the last try. `trouble.html` finds `title` and `detail`. `passage.html` finds nothing: it
leads to itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dwell.site.dashboard.access import User
from dwell.site.dashboard.assets import Assets
from dwell.site.dashboard.mounting import root_from

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders templates."""

    def __init__(self, assets: Assets, timezone: str) -> None:
        self._assets = assets
        self._timezone = timezone
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """The page as an answer."""
        root = root_from(request.scope)
        page = self._environment.get_template(template).render(
            root=root,
            asset=lambda name: f"{root}/{self._assets.path(name)}",
            user=User.of(request.scope),
            timezone=self._timezone,
            **context,
        )
        return HTMLResponse(page, status, headers)
